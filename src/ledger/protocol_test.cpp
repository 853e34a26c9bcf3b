#include <gtest/gtest.h>

#include "format/proposal.h"
#include "ledger/testing.h"

// Changes of the protocol and of a chain's limits.
namespace chengxin::ledger {
namespace {

using namespace testing;

constexpr uint64_t kMinute = 60'000, kMiB = 1 << 20;

format::Call protocol_call(uint32_t version, uint64_t from_height) {
  return {"governance", "set_protocol", format::encode_set_protocol({version, from_height})};
}
format::Call limits_call(uint64_t block, uint64_t transaction, uint64_t validity_ms = 60 * kMinute) {
  return {"governance", "set_limits", format::encode_set_limits({block, transaction, validity_ms})};
}

// A chain whose contract `test` has a method `later` that comes with version 2 and takes an attachment.
class ProtocolTest : public ::testing::Test {
 protected:
  void SetUp() override { open(format::kNewestProtocol); }
  void open(uint32_t highest) {
    chain.ledger.reset();
    Options options = setup.options();
    Method later = options.contracts.front();
    later.name = "later";
    later.since_version = 2;
    options.contracts.push_back(std::move(later));
    options.highest_protocol = highest;
    chain.ledger = Ledger::open(chain.path(), options).value();
  }
  // The receipt's status and the output of a transaction in a block of its own.
  std::pair<uint32_t, std::string> outcome(const Signer& signer, format::Call call) {
    auto block = chain.add(signer, {std::move(call)});
    if (!block) return {UINT32_MAX, block.error().reason};
    auto record = chain.ledger->transaction(block->included.at(0)->hash).value();
    return {record.receipt.status, to_string(record.output)};
  }
  std::string refused(format::Call call) { return outcome(setup.governor, std::move(call)).second; }
  void put() { ASSERT_TRUE(chain.add(setup.writer, {put_call("a", chain.items(1))})); }
  void switch_to_version_2() {
    ASSERT_EQ(refused(protocol_call(2, chain.ledger->head().header.height + 2)), "");
  }

