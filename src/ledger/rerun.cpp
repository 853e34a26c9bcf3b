#include "ledger/impl/ledger_impl.h"

namespace chengxin::ledger {

// On the versions of the state, which a block that is written meanwhile does not change.
Result<CallResult> LedgerImpl::rerun(const Digest& hash, const Substitutes& substitutes) const {
  ASSIGN(const uint64_t target, log_index(hash));
  ASSIGN(const StoredTransaction wanted, stored_transaction(target));
  ASSIGN(const BlockRecord block, block_header(wanted.height));
  const uint64_t before = wanted.height - 1, first = block.header.log_size - block.transaction_count;
  BlockFrame frame{wanted.height, block.header.time_ms, block.header.version, id_, block.header.previous, {}};
  ASSIGN(const auto policy, state_at(view(format::kContractPolicyKey), before));
  if (policy) {
    ASSIGN(auto read, format::ContractPolicy::decode(text(*policy)));
    frame.policy = std::make_shared<const format::ContractPolicy>(std::move(read));
  }
  StateLayer state({[&](const Bytes& key) { return state_at(key, before); },
                    [&](const Bytes& from, const Bytes& to, size_t limit) {
                      return state_range_at(from, to, limit, before);
                    }});
  const Methods replaced = methods_.with(substitutes);
  for (uint64_t index = first;; ++index) {
    ASSIGN(const StoredTransaction stored, stored_transaction(index));
    ASSIGN(const format::Transaction transaction, full_transaction(index, stored));
    ASSIGN(const auto account, state.get(format::Account::state_key(transaction.body.signer)));
    if (!account)
      return fail(Code::data_loss, "ledger.damaged", "block {}: no account {}", wanted.height,
                  hex(transaction.body.signer));
    ASSIGN(const auto signer, format::Account::decode(*account));
    ASSIGN(Outcome outcome,
           run_transaction(index == target ? replaced : methods_, transaction, signer, frame, state));
    if (index < target) continue;
    CallResult out;
    out.status = outcome.status;
    out.gas = outcome.gas;
    out.events = std::move(outcome.events);
    out.output = std::move(outcome.output);
    return out;
  }
}

}  // namespace chengxin::ledger
