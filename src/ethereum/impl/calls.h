#pragma once
#include "contract/query.h"
#include "ethereum/contract.h"
#include "ethereum/impl/session.h"

namespace chengxin::ethereum {

struct CallRequest {
  Address from{};
  std::optional<Address> to;  // none: the input is the init code of a contract
  Bytes input;
  uint64_t gas = ledger::kTransactionGas;
};
Answer<CallRequest> read_call(const Json& given);

// On the state after a block; its gas is taken from the request's. `contracts`: the chain's, or the same with
// somebody who watches. To an address where no contract stands it returns nothing.
Answer<contract::Outcome> run_call(Session& session, const CallRequest& call, uint64_t height, uint64_t gas,
                                   const std::shared_ptr<const contract::Registry>& contracts);
// What it returned, or the error that geth would give.
Answer<Bytes> returned(const contract::Outcome& outcome);

}  // namespace chengxin::ethereum
