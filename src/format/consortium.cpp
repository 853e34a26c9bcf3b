#include "format/consortium.h"

#include <algorithm>
#include <set>

#include "format/impl/canonical.h"
#include "format/impl/consortium_json.h"

namespace chengxin::format {
namespace {

constexpr size_t kMaxTitleBytes = 120, kMaxAddressBytes = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

bool valid_port(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || digits[0] == '0' ||
      !std::all_of(digits.begin(), digits.end(), is_digit))
    return false;
  unsigned port = 0;
  for (char c : digits) port = port * 10 + unsigned(c - '0');
  return port <= 65535;
}

bool valid_title(std::string_view title) {
  return !title.empty() && title.size() <= kMaxTitleBytes && Canonical::is_utf8(view(title)) &&
         std::none_of(title.begin(), title.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

template <typename Items>
bool ascending(const Items& items) {
  return std::adjacent_find(items.begin(), items.end(),
                            [](const auto& a, const auto& b) { return !(a.name < b.name); }) == items.end();
}

template <typename Items, typename Field>
bool distinct(const Items& items, Field field) {
  std::set<std::decay_t<decltype(field(*items.begin()))>> seen;
  return std::all_of(items.begin(), items.end(),
                     [&](const auto& item) { return seen.insert(field(item)).second; });
}

constexpr crypto::Sm2Point kNoKey{};

Result<Consortium> read(const Json& json) {
  Consortium out;
  auto approval = approval_of(json.at("approval").get_ref<const std::string&>());
  if (!approval) return bad_consortium("an unknown approval");
  out.approval = *approval;
  for (const Json& entry : json.at("organisations")) {
    ASSIGN(auto organisation, read_organisation(entry));
    out.organisations.push_back(std::move(organisation));
  }
  for (const Json& entry : json.at("nodes")) {
    ASSIGN(auto node, read_node(entry));
    out.nodes.push_back(std::move(node));
  }
  TRY(out.check());
  return out;
}

Json write(const Consortium& consortium) {
  Json json = {{"approval", approval_name(consortium.approval)},
               {"organisations", Json::array()},
               {"nodes", Json::array()}};
  for (const auto& organisation : consortium.organisations)
    json["organisations"].push_back(to_json(organisation));
  for (const auto& node : consortium.nodes) json["nodes"].push_back(to_json(node));
  return json;
}

}  // namespace

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool valid_address(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (address.size() > kMaxAddressBytes || colon == address.npos || colon == 0 ||
      !valid_port(address.substr(colon + 1)))
    return false;
  std::string_view host = address.substr(0, colon);
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
    return std::all_of(host.begin(), host.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
  }
  return host.front() != '-' && host.front() != '.' && std::all_of(host.begin(), host.end(), [](char c) {
           return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '-';
         });
}

std::string_view approval_name(Approval approval) {
  return approval == Approval::majority ? "majority" : approval == Approval::all ? "all" : "two_thirds";
}

std::optional<Approval> approval_of(std::string_view name) {
  for (Approval approval : {Approval::two_thirds, Approval::majority, Approval::all})
    if (approval_name(approval) == name) return approval;
  return std::nullopt;
}

std::string_view role_name(NodeRole role) { return role == NodeRole::voter ? "voter" : "observer"; }

std::optional<NodeRole> role_of(std::string_view name) {
  for (NodeRole role : {NodeRole::voter, NodeRole::observer})
    if (role_name(role) == name) return role;
  return std::nullopt;
}

Json to_json(const Organisation& organisation) {
  const auto& [name, title, root_certificate, governor_key] = organisation;
  return {{"name", name},
          {"title", title},
          {"root_certificate", base64(root_certificate)},
          {"governor_key", hex(governor_key)}};
}

Json to_json(const Node& node) {
  const auto& [name, organisation, key, service_key, engine_key, engine_id, address, role, weight] = node;
  return {{"name", name},
          {"organisation", organisation},
          {"key", hex(key)},
          {"service_key", service_key == kNoKey ? "" : hex(service_key)},
          {"engine_key", hex(engine_key)},
          {"engine_id", hex(engine_id)},
          {"address", address},
          {"role", role_name(role)},
          {"weight", weight}};
}

namespace {

Result<Organisation> parse_organisation(const Json& json) {
  Organisation out;
  out.name = json.at("name").get<std::string>();
  out.title = json.at("title").get<std::string>();
  ASSIGN(out.root_certificate, unbase64(json.at("root_certificate").get_ref<const std::string&>()));
  ASSIGN(out.governor_key, fixed_hex<65>(json.at("governor_key"), "a governor key"));
  TRY(check(out));
  return out;
}

Result<Node> parse_node(const Json& json) {
  Node out;
  out.name = json.at("name").get<std::string>();
  out.organisation = json.at("organisation").get<std::string>();
  ASSIGN(out.key, fixed_hex<65>(json.at("key"), "a key"));
  if (!json.at("service_key").get_ref<const std::string&>().empty()) {
    ASSIGN(out.service_key, fixed_hex<65>(json.at("service_key"), "a service key"));
  }
  ASSIGN(out.engine_key, fixed_hex<32>(json.at("engine_key"), "an engine key"));
  ASSIGN(out.engine_id, fixed_hex<20>(json.at("engine_id"), "an engine id"));
  out.address = json.at("address").get<std::string>();
  auto role = role_of(json.at("role").get_ref<const std::string&>());
  if (!role) return bad_consortium("an unknown role");
  out.role = *role;
  out.weight = json.at("weight").get<uint64_t>();
  TRY(check(out));
  return out;
}

}  // namespace

Result<Organisation> read_organisation(const Json& json) {
  try {
    return parse_organisation(json);
  } catch (const Json::exception& error) {
    return bad_consortium(error.what());
  }
}

Result<Node> read_node(const Json& json) {
  try {
    return parse_node(json);
  } catch (const Json::exception& error) {
    return bad_consortium(error.what());
  }
}

Status check(const Organisation& organisation) {
  if (!valid_name(organisation.name)) return bad_consortium("the name of an organisation");
  if (!valid_title(organisation.title)) return bad_consortium("the title of " + organisation.name);
  if (organisation.root_certificate.empty() || organisation.root_certificate.size() > kMaxRootBytes)
    return bad_consortium("the root certificate of " + organisation.name);
  return {};
}

Status check(const Node& node) {
  if (!valid_name(node.name)) return bad_consortium("the name of a node");
  if (!valid_address(node.address)) return bad_consortium("the address of " + node.name);
  if (node.weight == 0 || node.weight > kMaxWeight) return bad_consortium("the weight of " + node.name);
  return {};
}

std::string Consortium::encode() const { return canonical_json(write(*this)).value(); }

Result<Consortium> Consortium::decode(std::string_view document) {
  return read_canonical<Consortium>(document, read, write);
}

Status Consortium::check() const {
  if (organisations.empty() || organisations.size() > kMaxOrganisations)
    return bad_consortium("the number of organisations");
  if (nodes.empty() || nodes.size() > kMaxNodes) return bad_consortium("the number of nodes");
  for (const auto& organisation : organisations) TRY(format::check(organisation));
  for (const auto& node : nodes) {
    TRY(format::check(node));
    if (!find_organisation(node.organisation))
      return bad_consortium(fmt::format("{} belongs to no organisation of these", node.name));
  }
  if (!ascending(organisations) || !ascending(nodes)) return bad_consortium("names twice or out of order");
  std::vector<crypto::Sm2Point> services;
  for (const auto& node : nodes)
    if (node.service_key != kNoKey) services.push_back(node.service_key);
  if (!distinct(organisations, [](const auto& each) { return each.governor_key; }) ||
      !distinct(nodes, [](const auto& each) { return each.key; }) ||
      !distinct(nodes, [](const auto& each) { return each.engine_key; }) ||
      !distinct(nodes, [](const auto& each) { return each.engine_id; }) ||
      !distinct(services, [](const auto& each) { return each; }))
    return bad_consortium("a key stands twice");
  if (std::none_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.role == NodeRole::voter; }))
    return bad_consortium("no node votes");
  return {};
}

