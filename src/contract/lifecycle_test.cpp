#include <gtest/gtest.h>

#include "contract/registry.h"
#include "contract/testing.h"
#include "ledger/testing.h"

// From a proposal to retirement, on a chain.
namespace chengxin::contract {
namespace {

using namespace format;
using ledger::testing::LiveChain;
using ledger::testing::Signer;
using ledger::testing::TestChain;

constexpr std::string_view kInterface = "function run(bytes steps) returns (bytes)";

struct DeveloperChain : TestChain {
  Signer developer, other;
  DeveloperChain() {
    genesis.protocol = kContractsProtocol;
    genesis.accounts.push_back({developer.key.public_key().point(), {"developer"}});
    genesis.accounts.push_back({other.key.public_key().point(), {"developer"}});
  }
};

struct LifecycleTest : ::testing::Test {
  DeveloperChain setup;
  LiveChain chain{setup};
  std::shared_ptr<const Registry> registry =
      std::make_shared<Registry>(Engines{{ContractEngine::wasm, std::make_shared<testing::ScriptEngine>()}});

  void SetUp() override { open(); }
  void open() {
    chain.ledger.reset();
    ledger::Options options = with_contracts(registry, setup.options());
    options.highest_protocol = kContractsProtocol;
    chain.ledger = ledger::Ledger::open(chain.path(), options).value();
  }

  ledger::TransactionRecord add(const Signer& signer, std::vector<Call> calls,
                                std::vector<Bytes> attachments = {}) {
    auto block = chain.add(signer, std::move(calls), std::move(attachments));
    return chain.ledger->transaction(block.value().included.at(0)->hash).value();
  }
  // Empty: accepted; else the output, which is a reason key.
  std::string told(const Signer& signer, Call call, std::vector<Bytes> attachments = {}) {
    const auto record = add(signer, {std::move(call)}, std::move(attachments));
    return record.receipt.status == 0 ? "" : to_string(record.output);
  }
  static ContractPackage package(std::string_view code) {
    return {ContractEngine::wasm, to_bytes(view(code)), parse_interface(kInterface).value().json(), Digest{1},
            "test"};
  }
  std::string propose(const Signer& signer, std::string name, const ContractPackage& what) {
    const Bytes bytes = what.encode();
    return told(signer,
                {"contract", "propose", ContractPropose{std::move(name), crypto::sm3(bytes)}.encode()},
                {bytes});
  }
  std::string on_version(const Signer& signer, std::string method, uint32_t version, std::string name = "c") {
    return told(signer,
                {"contract", std::move(method), ContractVersionRef{std::move(name), version, {}}.encode()});
  }
  std::string move(const Signer& signer, std::string method) {
    return told(signer, {"contract", std::move(method), ContractReason{"c", "because"}.encode()});
  }
  static Call run(const Json& steps, std::string name = "c") {
    const Entry* function = nullptr;
    static const Interface interface = parse_interface(kInterface).value();
    function = interface.function("run");
    // The script engine reads what follows the selector: steps without the ABI's frame.
    const std::string text = steps.dump();
    return {std::move(name), "run", encode(function->inputs, Json::array({"0x" + hex(view(text))})).value()};
  }
  ContractRecord record(std::string name = "c") {
    return ContractRecord::decode(chain.ledger->state(ContractRecord::state_key(name)).value().value())
        .value();
  }
  void deploy_c() {
    ASSERT_EQ(propose(setup.developer, "c", package("one")), "");
    ASSERT_EQ(on_version(setup.governor, "approve", 1), "");
    ASSERT_EQ(on_version(setup.developer, "deploy", 1), "");
  }
  std::string value(std::string_view key) {
    auto found = chain.ledger->state(contract_state_prefix(contract_address("c")) + std::string(key)).value();
    return found ? to_string(*found) : "-";
  }
};

TEST_F(LifecycleTest, FromProposalToRetirement) {
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "1"}})), "contract.unknown");
  EXPECT_EQ(propose(setup.developer, "c", package("one")), "");
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "1"}})), "contract.not_deployed");
  EXPECT_EQ(on_version(setup.developer, "deploy", 1), "contract.not_approved");
  EXPECT_EQ(on_version(setup.governor, "approve", 1), "");
  EXPECT_EQ(on_version(setup.governor, "approve", 1), "contract.version_decided");
  EXPECT_EQ(on_version(setup.developer, "deploy", 1), "");
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "1"}, {"event", "e"}})), "");
  EXPECT_EQ(value("a"), "1");

  EXPECT_EQ(move(setup.developer, "freeze"), "");
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "2"}})), "contract.frozen");
  EXPECT_EQ(record().why, "because");
  EXPECT_EQ(move(setup.developer, "freeze"), "contract.state_frozen");
  EXPECT_EQ(move(setup.developer, "unfreeze"), "contract.forbidden")
      << "who froze it may have been a governor";
  EXPECT_EQ(move(setup.governor, "unfreeze"), "");
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "2"}})), "");

  EXPECT_EQ(propose(setup.developer, "c", package("two")), "");
  EXPECT_EQ(on_version(setup.developer, "deploy", 2), "contract.not_approved");
  EXPECT_EQ(on_version(setup.governor, "reject", 2), "");
  EXPECT_EQ(on_version(setup.developer, "deploy", 2), "contract.not_approved");
  EXPECT_EQ(propose(setup.developer, "c", package("three")), "");
  EXPECT_EQ(on_version(setup.governor, "approve", 3), "");
  EXPECT_EQ(on_version(setup.developer, "deploy", 3), "");
  EXPECT_EQ(record().current, 3u);
  EXPECT_EQ(value("a"), "2") << "an upgrade keeps the state";
  EXPECT_EQ(on_version(setup.developer, "deploy", 1), "contract.not_approved") << "it was superseded";

  EXPECT_EQ(move(setup.governor, "retire"), "");
  EXPECT_EQ(told(setup.writer, run({{"put", "a", "3"}})), "contract.retired");
  EXPECT_EQ(propose(setup.developer, "c", package("four")), "contract.retired");
  EXPECT_EQ(value("a"), "2");
  open();
  EXPECT_TRUE(chain.ledger->verify({}));
}

