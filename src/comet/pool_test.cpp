#include <fstream>
#include <random>
#include <thread>

#include "comet/rig_for_tests.h"

namespace chengxin::comet {
namespace {

using namespace testing;

class PoolTest : public ::testing::Test {
 protected:
  Digest id_of(ByteView envelope) { return format::decode_transaction(envelope).value().hash; }
  std::vector<Digest> all(const Pool& pool) { return names(pool.candidates(SIZE_MAX, SIZE_MAX)); }

  TestChain test;
  DeafPeers peers;
};

TEST_F(PoolTest, OutcomesComeOnceWithTheBlock) {
  Node node(test);
  node.pool->set_peers(&peers);
  EXPECT_TRUE(node.pool->empty());
  for (int i = 0; i < 5; ++i) node.submit(node.put(std::to_string(i)));
  EXPECT_EQ(node.wakes, 1) << "it went from empty to not empty once";
  EXPECT_EQ(peers.handed.size(), 5u);
  EXPECT_EQ(node.pool->counts().own, 5u);
  auto ids = all(*node.pool);
  ASSERT_EQ(ids.size(), 5u);
  ids.pop_back();
  auto executed = node.decide(ids, kNow + 1);
  ASSERT_TRUE(executed) << executed.error().to_string();
  EXPECT_EQ(node.outcomes.told(), 4u);
  EXPECT_EQ(node.wakes, 2) << "one still waits";
  ASSERT_TRUE(node.decide(all(*node.pool), kNow + 2));
  EXPECT_EQ(node.wakes, 2);
  for (auto& outcome : node.outcomes.wait()) {
    ASSERT_TRUE(outcome) << outcome.error().to_string();
    auto record = node.chain.ledger->transaction(outcome->transaction);
    EXPECT_EQ(record->receipt_bytes, outcome->receipt);
    EXPECT_EQ(record->height, outcome->height);
  }
  EXPECT_TRUE(node.pool->empty());
  EXPECT_EQ(node.pool->counts().bytes, 0u);
  EXPECT_EQ(node.pool->counts().own, 0u);
}

TEST_F(PoolTest, TheSameFromClientAndPeerIsOneTransactionAndAllHearOfIt) {
  Node node(test);
  const Bytes envelope = node.put("key");
  node.pool->receive(peer_key(1), {envelope, envelope});
  node.submit(envelope);
  node.submit(envelope);
  node.pool->receive(peer_key(2), {envelope});
  EXPECT_EQ(node.pool->counts().transactions, 1u);
  ASSERT_TRUE(node.decide(all(*node.pool), kNow + 1));
  for (auto& outcome : node.outcomes.wait()) EXPECT_TRUE(outcome);
}

// A signature does not cover attachments: whoever hands on others must not keep the right ones out.
TEST_F(PoolTest, SpoiledAttachmentsAreRefusedAndCostTheTransactionNothing) {
  Node node(test);
  node.pool->set_peers(&peers);
  const Bytes kept = node.chain.items(3);
  const Digest hash = crypto::sm3(kept);
  const Bytes envelope =
      test.envelope(test.writer, kNow, {{"test", "keep", Bytes(hash.begin(), hash.end())}}, {kept});
  auto spoiled = format::decode_transaction(envelope).value();
  spoiled.attachments[0][0] ^= 1;
  const Bytes other = format::encode_transaction(spoiled.body_bytes, spoiled.signature, spoiled.attachments);
  const Bytes none = format::encode_transaction(spoiled.body_bytes, spoiled.signature, {});
  const std::vector<Bytes> junk = {Bytes(node.chain.ledger->head().limits.max_transaction_bytes + 2000)};
  const Bytes huge = format::encode_transaction(spoiled.body_bytes, spoiled.signature, junk);
  node.pool->receive(peer_key(1), {other, none});
  EXPECT_EQ(node.pool->counts().refused, 2u);
  EXPECT_TRUE(node.pool->empty());

  // As answers to a question they are lies of who gave them, and the right one is taken from somebody else.
  std::thread late([&] {
    peers.wait_for_asks(1);
    node.pool->receive(peer_key(1), {other});
    while (node.pool->counts().lies == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    node.pool->receive(peer_key(3), {huge});
    while (node.pool->counts().lies == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    node.pool->receive(peer_key(2), {envelope});
  });
  const auto found = node.pool->find(std::span(&spoiled.hash, 1), kNow, nullptr, true);
  late.join();
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)[0]->attachments[0], kept);
}

TEST_F(PoolTest, ExpiredAndRefusedLeaveWithTheirReason) {
  Node node(test);
  node.submit(node.put("early"));
  node.now_ms += 50'000;
  node.submit(node.put("late"));
  node.submit(node.put("third"));
  const auto candidates = node.pool->candidates(SIZE_MAX, 9);
  node.pool->refused(candidates[1], {Code::busy, "transaction.block_full", {}});
  EXPECT_EQ(node.pool->counts().transactions, 3u);
  node.pool->refused(candidates[1], {Code::forbidden, "transaction.signer_revoked", {}});
  auto third = names({candidates[2]});
  ASSERT_TRUE(node.decide(third, kNow + 60'001));
  auto outcomes = node.outcomes.wait();
  EXPECT_EQ(outcomes[0].error().reason, "transaction.expired");
  EXPECT_EQ(outcomes[1].error().reason, "transaction.signer_revoked");
  EXPECT_TRUE(outcomes[2]);
}

TEST_F(PoolTest, ExpiredLeaveWithoutABlockToo) {
  Node node(test);
  node.submit(node.put("alone"));
  node.now_ms += 60'001;
  node.pool->committed(1, nullptr);
  EXPECT_FALSE(node.pool->empty()) << "another clock may be behind this one";
  node.now_ms += 60'000;
  node.pool->committed(2, nullptr);
  EXPECT_TRUE(node.pool->empty());
  EXPECT_EQ(node.outcomes.wait()[0].error().reason, "order.outcome_unknown");
}

TEST_F(PoolTest, StopTellsThatOutcomesAreUnknown) {
  Node node(test);
  node.submit(node.put("key"));
  node.pool->stop();
  EXPECT_EQ(node.outcomes.wait()[0].error().reason, "order.outcome_unknown");
  node.submit(node.put("other"));
  EXPECT_EQ(node.outcomes.wait()[1].error().reason, "order.stopping");
  node.pool->receive(peer_key(1), {node.put("third")});
  EXPECT_TRUE(node.pool->empty());
}

TEST_F(PoolTest, APeerFillsItsOwnShareOnly) {
  PoolOptions options;
  options.max_transactions = 60;
  options.max_peer_transactions = 20;
  Node node(test, options);
  std::vector<Bytes> flood;
  for (int i = 0; i < 100; ++i) flood.push_back(node.put("flood" + std::to_string(i)));
  node.pool->receive(peer_key(1), flood);
  EXPECT_EQ(node.pool->counts().transactions, 20u);
  EXPECT_EQ(node.pool->counts().dropped, 80u);
  node.pool->receive(peer_key(2), {node.put("a"), node.put("b")});
  for (int i = 0; i < 30; ++i) node.submit(node.put("own" + std::to_string(i)));
  EXPECT_EQ(node.pool->counts().transactions, 22u + 19u) << "as much as is still free";
  EXPECT_EQ(node.outcomes.told(), 11u);
  // Sources take turns: the quiet peer's two are among the first six.
  const auto first = node.pool->candidates(SIZE_MAX, 6);
  size_t quiet = 0;
  for (const auto& each : first)
    quiet += each->body.calls[0].arguments[0] == 6 && each->body.calls[0].arguments.size() == 12;
  EXPECT_EQ(quiet, 2u);
  node.pool->stop();
  size_t full = 0;
  for (auto& outcome : node.outcomes.wait()) {
    if (outcome.error().reason != "order.queue_full") continue;
    ++full;
    EXPECT_GT(outcome.error().retry_after_ms, 0);
  }
  EXPECT_EQ(full, 11u);
}

TEST_F(PoolTest, CandidatesKeepWithinBytesAndOrder) {
  Node node(test);
  std::vector<Digest> in_order;
  for (int i = 0; i < 20; ++i) {
    const Bytes envelope = node.put("k" + std::to_string(i));
    in_order.push_back(id_of(envelope));
    node.submit(envelope);
  }
  EXPECT_EQ(all(*node.pool), in_order);
  const auto some = node.pool->candidates(1000, SIZE_MAX);
  size_t bytes = 0;
  for (const auto& each : some) bytes += each->body_bytes.size() + 64;
  EXPECT_LE(bytes, 1000u);
  EXPECT_FALSE(some.empty());
}

TEST_F(PoolTest, WhatIsMissingIsAskedOfTheProposerThenOfOthers) {
  PoolOptions options;
  options.grace_ms = 1;
  Node node(test, options);
  node.pool->set_peers(&peers);
  const Bytes here = node.put("here"), missing = node.put("missing");
  node.submit(here);
  const std::vector<Digest> ids = {id_of(here), id_of(missing)};
  const auto proposer = peer_key(3);
  std::thread answers([&] {
    peers.wait_for_asks(2);
    node.pool->receive(peer_key(5), {missing});
  });
  auto found = node.pool->find(ids, kNow, &proposer, true);
  answers.join();
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(names(*found), ids);
  EXPECT_EQ(peers.firsts[0], proposer);
  EXPECT_EQ(peers.firsts[1], std::nullopt);
  EXPECT_EQ(peers.asked[0], ids[1]);
}

TEST_F(PoolTest, ALieIsNotTakenTwice) {
  PoolOptions options;
  options.grace_ms = 1;
  options.fetch_ms = 20'000;
  Node node(test, options);
  node.pool->set_peers(&peers);
  const Bytes good = node.put("key"), other = node.put("other");
  Bytes forged = good;
  forged[forged.size() - 1] ^= 1;
  ASSERT_EQ(id_of(forged), id_of(good)) << "a name does not cover the signature";
  const Digest id = id_of(good);
  std::thread answers([&] {
    peers.wait_for_asks(1);
    node.pool->receive(peer_key(1), {other, forged, forged});
    peers.wait_for_asks(2);
    node.pool->receive(peer_key(1), {forged});
    node.pool->receive(peer_key(2), {good});
  });
  auto found = node.pool->find(std::span(&id, 1), kNow, nullptr, false);
  answers.join();
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_EQ(node.pool->counts().lies, 1u);
  EXPECT_EQ(node.pool->counts().transactions, 2u) << "what was not asked for waits, and what was too";
}

TEST_F(PoolTest, MissingStaysMissingAndInadmissibleIsNamed) {
  PoolOptions options;
  options.grace_ms = 1;
  options.fetch_ms = 50;
  Node node(test, options);
  node.pool->set_peers(&peers);
  const Bytes never = node.put("never"), stranger = test.envelope(Signer(), kNow, {put_call("k", view("v"))});
  Digest id = id_of(never);
  EXPECT_EQ(node.pool->find(std::span(&id, 1), kNow, nullptr, false).error().reason, "pool.missing");
  id = id_of(stranger);
  std::thread answers([&] {
    peers.wait_for_asks(2);
    node.pool->receive(peer_key(1), {stranger});
  });
  auto found = node.pool->find(std::span(&id, 1), kNow, nullptr, true);
  answers.join();
  EXPECT_EQ(found.error().reason, "pool.inadmissible");
  EXPECT_NE(found.error().detail.find("unknown_signer"), std::string::npos);
}

TEST_F(PoolTest, AdmittedAtTheTimeOfTheBlock) {
  PoolOptions options;
  options.grace_ms = 1;
  Node node(test, options);
  node.pool->set_peers(&peers);
  const Bytes envelope = node.put("key");
  const Digest id = id_of(envelope);
  node.now_ms = kNow + 3'600'000;  // this node is behind by an hour
  std::thread answers([&] {
    peers.wait_for_asks(1);
    node.pool->receive(peer_key(1), {envelope});
  });
  auto found = node.pool->find(std::span(&id, 1), kNow, nullptr, true);
  answers.join();
  EXPECT_TRUE(found) << found.error().to_string();
}

TEST_F(PoolTest, SeveralWaitAndStopWakesThem) {
  Node node(test);
  node.pool->set_peers(&peers);
  const Bytes envelope = node.put("key");
  const Digest id = id_of(envelope), never = id_of(node.put("never"));
  std::vector<std::thread> threads;
  std::atomic<int> found = 0, stopped = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      auto result = node.pool->find(std::span(i % 2 == 0 ? &id : &never, 1), kNow, nullptr, true);
      if (result)
        ++found;
      else if (result.error().reason == "pool.stopped")
        ++stopped;
    });
  peers.wait_for_asks(4);
  node.submit(envelope);  // a client of this node brings it
  threads[0].join();
  threads[2].join();
  node.pool->stop();
  threads[1].join();
  threads[3].join();
  EXPECT_EQ(found, 2);
  EXPECT_EQ(stopped, 2);
}

TEST_F(PoolTest, BlocksAheadAreHeldWithinBoundsAndUsedWithoutAsking) {
  Node source(test), node(test);
  node.pool->set_peers(&peers);
  std::vector<std::vector<Bytes>> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back({source.anchor(10), source.put(std::to_string(i))});
    ASSERT_TRUE(source.chain.add_block(blocks.back()));
  }
  for (size_t i = 0; i < blocks.size(); ++i) node.pool->receive_block(peer_key(1), i + 1, blocks[i]);
  EXPECT_GT(node.pool->counts().ahead_bytes, 0u);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::vector<Digest> ids = {id_of(blocks[i][0]), id_of(blocks[i][1])};
    ASSERT_TRUE(node.decide(ids, source.chain.ledger->block(i + 1)->header.time_ms));
  }
  EXPECT_EQ(node.chain.ledger->head().header.state_root, source.chain.ledger->head().header.state_root);
  EXPECT_EQ(node.pool->counts().ahead_bytes, 0u);
  EXPECT_TRUE(peers.asked.empty());
  node.pool->receive_block(peer_key(1), 3, blocks[2]);
  EXPECT_EQ(node.pool->counts().ahead_bytes, 0u) << "the ledger holds it";