void Consortium::sort() {
  auto by_name = [](const auto& a, const auto& b) { return a.name < b.name; };
  std::sort(organisations.begin(), organisations.end(), by_name);
  std::sort(nodes.begin(), nodes.end(), by_name);
}

size_t Consortium::votes_needed() const {
  const size_t count = organisations.size();
  switch (approval) {
    case Approval::majority:
      return count / 2 + 1;
    case Approval::all:
      return count;
    case Approval::two_thirds:
      break;
  }
  return count * 2 / 3 + 1;
}

ValidatorSet Consortium::validators() const {
  ValidatorSet out;
  for (const Node& node : nodes)
    if (node.role == NodeRole::voter) out.members.push_back({node.key, node.weight});
  std::sort(out.members.begin(), out.members.end(),
            [](const Validator& a, const Validator& b) { return a.public_key < b.public_key; });
  return out;
}

namespace {

template <typename Items, typename Match>
auto find_in(const Items& items, Match match) -> decltype(items.data()) {
  auto found = std::find_if(items.begin(), items.end(), match);
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Node* Consortium::find_node(const crypto::Sm2Point& key) const {
  return find_in(nodes, [&](const Node& each) { return each.key == key; });
}
const Node* Consortium::find_node(std::string_view name) const {
  return find_in(nodes, [&](const Node& each) { return each.name == name; });
}
const Organisation* Consortium::find_organisation(std::string_view name) const {
  return find_in(organisations, [&](const Organisation& each) { return each.name == name; });
}
const Organisation* Consortium::find_governor(const crypto::Sm2Point& key) const {
  return find_in(organisations, [&](const Organisation& each) { return each.governor_key == key; });
}

Bytes ProtocolChange::encode() const {
  Bytes out;
  put_be(out, version);
  put_be(out, from_height);
  return out;
}

Result<ProtocolChange> ProtocolChange::decode(ByteView bytes) {
  Reader in(bytes);
  ProtocolChange out{in.be<uint32_t>(), in.be<uint64_t>()};
  if (!in.done() || out.version == 0)
    return fail(Code::data_loss, "format.protocol", "a protocol change has 12 bytes and a version from 1 on");
  return out;
}

}  // namespace chengxin::format
