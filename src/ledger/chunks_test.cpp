#include <gtest/gtest.h>

#include <thread>

#include "ledger/importer.h"
#include "ledger/testing.h"

// Chains handed from node to node in parts.
namespace chengxin::ledger {
namespace {

using namespace testing;

class ChunksTest : public ::testing::Test {
 protected:
  // Blocks of an attachment and of a change of the state.
  void grow(int blocks, size_t bytes) {
    for (int i = 0; i < blocks; ++i) {
      Bytes data(bytes, uint8_t(i));
      data[0] = uint8_t(chain.random());
      const std::vector<Bytes> envelopes = {
          setup.envelope(setup.writer, chain.time_ms, {keep_call(data)}, {data}),
          setup.envelope(setup.writer, chain.time_ms, {put_call("k", chain.items(1))})};
      ASSERT_TRUE(chain.add_block(envelopes));
    }
  }
  // Beside a copy that holds nothing.
  std::unique_ptr<Importer> importer() {
    if (!fs::exists(place())) EXPECT_TRUE(Ledger::create(place(), setup.document(), setup.options()));
    return Importer::open(place(), setup.document(), setup.options()).value();
  }
  fs::path place() const { return chain.folder.path / "copy"; }
  std::unique_ptr<Ledger> copy() { return Ledger::open(place(), setup.options()).value(); }