  TestChain setup;
  LiveChain chain{setup};
};

TEST_F(ProtocolTest, BlocksFollowTheVersionFromItsHeightOn) {
  EXPECT_EQ(refused(protocol_call(2, 1)), "governance.protocol_height") << "its own";
  EXPECT_EQ(refused(protocol_call(3, 9)), "governance.protocol_version") << "one is left out";
  EXPECT_EQ(refused(protocol_call(1, 9)), "governance.protocol_version");
  EXPECT_EQ(outcome(setup.writer, protocol_call(2, 9)).first, uint32_t(format::ReceiptStatus::forbidden));
  EXPECT_EQ(refused(protocol_call(2, 100)), "");
  EXPECT_EQ(refused(protocol_call(2, 8)), "") << "it may be moved while it waits";
  put();
  EXPECT_EQ(chain.ledger->head().next_protocol(), 2u);
  EXPECT_EQ(chain.ledger->head().header.version, 1u);
  EXPECT_EQ(refused(protocol_call(2, 20)), "governance.protocol_version") << "it is in force";
  for (uint64_t height = 1; height <= 8; ++height)
    EXPECT_EQ(chain.ledger->block(height)->header.version, height < 8 ? 1u : 2u) << height;
  EXPECT_EQ(refused(protocol_call(3, 12)), "");
  EXPECT_EQ(chain.ledger->head().next_protocol(), 2u);
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(ProtocolTest, AMethodIsUnknownBeforeItsVersion) {
  const auto limits = limits_call(2 * kMiB, kMiB);
  EXPECT_EQ(outcome(setup.governor, limits), std::pair(uint32_t(format::ReceiptStatus::unknown_method),
                                                       std::string("contract.unknown_method")));
  // It takes no attachment before, and one after: what was admitted before does not fit any more.
  const format::Call later{"test", "later", {32}};
  const Bytes with = setup.envelope(setup.writer, chain.time_ms, {later}, {chain.items(2)}),
              without = setup.envelope(setup.writer, chain.time_ms, {later});
  EXPECT_EQ(chain.ledger->admit(with, chain.time_ms).error().reason, "transaction.attachments");
  const auto early = chain.ledger->admit(without, chain.time_ms).value();
  switch_to_version_2();
  EXPECT_EQ(chain.ledger->admit(without, chain.time_ms).error().reason, "transaction.attachments");
  const std::vector<AdmittedTransaction> both = {early, chain.ledger->admit(with, chain.time_ms).value()};
  auto executed = chain.ledger->execute(both, ++chain.time_ms).value();
  ASSERT_EQ(executed.dropped.size(), 1u);
  EXPECT_EQ(executed.dropped[0].second.reason, "transaction.attachments");
  ASSERT_TRUE(chain.ledger->commit(executed, certify(executed, setup.genesis.validators, chain.signers)));
  EXPECT_EQ(chain.ledger->transaction(both[1]->hash)->receipt.status, 0u);
  EXPECT_EQ(refused(limits), "");
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(ProtocolTest, LimitsHoldFromTheNextBlockOn) {
  switch_to_version_2();
  for (const auto& [block, transaction, validity] :
       std::vector<std::tuple<uint64_t, uint64_t, uint64_t>>{{kMiB, 2 * kMiB, kMinute},
                                                             {kMiB, 1000, kMinute},
                                                             {65 * kMiB, kMiB, kMinute},
                                                             {64 * kMiB, 9 * kMiB, kMinute},
                                                             {kMiB, kMiB, kMinute - 1},
                                                             {kMiB, kMiB, 8 * 24 * 60 * kMinute},
                                                             {0, 0, 0}})
    EXPECT_EQ(refused(limits_call(block, transaction, validity)), "governance.limits");
  const Bytes large = setup.envelope(setup.writer, chain.time_ms, {anchor_call()}, {chain.items(10'000)});
  const auto early = chain.ledger->admit(large, chain.time_ms).value();
  EXPECT_EQ(refused(limits_call(256 << 10, 128 << 10, kMinute)), "");
  EXPECT_EQ(chain.ledger->head().limits, (format::ChainLimits{256 << 10, 128 << 10, kMinute}));
  EXPECT_EQ(chain.ledger->admit(large, chain.time_ms).error().reason, "transaction.too_large");
  EXPECT_EQ(
      chain.ledger->admit(setup.envelope(setup.writer, chain.time_ms, {put_call("a", {})}), chain.time_ms)
          .error()
          .reason,
      "transaction.window_too_long")
      << "61 seconds";
  auto executed = chain.ledger->execute(std::span(&early, 1), ++chain.time_ms).value();
  ASSERT_EQ(executed.dropped.size(), 1u);
  EXPECT_EQ(executed.dropped[0].second.reason, "transaction.window_too_long");
  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(chain.ledger->head().limits.max_block_bytes, 256u << 10);
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

TEST_F(ProtocolTest, AnOlderProgramStopsBeforeWhatItDoesNotKnow) {
  switch_to_version_2();
  open(1);
  const auto admitted =
      chain.ledger
          ->admit(setup.envelope(setup.writer, chain.time_ms, {put_call("a", view("1"))}), chain.time_ms)
          .value();
  const auto executed = chain.ledger->execute(std::span(&admitted, 1), ++chain.time_ms);
  ASSERT_FALSE(executed);
  EXPECT_EQ(executed.error().reason, "ledger.protocol_unknown");
  EXPECT_NE(executed.error().detail.find("version 2"), std::string::npos) << executed.error().detail;
  EXPECT_TRUE(chain.ledger->verify(nullptr)) << "what is there it knows";
  EXPECT_EQ(chain.ledger->head().header.height, 1u);

  open(2);
  put();
  ASSERT_EQ(chain.ledger->head().header.version, 2u);
  ASSERT_TRUE(chain.ledger->export_to(chain.folder.path / "file", nullptr));
  open(1);
  EXPECT_EQ(chain.ledger->verify(nullptr).error().reason, "ledger.protocol_unknown");
  Options older = setup.options();
  older.highest_protocol = 1;
  auto imported = Ledger::import(chain.folder.path / "file", chain.folder.path / "copy", older, nullptr);
  ASSERT_FALSE(imported);
  EXPECT_NE(imported.error().to_string().find("ledger.protocol_unknown"), std::string::npos)
      << imported.error().to_string();
}

TEST(ProtocolOfAGenesis, IsThatOfTheFirstBlock) {
  TestChain setup;
  setup.genesis.protocol = 2;
  LiveChain chain{setup};
  ASSERT_TRUE(chain.add(setup.governor, {limits_call(2 * kMiB, kMiB)}));
  EXPECT_EQ(chain.ledger->head().header.version, 2u);
  EXPECT_EQ(chain.ledger->head().limits.max_block_bytes, 2 * kMiB) << "a method of version 2";
  EXPECT_TRUE(chain.ledger->state_proof(format::kProtocolKey, 1)->first);
  ASSERT_TRUE(chain.add(setup.governor, {protocol_call(3, 5)}));
  EXPECT_EQ(chain.ledger->head().protocol, (format::ProtocolChange{3, 5}));
  EXPECT_TRUE(chain.ledger->verify(nullptr));
  Options older = setup.options();
  older.highest_protocol = 1;
  EXPECT_EQ(Ledger::create(chain.folder.path / "older", setup.genesis.encode(), older).error().reason,
            "ledger.protocol_unknown");
}

// One organisation whose governor is the chain's, with one node: it decides alone, but by proposals.
TEST(ProtocolOfAConsortium, GovernanceIsByVote) {
  TestChain setup;
  format::Node node;
  node.name = "node-a";
  node.organisation = "org-a";
  node.key = setup.validator.key.public_key().point();
  node.service_key = setup.writer.key.public_key().point();
  node.address = "node-a.example:7443";
  setup.genesis.consortium = format::Consortium{
      {{"org-a", "A", {1}, setup.governor.key.public_key().point()}}, {node}, format::Approval::all};
  LiveChain chain{setup};
  EXPECT_EQ(chain.ledger->state(format::kConsortiumKey)->value(),
            to_bytes(view(setup.genesis.consortium->encode())));
  auto output = [&](format::Call call) {
    const auto block = chain.add(setup.governor, {std::move(call)}).value();
    return to_string(chain.ledger->transaction(block.included.at(0)->hash)->output);
  };
  auto propose = [&](format::Action action) {
    return output({"consortium", "propose", format::Propose{{std::move(action)}, "", 1000}.encode()});
  };
  const Bytes set = setup.genesis.validators.encode();
  for (const format::Call& call : std::vector<format::Call>{
           protocol_call(2, 9),
           {"governance", "register_key", format::encode_register_key(node.key, {"writer"})},
           {"governance", "revoke_key", format::encode_revoke_key(setup.writer.id)},
           {"governance", "set_validators", format::encode_set_validators(set)}})
    EXPECT_EQ(output(call), "governance.by_vote") << call.method;

  const format::SetLimits limits{{kMiB, 256 << 10, 2 * kMinute}};
  EXPECT_EQ(propose(limits), "format.consortium") << "version 1 knows no such action";
  EXPECT_EQ(propose(format::SetProtocol{{2, 8}}), R"({"proposal":1,"state":"executed"})");
  ASSERT_TRUE(chain.add(setup.writer, {put_call("a", view("1"))}));
  EXPECT_EQ(output(limits_call(2 * kMiB, kMiB)), "governance.by_vote");
  ASSERT_EQ(chain.ledger->head().header.version, 2u);
  EXPECT_EQ(propose(format::SetLimits{{1, 1, 1}}), "governance.limits");
  EXPECT_EQ(propose(limits), R"({"proposal":2,"state":"executed"})");
  EXPECT_EQ(chain.ledger->head().limits, limits.limits);
  EXPECT_TRUE(chain.ledger->verify(nullptr));
}

// A block's roots and receipts do not depend on which of two signatures of a transaction a node holds.
TEST_F(ProtocolTest, EqualContentsGiveEqualBlocks) {
  LiveChain other{setup};
  for (int i = 0; i < 5; ++i) {
    const auto body = setup.body(setup.writer, chain.time_ms, {anchor_call(), put_call("k", chain.items(1))});
    const std::vector<Bytes> attachments = {chain.items(300)};
    const Bytes one = format::sign_transaction(body, setup.writer.key, attachments).value(),
                two = format::sign_transaction(body, setup.writer.key, attachments).value();
    ASSERT_NE(one, two);
    ASSERT_EQ(format::decode_transaction(one)->hash, format::decode_transaction(two)->hash);
    EXPECT_EQ(chain.add_block(std::span(&one, 1))->header_hash,
              other.add_block(std::span(&two, 1))->header_hash);
  }
}

}  // namespace
}  // namespace chengxin::ledger
