#include "contract/query.h"

#include <gtest/gtest.h>

#include "contract/testing.h"
#include "ledger/testing.h"

namespace chengxin::contract {
namespace {

using namespace format;
using ledger::testing::LiveChain;
using ledger::testing::TestChain;

struct QueryTest : ::testing::Test {
  TestChain setup;
  LiveChain chain{setup};
  std::shared_ptr<const Registry> registry =
      std::make_shared<Registry>(Engines{{ContractEngine::wasm, std::make_shared<testing::ScriptEngine>()}});
  const Interface interface = parse_interface("function run(bytes steps) returns (bytes)").value();

  void SetUp() override {
    chain.ledger.reset();
    ledger::Options options = with_contracts(registry, setup.options());
    options.highest_protocol = kContractsProtocol;
    chain.ledger = ledger::Ledger::open(chain.path(), options).value();
    for (uint32_t version = chain.ledger->head().protocol.version + 1; version <= kContractsProtocol;
         ++version)
      add({"governance", "set_protocol",
           encode_set_protocol({version, chain.ledger->head().header.height + 2})});
    deploy("c");
    deploy("other");
  }
  void add(Call call, std::vector<Bytes> attachments = {}) {
    auto block = chain.add(setup.governor, {std::move(call)}, std::move(attachments));
    const auto record = chain.ledger->transaction(block.value().included.at(0)->hash).value();
    ASSERT_EQ(record.receipt.status, 0u) << to_string(record.output);
  }
  void deploy(const std::string& name) {
    const Bytes package =
        ContractPackage{ContractEngine::wasm, to_bytes(view("code")), interface.json(), {}, "test"}.encode();
    add({"contract", "propose", ContractPropose{name, crypto::sm3(package)}.encode()}, {package});
    add({"contract", "approve", ContractVersionRef{name, 1, {}}.encode()});
    add({"contract", "deploy", ContractVersionRef{name, 1, {}}.encode()});
  }
  void move(std::string method) {
    add({"contract", std::move(method), ContractReason{"c", "because"}.encode()});
  }
  void call(const std::string& steps) {
    add({"c", "run",
         encode(interface.function("run")->inputs, Json::array({"0x" + hex(view(steps))})).value()});
  }
  static Query query(const std::string& steps, bool read_only = true) {
    Query out;
    out.to = contract_address("c");
    out.input = to_bytes(view("call" + steps));
    out.read_only = read_only;
    return out;
  }
  // The output, or how it ended.
  std::string told(const Query& query) {
    auto answer = run(registry, *chain.ledger, query);
    if (!answer) return answer.error().reason;
    return to_string(answer->outcome.output);
  }
};

const std::string kGet = R"([["get","a"]])";

TEST_F(QueryTest, ReadsTheHeadAndEarlierBlocks) {
  EXPECT_EQ(told(query(kGet)), "-");
  call(R"([["put","a","1"],["put","b","2"]])");
  const uint64_t height = chain.ledger->head().header.height;
  call(R"([["put","a","3"],["erase","b"],["put","c","4"]])");
  EXPECT_EQ(told(query(kGet)), "3");
  EXPECT_EQ(told(query(R"([["range","a","z",9]])")), "ac");
  Query before = query(kGet);
  before.height = height;
  EXPECT_EQ(told(before), "1");
  before.input = query(R"([["range","a","z",9]])").input;
  EXPECT_EQ(told(before), "ab");
  before.height = height + 2;
  EXPECT_EQ(told(before), "ledger.no_block");
}

TEST_F(QueryTest, WritesNothing) {
  call(R"([["put","a","1"]])");
  const auto head = chain.ledger->head();
  const std::string steps = R"([["put","a","2"],["get","a"],["event","e"]])";
  EXPECT_EQ(told(query(steps)), "contract.trap.read_only");
  auto dry = run(registry, *chain.ledger, query(steps, false));
  ASSERT_TRUE(dry);
  EXPECT_EQ(to_string(dry->outcome.output), "2");
  EXPECT_EQ(dry->outcome.gas_used, 3u);
  ASSERT_EQ(dry->events.size(), 1u);
  EXPECT_EQ(dry->events[0].type, "log");
  EXPECT_EQ(dry->height, head.header.height);
  EXPECT_EQ(told(query(kGet)), "1");
  EXPECT_EQ(chain.ledger->head().header_hash, head.header_hash);
}

TEST_F(QueryTest, GasIsBounded) {
  Query some = query(R"([["get","a"],["get","a"],["get","a"]])");
  some.gas = 2;
  auto answer = run(registry, *chain.ledger, some);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->outcome.ending, Ending::out_of_gas);
}

TEST_F(QueryTest, AFrozenContractIsReadAndNotCalled) {
  call(R"([["put","a","1"]])");
  move("freeze");
  EXPECT_EQ(told(query(kGet)), "1");
  EXPECT_EQ(told(query(kGet, false)), "contract.frozen");
  Query nested = query(R"([["call",")" + hex(contract_address("c")) + R"(",)" + kGet + R"(,"call"]])", false);
  nested.to = contract_address("other");
  EXPECT_EQ(told(nested), "!contract.frozen") << "called by another";
  move("unfreeze");
  EXPECT_EQ(told(query(kGet, false)), "1");
  move("retire");
  EXPECT_EQ(told(query(kGet)), "contract.retired");
  Query nobody = query(kGet);
  nobody.to = {};
  EXPECT_EQ(told(nobody), "contract.unknown");
}

}  // namespace
}  // namespace chengxin::contract
