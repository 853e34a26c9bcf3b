#include "../deployed_chain.h"
#include "ethereum/contract.h"
#include "evidence/contract.h"
#include "gas.h"
#include "module.h"

namespace chengxin::contract::gas {
namespace {

using contract::testing::Built;
using format::ContractEngine;

constexpr std::string_view kInterface = "function f()\n constructor()";

// A module that does nothing, or calls the contract of that name.
Bytes wasm_of(std::string_view called) {
  Module module{{{"chengxin", "call", "iiiIi>i"}}, {}};
  Bytes code;
  if (!called.empty()) {
    module.data = to_bytes(format::contract_address(called));
    code = i32(0) + i32(0) + i32(0) + Bytes{0x42, 0} + i32(0) + Bytes{0x10, 0, 0x1a};
  }
  module.functions.push_back({code, {}});
  return module.encode();
}

// Init code of a contract that does nothing, or calls the other.
Bytes evm_of(std::string_view called) {
  Bytes code;
  if (!called.empty()) {
    code = {0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x73};
    append(code, format::contract_address(called));
    append(code, Bytes{0x5a, 0xf1, 0x00});
  } else {
    code = {0x00};
  }
  Bytes out = {0x60, uint8_t(code.size()), 0x60, 11,   0x5f, 0x39,
               0x60, uint8_t(code.size()), 0x5f, 0xf3, 0x00};
  append(out, code);
  return out;
}

struct Chain : ledger::testing::TestChain, ledger::testing::LiveChain {
  Chain(Table& prices) : LiveChain(static_cast<TestChain&>(start(prices.protocol))), table(prices) {
    ledger.reset();
    const auto registry = contract::testing::new_registry();
    auto all = contract::testing::with_contracts(options(), registry, 1);
    for (auto rows : {evidence::contract(), ethereum::contract_methods(registry)})
      for (auto& row : rows) all.contracts.push_back(std::move(row));
    methods = all.contracts;
    for (auto rows : {ledger::governance_contract(), ledger::consortium_contract()})
      methods.insert(methods.end(), rows.begin(), rows.end());
    ledger = ledger::Ledger::open(path(), all).value();
  }
  TestChain& start(uint32_t protocol) {
    genesis.protocol = protocol;
    return *this;
  }
  uint64_t gas_of(const ledger::testing::Signer& signer, const format::Call& call,
                  const std::vector<Bytes>& attachments, bool accepted) {
    const auto block = add(signer, {call}, attachments).value();
    const auto receipt = format::Receipt::decode(block.receipts.at(0)).value();
    CHECK(!accepted || receipt.status == 0);
    return receipt.gas;
  }
  void add_line(const std::string& what, const format::Call& call,
                const std::vector<Bytes>& attachments = {}) {
    table.add("call " + what, int64_t(gas_of(governor, call, attachments, true)));
  }

  // Every method that takes no attachment, refused: what it takes whatever it finds.
  void refused() {
    for (const ledger::Method& each : methods) {
      if (each.contract == "test" || each.stands_for) continue;
      const std::string what = each.contract + "." + each.name;
      const auto with = [&](size_t size) {
        return int64_t(gas_of(writer, {each.contract, each.name, Bytes(size, 0xff)}, {}, false));
      };
      table.add("native " + what + ", refused", with(0));
      table.add("native " + what + ", 1,000 bytes more", with(1000) - with(0));
    }
  }
  void evidence() {
    for (const size_t count : {1u, 1000u}) {
      const Bytes items(32 * count, 7);
      const auto call = format::encode_evidence_add(
          {merkle::Items::root(merkle::Items::group_hashes(items, 32)), count, 32});
      table.add(fmt::format("native evidence.add of {} items of 32 bytes", count),
                int64_t(gas_of(writer, {"evidence", "add", call}, {items}, true)));
    }
  }

  void deploy(const Built& code, uint32_t version, const std::string& what) {
    const Bytes package = code.package();
    const format::ContractVersionRef call{code.name, version, {}};
    add_line(what + fmt::format("proposed, {} bytes", package.size()),
             {"contract", "propose", format::ContractPropose{code.name, crypto::sm3(package)}.encode()},
             {package});
    add_line(what + "approved", {"contract", "approve", call.encode()});
    add_line(what + "deployed", {"contract", "deploy", call.encode()});
  }
  // Each engine's: a contract that does nothing, one that calls it, and calls across.
  void contracts() {
    const Interface interface = parse_interface(kInterface).value();
    const auto built = [&](const std::string& name, ContractEngine engine, std::string_view called) {
      return Built{name, engine == ContractEngine::evm ? evm_of(called) : wasm_of(called), interface, engine};
    };
    for (const auto& [engine, word] :
         {std::pair(ContractEngine::wasm, "wasm"), std::pair(ContractEngine::evm, "evm")}) {
      const std::string nothing = std::string(word) + "-nothing", what = fmt::format("contract of {} ", word);
      deploy(built(nothing, engine, ""), 1, what);
      Built next = built(nothing, engine, "");
      deploy(next, 2, what + "upgraded: ");
      add_line(what + "that does nothing", {nothing, "f", {}});
    }
    for (const auto& [engine, word] :
         {std::pair(ContractEngine::wasm, "wasm"), std::pair(ContractEngine::evm, "evm")})
      for (const char* called : {"wasm", "evm"}) {
        const std::string name = fmt::format("{}-to-{}", word, called);
        const Built caller = built(name, engine, std::string(called) + "-nothing");
        deploy(caller, 1, fmt::format("contract of {} that calls {} ", word, called));
        add_line(fmt::format("contract of {} that calls one of {}", word, called), {name, "f", {}});
      }
    const Bytes why = format::ContractReason{"evm-nothing", "why"}.encode();
    for (const char* method : {"freeze", "unfreeze", "retire"}) {
      add_line(std::string("contract.") + method, {"contract", method, why});
      if (method == std::string_view("freeze"))
        table.add("call of a frozen contract",
                  int64_t(gas_of(governor, {"evm-nothing", "f", {}}, {}, false)));
    }
    table.add("call of a contract that is not there",
              int64_t(gas_of(governor, {"nobody", "f", {}}, {}, false)));
  }

  Table& table;
  ledger::ContractTable methods;
};

}  // namespace

void chain_prices(Table& table) {
  Chain chain(table);
  chain.refused();
  chain.evidence();
  chain.contracts();
}

}  // namespace chengxin::contract::gas
