#include <type_traits>

#include "format/impl/canonical.h"
#include "format/impl/consortium_json.h"
#include "format/proposal.h"

// The actions of a proposal as JSON: {"action": name, …}. A row of the tables for each alternative.
namespace chengxin::format {
namespace {

constexpr size_t kMaxRoles = 16, kMaxRoleBytes = 64, kMaxSerials = 16, kMaxSerialBytes = 20;

// In the order of the alternatives of Action.
constexpr std::string_view kNames[] = {
    "add_organisation",   "remove_organisation", "replace_governor", "replace_root",      "add_node",
    "set_role",           "remove_node",         "revoke_node",      "replace_node_keys", "move_node",
    "register_key",       "revoke_key",          "set_protocol",     "set_approval",      "set_limits",
    "set_contract_policy"};
static_assert(std::size(kNames) == std::variant_size_v<Action>);

Json fields(const AddOrganisation& action) { return {{"organisation", to_json(action.organisation)}}; }
Json fields(const RemoveOrganisation& action) { return {{"organisation", action.organisation}}; }
Json fields(const ReplaceGovernor& action) {
  return {{"organisation", action.organisation}, {"governor_key", hex(action.key)}};
}
Json fields(const ReplaceRoot& action) {
  return {{"organisation", action.organisation}, {"root_certificate", base64(action.certificate)}};
}
Json fields(const AddNode& action) { return {{"node", to_json(action.node)}}; }
Json fields(const SetRole& action) {
  return {{"node", action.node}, {"role", role_name(action.role)}, {"weight", action.weight}};
}
Json fields(const RemoveNode& action) { return {{"node", action.node}}; }
Json fields(const RevokeNode& action) {
  Json serials = Json::array();
  for (const Bytes& serial : action.serials) serials.push_back(hex(serial));
  return {{"node", action.node}, {"why", action.why}, {"serials", std::move(serials)}};
}
Json fields(const ReplaceNodeKeys& action) {
  Json out = {{"node", action.node}};
  if (action.key) out["key"] = hex(*action.key);
  if (action.service_key) out["service_key"] = hex(*action.service_key);
  if (action.engine_key) out["engine_key"] = hex(*action.engine_key);
  if (action.engine_id) out["engine_id"] = hex(*action.engine_id);
  return out;
}
Json fields(const MoveNode& action) { return {{"node", action.node}, {"address", action.address}}; }
Json fields(const RegisterAccount& action) {
  return {{"public_key", hex(action.key)}, {"roles", action.roles}};
}
Json fields(const RevokeAccount& action) { return {{"key_id", hex(action.id)}}; }
Json fields(const SetProtocol& action) {
  return {{"version", action.change.version}, {"from_height", action.change.from_height}};
}
Json fields(const SetApproval& action) { return {{"approval", approval_name(action.approval)}}; }
Json fields(const SetLimits& action) {
  return {{"max_block_bytes", action.limits.max_block_bytes},
          {"max_transaction_bytes", action.limits.max_transaction_bytes},
          {"max_validity_ms", action.limits.max_validity_ms}};
}
Json fields(const SetContractPolicy& action) {
  return {{"policy", parse_json(action.policy.encode()).value()}};
}

Status read(const Json& json, AddOrganisation& out) {
  ASSIGN(out.organisation, read_organisation(json.at("organisation")));
  return {};
}
Status read(const Json& json, RemoveOrganisation& out) {
  out.organisation = json.at("organisation").get<std::string>();
  return {};
}
Status read(const Json& json, ReplaceGovernor& out) {
  out.organisation = json.at("organisation").get<std::string>();
  ASSIGN(out.key, fixed_hex<65>(json.at("governor_key"), "a governor key"));
  return {};
}
Status read(const Json& json, ReplaceRoot& out) {
  out.organisation = json.at("organisation").get<std::string>();
  ASSIGN(out.certificate, unbase64(json.at("root_certificate").get_ref<const std::string&>()));
  if (out.certificate.empty() || out.certificate.size() > kMaxRootBytes)
    return bad_consortium("the root certificate of " + out.organisation);
  return {};
}
Status read(const Json& json, AddNode& out) {
  ASSIGN(out.node, read_node(json.at("node")));
  return {};
}
Status read(const Json& json, SetRole& out) {
  out.node = json.at("node").get<std::string>();
  auto role = role_of(json.at("role").get_ref<const std::string&>());
  if (!role) return bad_consortium("an unknown role");
  out.role = *role;
  out.weight = json.at("weight").get<uint64_t>();
  if (out.weight == 0 || out.weight > kMaxWeight) return bad_consortium("the weight of " + out.node);
  return {};
}
Status read(const Json& json, RemoveNode& out) {
  out.node = json.at("node").get<std::string>();
  return {};
}
Status read(const Json& json, RevokeNode& out) {
  out.node = json.at("node").get<std::string>();
  out.why = json.at("why").get<std::string>();
  if (out.why.size() > kMaxWhyBytes) return bad_consortium("why is too long");
  for (const Json& each : json.at("serials")) {
    ASSIGN(Bytes serial, unhex(each.get_ref<const std::string&>()));
    if (serial.empty() || serial.size() > kMaxSerialBytes) return bad_consortium("a serial number");
    out.serials.push_back(std::move(serial));
  }
  if (out.serials.size() > kMaxSerials) return bad_consortium("too many serial numbers");
  return {};
}

template <size_t N>
Status read_optional(const Json& json, const char* name, std::optional<std::array<uint8_t, N>>& out) {
  if (!json.contains(name)) return {};
  ASSIGN(out, fixed_hex<N>(json.at(name), name));
  return {};
}

Status read(const Json& json, ReplaceNodeKeys& out) {
  out.node = json.at("node").get<std::string>();
  TRY(read_optional(json, "key", out.key));
  TRY(read_optional(json, "service_key", out.service_key));
  TRY(read_optional(json, "engine_key", out.engine_key));
  TRY(read_optional(json, "engine_id", out.engine_id));
  if (!out.key && !out.service_key && !out.engine_key && !out.engine_id)
    return bad_consortium("no key to replace");
  return {};
}
Status read(const Json& json, MoveNode& out) {
  out.node = json.at("node").get<std::string>();
  out.address = json.at("address").get<std::string>();
  if (!valid_address(out.address)) return bad_consortium("the address of " + out.node);
  return {};
}
Status read(const Json& json, RegisterAccount& out) {
  ASSIGN(out.key, fixed_hex<65>(json.at("public_key"), "a public key"));
  for (const Json& each : json.at("roles")) {
    out.roles.push_back(each.get<std::string>());
    if (out.roles.back().empty() || out.roles.back().size() > kMaxRoleBytes)
      return bad_consortium("the name of a role");
  }
  if (out.roles.empty() || out.roles.size() > kMaxRoles) return bad_consortium("the number of roles");
  return {};
}
Status read(const Json& json, RevokeAccount& out) {
  ASSIGN(out.id, fixed_hex<16>(json.at("key_id"), "a key id"));
  return {};
}
Status read(const Json& json, SetProtocol& out) {
  const uint64_t version = json.at("version").get<uint64_t>();
  if (version == 0 || version > UINT32_MAX) return bad_consortium("a protocol version");
  out.change = {uint32_t(version), json.at("from_height").get<uint64_t>()};
  return {};
}
Status read(const Json& json, SetApproval& out) {
  auto approval = approval_of(json.at("approval").get_ref<const std::string&>());
  if (!approval) return bad_consortium("an unknown approval");
  out.approval = *approval;
  return {};
}
Status read(const Json& json, SetLimits& out) {
  out.limits.max_block_bytes = json.at("max_block_bytes").get<uint64_t>();
  out.limits.max_transaction_bytes = json.at("max_transaction_bytes").get<uint64_t>();
  out.limits.max_validity_ms = json.at("max_validity_ms").get<uint64_t>();
  return {};
}
Status read(const Json& json, SetContractPolicy& out) {
  auto document = canonical_json(json.at("policy"));
  if (!document) return bad_consortium("a policy that has no canonical spelling");
  ASSIGN(out.policy, ContractPolicy::decode(*document));
  return {};
}

template <size_t I = 0>
Result<Action> read_named(std::string_view name, const Json& json) {
  if constexpr (I == std::variant_size_v<Action>) {
    return bad_consortium(fmt::format("an unknown action: {}", name));
  } else {
    if (name != kNames[I]) return read_named<I + 1>(name, json);
    std::variant_alternative_t<I, Action> out;
    TRY(read(json, out));
    return Action(std::move(out));
  }
}

}  // namespace

std::string_view action_name(const Action& action) { return kNames[action.index()]; }

Json action_json(const Action& action) {
  Json out = std::visit([](const auto& each) { return fields(each); }, action);
  out["action"] = action_name(action);
  return out;
}

Result<Action> read_action(const Json& json) {
  try {
    return read_named(json.at("action").get_ref<const std::string&>(), json);
  } catch (const Json::exception& error) {
    return bad_consortium(error.what());
  }
}

}  // namespace chengxin::format
