#include "format/contract.h"

#include "crypto/sm3.h"
#include "format/contract.pb.h"
#include "format/impl/canonical.h"
#include "format/impl/message.h"
#include "format/impl/tag.h"

namespace chengxin::format {
namespace {

template <size_t N>
void set(std::string* field, const std::array<uint8_t, N>& value) {
  field->assign(value.begin(), value.end());
}

Address first_20(const Digest& digest) {
  Address out;
  std::memcpy(out.data(), digest.data(), out.size());
  return out;
}

tl::unexpected<Error> bad_record(std::string_view what) {
  return fail(Code::data_loss, "format.contract_record", "not a {}", what);
}

}  // namespace

Address account_address(const crypto::Sm2Point& public_key) {
  return first_20(crypto::sm3({tag("chengxin/key/v1"), public_key}));
}

Address contract_address(std::string_view name) {
  return first_20(crypto::sm3({tag("chengxin/contract/v1"), view(name)}));
}

std::optional<Address> parse_address(std::string_view text) {
  Address out;
  if (text.size() != 42 || !text.starts_with("0x")) return {};
  const auto bytes = unhex(text.substr(2));
  if (!bytes || hex(*bytes) != text.substr(2)) return {};
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

bool is_contract_name(std::string_view name) {
  auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  if (name.empty() || name.size() > 64 || !letter(name.front())) return false;
  for (char c : name)
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') return false;
  return true;
}

Bytes ContractPackage::encode() const {
  pb::ContractPackage message;
  message.set_engine(uint32_t(engine));
  message.set_code(code.data(), code.size());
  message.set_interface(interface);
  set(message.mutable_source(), source);
  message.set_toolchain(toolchain);
  return serialise(message);
}

Result<ContractPackage> ContractPackage::decode(ByteView bytes) {
  Canonical in(bytes);
  ContractPackage out;
  const uint64_t engine = in.number(1, UINT32_MAX);
  out.code = to_bytes(in.bytes(2));
  out.interface = in.string(3);
  const ByteView source = in.bytes(4);
  out.toolchain = in.string(5);
  if (!in.done() || (engine != 1 && engine != 2) || out.code.empty() || out.interface.empty() ||
      !take(source, out.source))
    return fail(Code::invalid_argument, "format.contract_package", "not a package of a contract");
  out.engine = ContractEngine(engine);
  return out;
}

Bytes ContractPropose::encode() const {
  pb::ContractPropose message;
  message.set_name(name);
  set(message.mutable_package(), package);
  return serialise(message);
}

Result<ContractPropose> ContractPropose::decode(ByteView arguments) {
  Canonical in(arguments);
  ContractPropose out;
  out.name = in.string(1);
  const ByteView package = in.bytes(2);
  if (!in.done() || !take(package, out.package)) return arguments_malformed("contract.propose");
  return out;
}

Bytes ContractVersionRef::encode() const {
  pb::ContractVersionRef message;
  message.set_name(name);
  message.set_version(version);
  message.set_input(input.data(), input.size());
  return serialise(message);
}

Result<ContractVersionRef> ContractVersionRef::decode(ByteView arguments) {
  Canonical in(arguments);
  ContractVersionRef out;
  out.name = in.string(1);
  out.version = uint32_t(in.number(2, UINT32_MAX));
  out.input = to_bytes(in.bytes(3));
  if (!in.done()) return arguments_malformed("contract.approve, reject or deploy");
  return out;
}

Bytes ContractReason::encode() const {
  pb::ContractReason message;
  message.set_name(name);
  message.set_why(why);
  return serialise(message);
}

Result<ContractReason> ContractReason::decode(ByteView arguments) {
  Canonical in(arguments);
  ContractReason out;
  out.name = in.string(1);
  out.why = in.string(2);
  if (!in.done() || out.why.size() > 1000) return arguments_malformed("contract.freeze, unfreeze or retire");
  return out;
}

std::string_view name_of(ContractState state) {
  constexpr std::string_view names[] = {"proposed", "active", "frozen", "retired"};
  return names[uint32_t(state) - 1];
}

std::string_view name_of(ContractVersionState state) {
  constexpr std::string_view names[] = {"proposed", "approved", "rejected", "deployed", "superseded"};
  return names[uint32_t(state) - 1];
}

Bytes ContractRecord::encode() const {
  pb::ContractRecord message;
  message.set_state(uint32_t(state));
  message.set_current(current);
  message.set_latest(latest);
  set(message.mutable_owner(), owner);
  message.set_why(why);
  return serialise(message);
}

Result<ContractRecord> ContractRecord::decode(ByteView bytes) {
  Canonical in(bytes);
  ContractRecord out;
  const uint64_t state = in.number(1, 4);
  out.current = uint32_t(in.number(2, UINT32_MAX));
  out.latest = uint32_t(in.number(3, UINT32_MAX));
  const ByteView owner = in.bytes(4);
  out.why = in.string(5);
  if (!in.done() || state == 0 || !take(owner, out.owner)) return bad_record("contract");
  out.state = ContractState(state);
  return out;
}

std::string ContractRecord::state_key(std::string_view name) { return fmt::format("contract/n/{}", name); }

Bytes ContractVersionRecord::encode() const {
  pb::ContractVersionRecord message;
  message.set_state(uint32_t(state));
  set(message.mutable_package(), package);
  set(message.mutable_proposer(), proposer);
  message.set_height(height);
  for (const KeyId& each : approvals) set(message.add_approvals(), each);
  return serialise(message);
}

Result<ContractVersionRecord> ContractVersionRecord::decode(ByteView bytes) {
  Canonical in(bytes);
  ContractVersionRecord out;
  const uint64_t state = in.number(1, 5);
  const ByteView package = in.bytes(2), proposer = in.bytes(3);
  out.height = in.number(4);
  bool readable = true;
  while (in.more(5)) readable = take(in.element(), out.approvals.emplace_back()) && readable;
  if (!in.done() || state == 0 || !readable || !take(package, out.package) || !take(proposer, out.proposer))
    return bad_record("version of a contract");
  out.state = ContractVersionState(state);
  return out;
}

std::string ContractVersionRecord::state_key(std::string_view name, uint32_t version) {
  return fmt::format("contract/v/{}/{}", name, version);
}

std::string package_key(const Digest& package) { return "contract/p/" + to_string(package); }

std::string contract_state_prefix(const Address& address) { return "c/" + to_string(address); }

}  // namespace chengxin::format
