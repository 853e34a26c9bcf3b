#include "base/json.h"
#include "format/consortium.h"
#include "ledger/contract.h"

// Arguments and answers: docs/formats/chain.md, "Governance".
namespace chengxin::ledger {
namespace {

using format::Account;
using format::ReceiptStatus;

CallResult ended(ReceiptStatus status, std::string_view reason) {
  CallResult result;
  result.status = status;
  result.output = to_bytes(view(reason));
  return result;
}

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

Result<CallResult> set_validators(const CallContext& context) {
  auto arguments = format::decode_set_validators(context.arguments);
  if (!arguments) return ended(ReceiptStatus::bad_arguments, arguments.error().reason);
  auto set = format::ValidatorSet::decode(*arguments);
  if (!set) return ended(ReceiptStatus::refused, "governance.validators");
  for (const format::Validator& member : set->members)
    if (!crypto::Sm2PublicKey::from_point(member.public_key))
      return ended(ReceiptStatus::refused, "governance.validators");
  context.state.put(format::kValidatorsKey, std::move(*arguments));
  const Digest hash = set->hash();
  return done("validators_set", hash);
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

ContractTable governance_contract() {
  return {method("register_key", {"key/"}, register_key), method("revoke_key", {"key/"}, revoke_key),
          method("set_validators", {std::string(format::kValidatorsKey)}, set_validators)};
}

}  // namespace chengxin::ledger
