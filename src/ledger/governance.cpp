#include "base/check.h"
#include "format/consortium.h"
#include "ledger/contract.h"

// Arguments and answers: docs/formats/chain.md, "Governance".
namespace chengxin::ledger {
namespace {

using format::Account;
using format::ReceiptStatus;

CallResult done(std::string_view type, ByteView data) {
  CallResult result;
  result.events.push_back({"governance", std::string(type), to_bytes(data)});
  return result;
}

std::string key_of(const format::KeyId& id) { return to_string(Account::state_key(id)); }

Result<CallResult> register_key(const CallContext& context) {
  auto arguments = format::decode_register_key(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  if (!crypto::Sm2PublicKey::from_point(arguments->public_key))
    return ended(ReceiptStatus::refused, "governance.public_key");
  const format::KeyId id = format::key_id(arguments->public_key);
  ASSIGN(auto present, context.state.get(key_of(id)));
  if (present) return ended(ReceiptStatus::refused, "governance.key_exists");
  context.state.put(key_of(id), Account{arguments->public_key, true, arguments->roles}.encode());
  return done("key_registered", id);
}

Result<CallResult> revoke_key(const CallContext& context) {
  auto arguments = format::decode_revoke_key(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  const format::KeyId id = *arguments;
  ASSIGN(auto present, context.state.get(key_of(id)));
  if (!present) return ended(ReceiptStatus::refused, "governance.no_key");
  ASSIGN(Account account, Account::decode(*present));
  if (!account.active) return ended(ReceiptStatus::refused, "governance.key_revoked");
  // A chain that nobody can govern any more cannot be mended.
  if (id == context.signer) return ended(ReceiptStatus::refused, "governance.own_key");
  account.active = false;
  context.state.put(key_of(id), account.encode());
  return done("key_revoked", id);
}

// Whose signature alone certifies, or nullptr.
const format::Validator* sole_certifier(const format::ValidatorSet& set) {
  for (const format::Validator& member : set.members)
    if (3 * member.weight > 2 * set.total_weight()) return &member;
  return nullptr;
}

// One node alone makes the blocks of a chain that one key certifies. Were that key not enough any more, the
// next block would never be certified.
Result<CallResult> set_validators(const CallContext& context) {
  auto arguments = format::decode_set_validators(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  auto set = format::ValidatorSet::decode(*arguments);
  if (!set) return ended(ReceiptStatus::refused, "governance.validators");
  for (const format::Validator& member : set->members)
    if (!crypto::Sm2PublicKey::from_point(member.public_key))
      return ended(ReceiptStatus::refused, "governance.validators");
  ASSIGN(auto stored, context.state.get(format::kValidatorsKey));
  CHECK(stored.has_value());
  ASSIGN(auto now, format::ValidatorSet::decode(*stored));
  const format::Validator* alone = sole_certifier(now);
  const format::Validator* then = sole_certifier(*set);
  if (alone && (!then || then->public_key != alone->public_key))
    return ended(ReceiptStatus::refused, "governance.validators_quorum");
  context.state.put(format::kValidatorsKey, std::move(*arguments));
  const Digest hash = set->hash();
  return done("validators_set", hash);
}

// The next version only, as below its height a block follows the one before. The height of a change that
// waits may be moved.
Result<CallResult> set_protocol(const CallContext& context) {
  auto arguments = format::decode_set_protocol(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  const format::ProtocolChange change{arguments->version, arguments->from_height};
  ASSIGN(auto stored, context.state.get(format::kProtocolKey));
  format::ProtocolChange now;
  if (stored) {
    ASSIGN(now, format::ProtocolChange::decode(*stored));
  }
  if (change.version != now.at(context.height) + 1)
    return ended(ReceiptStatus::refused, "governance.protocol_version");
  if (change.from_height <= context.height)
    return ended(ReceiptStatus::refused, "governance.protocol_height");
  context.state.put(format::kProtocolKey, change.encode());
  return done("protocol_set", change.encode());
}

Result<CallResult> set_contract_policy(const CallContext& context) {
  const auto policy = format::ContractPolicy::decode(text(context.arguments));
  if (!policy) return ended(ReceiptStatus::bad_arguments, policy.error().reason);
  context.state.put(format::kContractPolicyKey, to_bytes(context.arguments));
  return done("contract_policy_set", context.arguments);
}

Result<CallResult> set_limits(const CallContext& context) {
  auto arguments = format::decode_set_limits(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  const auto& [block, transaction, validity] = *arguments;
  const format::ChainLimits limits{block, transaction, validity};
  if (!limits_allowed(limits)) return ended(ReceiptStatus::refused, "governance.limits");
  context.state.put(format::kLimitsKey, limits.encode());
  return done("limits_set", limits.encode());
}

Method method(std::string name, std::vector<std::string> writes,
              std::function<Result<CallResult>(const CallContext&)> run) {
  Method out;
  out.contract = "governance";
  out.name = std::move(name);
  out.role = "governor";
  out.reads = {std::string(format::kConsortiumKey)};
  out.writes = std::move(writes);
  // Where a consortium governs, one governor alone changes nothing.
  out.run = [run = std::move(run)](const CallContext& context) -> Result<CallResult> {
    ASSIGN(auto consortium, context.state.get(format::kConsortiumKey));
    if (consortium) return ended(ReceiptStatus::refused, "governance.by_vote");
    return run(context);
  };
  return out;
}

}  // namespace

bool limits_allowed(const format::ChainLimits& limits) {
  auto within = [&](uint64_t format::ChainLimits::*each) {
    return limits.*each >= kLeastLimits.*each && limits.*each <= kMostLimits.*each;
  };
  return within(&format::ChainLimits::max_block_bytes) &&
         within(&format::ChainLimits::max_transaction_bytes) &&
         within(&format::ChainLimits::max_validity_ms) &&
         limits.max_transaction_bytes <= limits.max_block_bytes;
}

ContractTable governance_contract() {
  Method policy =
      method("set_contract_policy", {std::string(format::kContractPolicyKey)}, set_contract_policy);
  policy.since_version = 3;
  Method limits = method("set_limits", {std::string(format::kLimitsKey)}, set_limits);
  limits.since_version = 2;
  return {method("register_key", {"key/"}, register_key),
          method("revoke_key", {"key/"}, revoke_key),
          method("set_validators", {std::string(format::kValidatorsKey)}, set_validators),
          method("set_protocol", {std::string(format::kProtocolKey)}, set_protocol),
          std::move(limits),
          std::move(policy)};
}

}  // namespace chengxin::ledger