  TestChain setup;
  LiveChain chain{setup};
};

TEST_F(ChunksTest, AChainIsTheSamePartsOnEveryNodeThatHasIt) {
  EXPECT_TRUE(chain.ledger->chunks()->empty());
  grow(3, 1'000'000);
  const auto early = chain.ledger->chunks().value();
  EXPECT_EQ(early, (std::vector<HeightRange>{{1, 3}}));
  grow(9, 2'000'000);
  const auto parts = chain.ledger->chunks().value();
  ASSERT_GE(parts.size(), 3u);
  uint64_t next = 1;
  auto taking = importer();
  for (const HeightRange& part : parts) {
    EXPECT_EQ(part.first, next);
    next = part.last + 1;
    const Bytes chunk = chain.ledger->read_chunk(part).value();
    EXPECT_LE(chunk.size(), Ledger::kPartBytes + 10'000);
    ASSERT_TRUE(taking->take(chunk));
    ASSERT_TRUE(taking->take(chunk)) << "what is here is passed over";
    EXPECT_EQ(taking->next_height(), next);
  }
  EXPECT_EQ(next, 13u);
  ASSERT_TRUE(taking->finish({}));
  auto other = copy();
  EXPECT_EQ(other->head().header_hash, chain.ledger->head().header_hash);
  EXPECT_EQ(other->head().certified_height, 12u);
  EXPECT_EQ(other->chunks().value(), parts);
  EXPECT_EQ(other->read_chunk(parts[1]).value(), chain.ledger->read_chunk(parts[1]).value());
  auto verified = other->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
  ASSERT_TRUE(chain.reopen());
  EXPECT_EQ(chain.ledger->chunks().value(), parts);

  ASSERT_TRUE(chain.ledger->prune(5, chain.time_ms * 2));
  EXPECT_EQ(chain.ledger->chunks().error().reason, "ledger.pruned");
  EXPECT_EQ(chain.ledger->read_chunk(parts[0]).error().reason, "ledger.pruned");
  EXPECT_EQ(chain.ledger->read_blocks(2, 1).error().reason, "ledger.pruned");
  EXPECT_EQ(chain.ledger->read_chunk({12, 13}).error().reason, "ledger.no_block");
  EXPECT_EQ(chain.ledger->read_chunk({0, 3}).error().reason, "ledger.no_block");
}

TEST_F(ChunksTest, ABentPartIsNamedAndWhatWasTakenStays) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  grow(12, 600);
  const Bytes whole = chain.ledger->read_chunk({1, 12}).value();
  std::vector<size_t> ends;  // of the blocks in it
  for (uint64_t height = 1; height <= 12; ++height)
    ends.push_back(chain.ledger->read_chunk({1, height})->size());
  auto taking = importer();
  uint64_t stopped = 1;
  for (int i = 0; i < 16; ++i) {
    Bytes bent = whole;
    const size_t at = random() % bent.size();
    switch (random() % 3) {
      case 0:
        bent[at] ^= uint8_t(1 << random() % 8);
        break;
      case 1:
        bent.resize(at);
        break;
      default:
        bent.erase(bent.begin() + std::ptrdiff_t(at));
    }
    const uint64_t block = 1 + uint64_t(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
    const uint64_t before = taking->next_height();
    const Status taken = taking->take(bent);
    if (block >= before && at != (block > 1 ? ends[block - 2] : 0)) {
      ASSERT_FALSE(taken) << "byte " << at;
      EXPECT_EQ(taken.error().reason, "ledger.chunk_bad");
      EXPECT_EQ(taking->next_height(), block) << "those before it were";
      EXPECT_NE(taken.error().detail.find(fmt::format("block {}", block)), std::string::npos)
          << taken.error().detail;
    }
    if (random() % 10 == 0) {
      taking.reset();
      taking = importer();
    }
    EXPECT_GE(taking->next_height(), stopped) << "it goes on where it was";
    stopped = taking->next_height();
    if (stopped > 8) {
      taking->discard();
      taking = importer();
      EXPECT_EQ(stopped = taking->next_height(), 1u);
    }
  }
  ASSERT_TRUE(taking->take(whole));
  ASSERT_TRUE(taking->finish({}));
  EXPECT_EQ(copy()->head().header_hash, chain.ledger->head().header_hash);
}

TEST_F(ChunksTest, AnotherChainsPartsAreNotTaken) {
  grow(2, 5);
  TestChain other;
  other.genesis.validators = setup.genesis.validators;
  auto begun = importer();
  ASSERT_TRUE(begun->take(*chain.ledger->read_chunk({1, 2})));
  begun.reset();
  auto taking = Importer::open(place(), other.document(), setup.options()).value();
  EXPECT_EQ(taking->next_height(), 1u) << "what was begun of another chain is gone";
  const Status taken = taking->take(*chain.ledger->read_chunk({1, 2}));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().reason, "ledger.chunk_bad");
}

// Every way in which a replacement can have been cut off.
TEST_F(ChunksTest, WhateverHappensTheFolderOpensAsTheOldOrTheNewChain) {
  grow(3, 100);
  const Bytes whole = chain.ledger->read_chunk({1, 3}).value();
  const Bytes note = to_bytes(view("where the orderer stood"));
  auto begun = importer();
  ASSERT_TRUE(begun->take(*chain.ledger->read_chunk({1, 2})));
  begun.reset();
  EXPECT_EQ(copy()->head().header.height, 0u) << "half of one is not opened";
  auto taking = importer();
  EXPECT_EQ(taking->next_height(), 3u);
  ASSERT_TRUE(taking->take(whole));
  ASSERT_TRUE(taking->finish(note));
  const fs::path kept = chain.folder.path / "kept";
  fs::copy(place(), kept, fs::copy_options::recursive);
  enum Cut { before, store_removed, store_moved, both_moved, emptied };
  for (Cut cut : {before, store_removed, store_moved, both_moved, emptied}) {
    SCOPED_TRACE(int(cut));
    fs::remove_all(place());
    fs::copy(kept, place(), fs::copy_options::recursive);
    if (cut >= store_removed) fs::remove_all(place() / "store");
    if (cut >= store_moved) fs::rename(place() / "ready" / "store", place() / "store");
    if (cut >= both_moved) fs::rename(place() / "ready" / "head", place() / "head");
    if (cut >= emptied) fs::remove_all(place() / "ready");
    auto opened = copy();
    EXPECT_EQ(opened->head().header_hash, chain.ledger->head().header_hash);
    EXPECT_EQ(opened->note().value(), note);
    EXPECT_FALSE(fs::exists(place() / "ready"));
    EXPECT_TRUE(opened->verify(nullptr));
  }
}

TEST_F(ChunksTest, OneIsReplacedWhileItIsRead) {
  EXPECT_EQ(chain.ledger->importer().error().reason, "ledger.not_replaceable");
  EXPECT_EQ(chain.ledger->replace().error().reason, "ledger.not_replaceable");
  format::Consortium consortium;
  consortium.organisations = {{"city", "City", Bytes(100, 1), setup.governor.key.public_key().point()}};
  format::Node voter;
  voter.name = "one";
  voter.organisation = "city";
  voter.key = setup.validator.key.public_key().point();
  voter.address = "one.example:1";
  consortium.nodes = {voter};
  setup.genesis.consortium = consortium;
  LiveChain whole{setup}, lost{setup};
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(whole.add(setup.writer, {put_call(std::to_string(i), view("v"))}));
  const ledger::Head head = whole.ledger->head();

  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const uint64_t height = lost.ledger->head().header.height;
      EXPECT_TRUE(height == 0 || height == 20) << height;
      auto value = lost.ledger->state("test/19");
      EXPECT_TRUE(value) << value.error().to_string();
      if (height == 20) EXPECT_TRUE(value->has_value());
    }
  });
  auto taking = lost.ledger->importer().value();
  ASSERT_TRUE(taking->take(*whole.ledger->read_chunk({1, 20})));
  ASSERT_TRUE(taking->finish({}));
  EXPECT_EQ(lost.ledger->head().header.height, 0u);
  const Status replaced = lost.ledger->replace();
  ASSERT_TRUE(replaced) << replaced.error().to_string();
  done = true;
  reader.join();
  EXPECT_EQ(lost.ledger->head().header_hash, head.header_hash);
  lost.time_ms = whole.time_ms;
  ASSERT_TRUE(lost.add(setup.writer, {put_call("after", view("v"))}));
  ASSERT_TRUE(lost.reopen());
  EXPECT_EQ(lost.ledger->head().header.height, 21u);
  EXPECT_TRUE(lost.ledger->verify(nullptr));

  fs::create_directories(lost.path() / "ready" / "store");  // of no use
  EXPECT_FALSE(lost.ledger->replace());
  EXPECT_EQ(lost.ledger->block(1).error().reason, "ledger.halted");
  EXPECT_EQ(lost.ledger->head().header.height, 21u);
}

