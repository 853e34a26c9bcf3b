#pragma once
#include "contract/evm.h"
#include "contract/registry.h"
#include "contract/wasm.h"
#include "crypto/sm3.h"
#include "ledger/testing.h"

// A chain with the life cycle of contracts, for benches and for whole runs of the ledger.
namespace chengxin::contract::testing {

struct Built {
  std::string name;
  Bytes code;
  Interface interface;
  format::ContractEngine engine = format::ContractEngine::wasm;

  Bytes package() const {
    return format::ContractPackage{engine, code, interface.json(), Digest{1}, "test"}.encode();
  }
  format::Call call(std::string_view function, const Json& values) const {
    return {name, std::string(function), encode(interface.function(function)->inputs, values).value()};
  }
};

inline ledger::Options with_contracts(ledger::Options options,
                                      const std::shared_ptr<const Registry>& registry, size_t threads) {
  options.threads = threads;
  return contract::with_contracts(registry, std::move(options));
}

inline std::shared_ptr<const Registry> new_registry() {
  return std::make_shared<Registry>(Engines{{format::ContractEngine::wasm, wasm_engine({}).value()},
                                            {format::ContractEngine::evm, evm_engine()}});
}

// Of a genesis that begins with the protocol that has contracts. What does not go as it should ends the
// program.
class DeployedChain : public ledger::testing::LiveChain {
 public:
  DeployedChain(ledger::testing::TestChain& test, size_t threads) : LiveChain(test), threads_(threads) {
    open();
  }
  // With engines that have loaded nothing yet.
  void open() {
    ledger.reset();
    const auto options = with_contracts(setup.options(), new_registry(), threads_);
    ledger = ledger::Ledger::open(path(), options).value();
  }
  void govern(format::Call call, const std::vector<Bytes>& attachments = {}) {
    const auto made = add(setup.governor, {call}, attachments).value();
    const auto record = ledger->transaction(made.included.at(0)->hash).value();
    if (record.receipt.status == 0) return;
    fmt::print(stderr, "{}: {}\n", call.method, text(record.output));
    std::exit(1);
  }
  void deploy(const Built& code, const Json& values) {
    const Bytes package = code.package();
    format::ContractVersionRef version{code.name, 1, {}};
    govern({"contract", "propose", format::ContractPropose{code.name, crypto::sm3(package)}.encode()},
           {package});
    govern({"contract", "approve", version.encode()});
    for (const Entry& entry : code.interface.entries)
      if (entry.kind == Entry::Kind::constructor) version.input = encode(entry.inputs, values).value();
    govern({"contract", "deploy", version.encode()});
  }

 private:
  const size_t threads_;
};

}  // namespace chengxin::contract::testing