TEST_F(LifecycleTest, AProposalPaysForWhatTheEngineDoes) {
  const auto gas = [&](std::string_view name, std::string_view code) {
    const Bytes bytes = package(code).encode();
    const auto record = add(
        setup.developer,
        {{"contract", "propose", ContractPropose{std::string(name), crypto::sm3(bytes)}.encode()}}, {bytes});
    return record.receipt.gas;
  };
  EXPECT_EQ(gas("a", "costs 5000000000") - gas("b", "costs 1000000000"), 4'000'000'000u);
  EXPECT_EQ(gas("x", "bad costs 1000") - gas("y", "bad costs 0000"), 1000u) << "refused ones too";

  // What one transaction proposes ends with a block's gas, the last one finished.
  std::vector<Bytes> packages;
  std::vector<Call> calls;
  for (const char* name : {"k", "l", "m"}) {
    packages.push_back(package(std::string("costs 1500000000 ") + name).encode());
    calls.push_back({"contract", "propose", ContractPropose{name, crypto::sm3(packages.back())}.encode()});
  }
  const auto three = add(setup.developer, calls, packages);
  EXPECT_EQ(to_string(three.output), "contract.out_of_gas");
  EXPECT_LT(three.receipt.gas, 3'100'000'000u);
  EXPECT_EQ(chain.ledger->state(ContractRecord::state_key("k")).value(), std::nullopt);
  open();
  EXPECT_TRUE(chain.ledger->verify({}));
}

TEST_F(LifecycleTest, WhoMayDoWhat) {
  EXPECT_EQ(propose(setup.writer, "c", package("one")), "contract.forbidden");
  EXPECT_EQ(propose(setup.developer, "c", package("one")), "");
  EXPECT_EQ(propose(setup.other, "c", package("two")), "contract.forbidden");
  EXPECT_EQ(on_version(setup.developer, "approve", 1), "contract.forbidden");
  EXPECT_EQ(on_version(setup.governor, "approve", 1), "");
  EXPECT_EQ(on_version(setup.other, "deploy", 1), "contract.forbidden");
  EXPECT_EQ(on_version(setup.governor, "deploy", 1), "");
  EXPECT_EQ(move(setup.other, "freeze"), "contract.forbidden");
  EXPECT_EQ(move(setup.writer, "retire"), "contract.forbidden");
}

TEST_F(LifecycleTest, ThePolicyIsData) {
  const auto set = [&](const Signer& signer, const ContractPolicy& policy) {
    return told(signer, {"governance", "set_contract_policy", to_bytes(view(policy.encode()))});
  };
  deploy_c();
  ContractPolicy policy;
  policy.approve = {"auditor", "governor"};
  policy.approvals = 2;
  policy.propose = {"governor"};
  policy.upgrade = {"owner"};
  policy.freeze = {"auditor"};
  policy.calls["c"] = {"writer"};
  EXPECT_EQ(set(setup.developer, policy), "contract.forbidden");
  ContractPolicy empty = policy;
  empty.freeze.clear();
  EXPECT_EQ(set(setup.governor, empty), "format.contract_policy");
  EXPECT_EQ(set(setup.governor, policy), "");
  EXPECT_EQ(*chain.ledger->head().contract_policy, policy);

  EXPECT_EQ(told(setup.writer, run({{"put", "a", "1"}})), "");
  EXPECT_EQ(told(setup.other, run({{"put", "a", "2"}})), "contract.forbidden");
  EXPECT_EQ(move(setup.governor, "freeze"), "contract.forbidden");
  EXPECT_EQ(propose(setup.developer, "c", package("two")), "contract.forbidden");
  EXPECT_EQ(propose(setup.governor, "c", package("two")), "contract.forbidden")
      << "an upgrade is its owner's";
  EXPECT_EQ(propose(setup.governor, "d", package("one")), "");
  EXPECT_EQ(on_version(setup.governor, "approve", 1, "d"), "");
  EXPECT_EQ(on_version(setup.governor, "approve", 1, "d"), "contract.approved_already");
  EXPECT_EQ(on_version(setup.governor, "deploy", 1, "d"), "contract.not_approved");
  Signer auditor;
  EXPECT_EQ(told(setup.governor, {"governance", "register_key",
                                  encode_register_key(auditor.key.public_key().point(), {"auditor"})}),
            "");
  EXPECT_EQ(on_version(auditor, "approve", 1, "d"), "");
  EXPECT_EQ(on_version(setup.governor, "deploy", 1, "d"), "");
  EXPECT_EQ(told(setup.other, run({{"put", "b", "1"}}, "d")), "") << "the rule was for the other contract";
  const Json inner = Json::array({Json::array({"put", "a", "3"})});
  const Call by_way = run({{"call", hex(contract_address("c")), inner, "call"}}, "d");
  EXPECT_EQ(to_string(add(setup.other, {by_way}).output), "!contract.forbidden") << "who signed may not";
  EXPECT_EQ(to_string(add(setup.writer, {by_way}).output), "");
  EXPECT_EQ(move(auditor, "freeze"), "");
  open();
  EXPECT_EQ(*chain.ledger->head().contract_policy, policy);
  EXPECT_TRUE(chain.ledger->verify({}));
}

TEST_F(LifecycleTest, WhatCannotBeProposed) {
  EXPECT_EQ(propose(setup.developer, "c", package("bad code")), "contract.scan.bad");
  EXPECT_EQ(propose(setup.developer, "Capital", package("one")), "contract.name");
  EXPECT_EQ(propose(setup.developer, "evidence", package("one")), "contract.name_reserved");
  ContractPackage odd = package("one");
  odd.engine = ContractEngine::evm;
  EXPECT_EQ(propose(setup.developer, "c", odd), "contract.engine");
  odd = package("one");
  odd.interface += " ";
  EXPECT_EQ(propose(setup.developer, "c", odd), "contract.abi.canonical");
  const Bytes noise = {1, 2, 3};
  EXPECT_EQ(told(setup.developer, {"contract", "propose", ContractPropose{"c", crypto::sm3(noise)}.encode()},
                 {noise}),
            "format.contract_package");
  EXPECT_FALSE(chain.ledger->state(ContractRecord::state_key("c")).value());
}

TEST_F(LifecycleTest, CallsThatTheInterfaceDoesNotHave) {
  deploy_c();
  EXPECT_EQ(told(setup.writer, {"c", "walk", {}}), "contract.unknown_method");
  const auto record = add(setup.writer, {{"c", "run", {1, 2, 3}}});
  EXPECT_EQ(record.receipt.status, uint32_t(ReceiptStatus::bad_arguments));
}

TEST_F(LifecycleTest, AFrozenContractCalledByAnother) {
  deploy_c();
  ASSERT_EQ(propose(setup.developer, "d", package("one")), "");
  ASSERT_EQ(on_version(setup.governor, "approve", 1, "d"), "");
  ASSERT_EQ(on_version(setup.developer, "deploy", 1, "d"), "");
  ASSERT_EQ(move(setup.governor, "freeze"), "");
  const Json inner = Json::array({Json::array({"put", "a", "1"})});
  const auto record =
      add(setup.writer, {run({{"call", hex(contract_address("c")), inner, "call"}, {"put", "b", "1"}}, "d")});
  EXPECT_EQ(record.receipt.status, 0u);
  EXPECT_EQ(to_string(record.output), "!contract.frozen");
  EXPECT_EQ(value("a"), "-");
}

TEST_F(LifecycleTest, NothingOfThisBeforeItsProtocol) {
  DeveloperChain early;
  early.genesis.protocol = kContractsProtocol - 1;
  LiveChain young(early);
  young.ledger.reset();
  ledger::Options options = with_contracts(registry, early.options());
  options.highest_protocol = kContractsProtocol;
  young.ledger = ledger::Ledger::open(young.path(), options).value();
  for (Call call : {Call{"contract", "retire", ContractReason{"c", ""}.encode()}, run({})}) {
    auto block = young.add(early.governor, {call});
    const auto record = young.ledger->transaction(block.value().included.at(0)->hash).value();
    EXPECT_EQ(record.receipt.status, uint32_t(ReceiptStatus::unknown_contract));
  }
}

}  // namespace
}  // namespace chengxin::contract