  PoolOptions small;
  small.max_ahead_bytes = 3'000;
  Node narrow(test, small);
  for (int i = 0; i < 50; ++i) narrow.pool->receive_block(peer_key(1), 1, {source.put(std::to_string(i))});
  EXPECT_LE(narrow.pool->counts().ahead_bytes, 3'000u);
  EXPECT_LT(narrow.pool->room_ahead(), 600u);
}

TEST_F(PoolTest, UnsettledAreHandedOverAgain) {
  Node node(test);
  node.pool->set_peers(&peers);
  node.submit(node.put("key"));
  node.pool->receive(peer_key(1), {node.put("theirs")});
  EXPECT_TRUE(node.pool->unsettled(kNow, SIZE_MAX).empty());
  node.now_ms += 5'000;
  EXPECT_EQ(node.pool->unsettled(kNow + 1, 10).size(), 0u);
  EXPECT_EQ(node.pool->unsettled(kNow + 1, SIZE_MAX), peers.handed);
  EXPECT_TRUE(node.pool->unsettled(kNow + 1, SIZE_MAX).empty());
}

// What was voted for is there after the process is gone, though nobody waits for it any more and it has
// expired by the clock.
TEST_F(PoolTest, KeptIsThereAfterARestart) {
  Node node(test);
  std::vector<Bytes> envelopes = {node.put("a"), node.anchor(5), node.put("b")};
  node.pool->receive(peer_key(1), envelopes);
  const auto ids = all(*node.pool);
  ASSERT_TRUE(node.pool->keep(1, node.pool->candidates(SIZE_MAX, 9)));
  node.reopen();
  EXPECT_EQ(node.pool->counts().transactions, 3u) << "they wait again";
  node.now_ms += 10 * 60'000;
  node.reopen();
  EXPECT_TRUE(node.pool->empty()) << "expired";
  ASSERT_TRUE(node.pool->find(ids, kNow, nullptr, false)) << "at the time of their block they are admitted";
  ASSERT_TRUE(node.decide(ids, kNow + 1));
  node.reopen();
  EXPECT_TRUE(node.pool->empty()) << "the ledger holds them";
  EXPECT_EQ(node.pool->give(ids, SIZE_MAX).size(), 3u) << "and gives them";
}

TEST_F(PoolTest, KeptTwiceIsWrittenOnceAndDroppedByHeight) {
  Node node(test);
  const fs::path file = node.chain.folder.path / "pool/kept";
  std::vector<Bytes> envelopes;
  for (int i = 0; i < 4; ++i) envelopes.push_back(node.put(std::to_string(i)));
  node.pool->receive(peer_key(1), envelopes);
  const auto some = node.pool->candidates(SIZE_MAX, 9);
  ASSERT_TRUE(node.pool->keep(1, std::span(some).first(3)));
  const auto size = fs::file_size(file);
  ASSERT_TRUE(node.pool->keep(1, std::span(some).first(2)));
  EXPECT_EQ(fs::file_size(file), size);
  ASSERT_TRUE(node.pool->keep(2, some));
  EXPECT_GT(fs::file_size(file), size);
  node.pool->committed(1, nullptr);
  node.pool->committed(2, nullptr);
  ASSERT_TRUE(node.pool->keep(3, std::span(some).first(1)));
  EXPECT_LT(fs::file_size(file), 3 * size) << "written from the beginning again";
  node.pool->stop();
  node.reopen();
  const Digest first = some[0]->hash;
  EXPECT_TRUE(node.pool->find(std::span(&first, 1), kNow, nullptr, false));
}

// The file cut after every byte: whole records are read, nothing else, and it goes on.
TEST_F(PoolTest, ATornTailIsTolerated) {
  Node node(test);
  const fs::path file = node.chain.folder.path / "pool/kept";
  std::vector<Digest> ids;
  std::vector<uintmax_t> ends;
  for (int i = 0; i < 3; ++i) {
    const Bytes envelope = node.put(std::to_string(i));
    ids.push_back(id_of(envelope));
    const auto admitted = node.admit(envelope);
    ASSERT_TRUE(node.pool->keep(uint64_t(i + 1), std::span(&admitted, 1)));
    ends.push_back(fs::file_size(file));
  }
  const Bytes whole = read_file(file, 1 << 20).value();
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    node.pool.reset();
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(whole.data()), std::streamsize(cut));
    node.open();
    const auto here = all(*node.pool);
    const size_t records = size_t(std::upper_bound(ends.begin(), ends.end(), cut) - ends.begin());
    ASSERT_EQ(here, std::vector(ids.begin(), ids.begin() + std::ptrdiff_t(records))) << "cut at " << cut;
  }
  std::mt19937_64 random(5);
  for (int i = 0; i < 200; ++i) {  // and any byte bent
    Bytes bent = whole;
    bent[random() % bent.size()] ^= uint8_t(1 + random() % 255);
    node.pool.reset();
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bent.data()), std::streamsize(bent.size()));
    node.open();
    EXPECT_LE(node.pool->counts().transactions, 3u);
    EXPECT_GE(node.pool->counts().transactions, 0u);
  }
}

}  // namespace
}  // namespace chengxin::comet
