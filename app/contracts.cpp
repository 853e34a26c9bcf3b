#include "contracts.h"

#include "contract/evm.h"
#include "contract/stack.h"
#include "contract/wasm.h"
#include "ethereum/contract.h"
#include "evidence/contract.h"
#include "format/protocol.h"
#include "identity/contract.h"

namespace chengxin::app {

Result<Contracts> open_contracts(const fs::path& data) {
  contract::provide_stacks();
  contract::WasmOptions options;
  options.folder = data / "cache" / "contracts";
  TRY(make_folder(options.folder));
  contract::Engines engines;
  ASSIGN(engines[format::ContractEngine::wasm], contract::wasm_engine(options));
  engines[format::ContractEngine::evm] = contract::evm_engine();
  return std::make_shared<const contract::Registry>(std::move(engines));
}

ledger::Options with_contracts(const Contracts& contracts, ledger::Options options) {
  options.highest_protocol = format::kNewestProtocol;
  options.contracts = evidence::contract();
  for (ledger::ContractTable rows : {ethereum::contract_methods(contracts), identity::contract()})
    for (ledger::Method& each : rows) options.contracts.push_back(std::move(each));
  return contract::with_contracts(contracts, std::move(options));
}

}  // namespace chengxin::app