// What a node that fell behind asks for, and does with it.
TEST_F(ChunksTest, BlocksFromAHeightOnGiveTheSameBlocks) {
  grow(4, 6000);
  const auto admitted =
      chain.ledger
          ->admit(setup.envelope(setup.writer, chain.time_ms, {put_call("z", view("1"))}), chain.time_ms)
          .value();
  auto last = chain.ledger->execute(std::span(&admitted, 1), ++chain.time_ms).value();
  ASSERT_TRUE(chain.ledger->decide({&last, {}, {}}));
  EXPECT_EQ(chain.ledger->chunks()->back().last, 4u) << "the last is not certified";
  EXPECT_EQ(chain.ledger->read_chunk({4, 5}).error().reason, "ledger.not_certified_yet");

  LiveChain behind{setup};
  uint64_t next = 1;
  for (int rounds = 0; next <= 5; ++rounds) {
    ASSERT_LT(rounds, 5);
    const auto blocks = chain.ledger->read_blocks(next, 14'000).value();
    ASSERT_FALSE(blocks.empty());
    EXPECT_LE(blocks.size(), 3u) << "it stops at so many bytes";
    for (const BlockEnvelopes& block : blocks) {
      ASSERT_EQ(block.height, next);
      behind.time_ms = chain.ledger->block_header(next)->header.time_ms - 1;
      ASSERT_EQ(behind.add_block(block.envelopes)->header_hash,
                format::Header::hash(chain.ledger->block_header(next)->header_bytes));
      ++next;
    }
  }
  EXPECT_TRUE(chain.ledger->read_blocks(6, 1000)->empty());
  EXPECT_EQ(chain.ledger->read_blocks(1, 0)->size(), 1u);
}

}  // namespace
}  // namespace chengxin::ledger
