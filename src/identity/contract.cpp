#include "identity/contract.h"

#include "format/consortium.h"
#include "identity/impl/session.h"

namespace chengxin::identity {
namespace {

using format::ReceiptStatus;

Result<CallResult> answer(const Error& error) {
  if (error.reason == "transaction.arguments_malformed")
    return ledger::ended(ReceiptStatus::bad_arguments, error.reason);
  if (!error.reason.starts_with("identity.")) return tl::unexpected(error);
  const bool forbids = error.code == Code::forbidden;
  return ledger::ended(forbids ? ReceiptStatus::forbidden : ReceiptStatus::refused, error.reason);
}

Result<CallResult> run(const CallContext& context, Run method) {
  Session session(context);
  Status done = check_signer(session.read, context.signer);
  if (done) done = method(session);
  if (done) return std::move(session.result);
  ASSIGN(CallResult out, answer(done.error()));
  out.own_gas = session.result.own_gas;
  return out;
}

}  // namespace

ledger::ContractTable contract() {
  ledger::ContractTable out;
  for (const auto& rows : {registrar_methods(), subject_methods(), key_methods(), relation_methods(),
                           credential_methods(), pseudonym_methods()}) {
    for (const Row& row : rows) {
      ledger::Method method;
      method.contract = "identity";
      method.name = row.name;
      method.since_version = kIdentityProtocol;
      method.base_gas = 20'000;
      method.gas_per_byte = 10;
      method.reads = {std::string(format::kConsortiumKey)};
      method.writes = {std::string(kStatePrefix), "key/"};
      method.run = [run_row = row.run](const CallContext& context) { return run(context, run_row); };
      out.push_back(std::move(method));
    }
  }
  return out;
}

}  // namespace chengxin::identity
