#include "contract/local_chain.h"

#include <gtest/gtest.h>

#include "contract/testing.h"

namespace chengxin::contract {
namespace {

using format::ReceiptStatus;

Bytes package_of(std::string_view code) {
  format::ContractPackage out;
  out.code = to_bytes(view(code));
  out.interface = parse_interface("function run(bytes steps) returns (bytes)").value().json();
  out.toolchain = "-";
  return out.encode();
}

struct LocalChainTest : ::testing::Test {
  LocalChain chain{{{format::ContractEngine::wasm, std::make_shared<testing::ScriptEngine>()}}};
  void SetUp() override {
    chain.account("alice", {"developer"});
    chain.account("bob", {});
    ASSERT_EQ(chain.deploy("alice", "script", package_of("one"), {})->status, ReceiptStatus::accepted);
  }
  static Bytes steps(std::string_view steps) {
    return encode({parse_interface("function run(bytes steps)")->entries[0].inputs},
                  Json::array({"0x" + hex(view(steps))}))
        .value();
  }
  ledger::CallResult run(std::string_view what) {
    return chain.transact("bob", {"script", "run", steps(what)}).value();
  }
  std::string value() {
    Bytes input(4);
    append(input, steps(R"([["get", "k"]])"));
    return to_string(chain.query("bob", "script", input)->output);
  }
  ledger::CallResult move(const std::string& account, const std::string& verb) {
    return chain.transact(account, {"contract", verb, format::ContractReason{"script", "-"}.encode()})
        .value();
  }
};

TEST_F(LocalChainTest, KeepsWhatWasAcceptedAndNothingElse) {
  EXPECT_EQ(value(), "-");
  EXPECT_EQ(run(R"([["put", "k", "1"]])").status, ReceiptStatus::accepted);
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(run(R"([["put", "k", "2"], ["revert", "no"]])").status, ReceiptStatus::reverted);
  EXPECT_EQ(run(R"([["erase", "k"], ["trap"]])").status, ReceiptStatus::trapped);
  EXPECT_EQ(value(), "1");
  EXPECT_EQ(run(R"([["erase", "k"]])").status, ReceiptStatus::accepted);
  EXPECT_EQ(value(), "-");
}

TEST_F(LocalChainTest, HasTheLifeCycleOfAnyChain) {
  EXPECT_EQ(move("bob", "freeze").status, ReceiptStatus::forbidden);
  EXPECT_EQ(move("alice", "freeze").status, ReceiptStatus::accepted);
  EXPECT_EQ(to_string(run("[]").output), "contract.frozen");
  EXPECT_EQ(value(), "-");  // read, all the same
  EXPECT_EQ(move("alice", "unfreeze").status, ReceiptStatus::forbidden);
  EXPECT_EQ(move("governor", "unfreeze").status, ReceiptStatus::accepted);
  EXPECT_EQ(chain.deploy("bob", "other", package_of("two"), {})->status, ReceiptStatus::forbidden);
  EXPECT_EQ(to_string(chain.deploy("alice", "other", package_of("bad"), {})->output), "contract.scan.bad");
}

TEST_F(LocalChainTest, EachTransactionIsABlock) {
  const uint64_t height = chain.height();
  const int64_t time_ms = chain.time_ms();
  run("[]");
  EXPECT_EQ(chain.height(), height + 1);
  EXPECT_EQ(chain.time_ms(), time_ms + 1000);
  chain.advance(5, 60'000);
  EXPECT_EQ(chain.height(), height + 6);
}

}  // namespace
}  // namespace chengxin::contract
