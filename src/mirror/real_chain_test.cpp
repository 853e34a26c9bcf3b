#include "ledger/testing.h"
#include "mirror/mirror.h"
#include "mirror/queries.h"
#include "support/databases.h"

namespace chengxin::mirror {
namespace {

using ledger::testing::anchor_call;
using ledger::testing::put_call;

constexpr int kWaitMs = 20'000;

class RealChainTest : public test::OnEachDatabase {
 protected:
  void grow(int blocks) {
    for (int i = 0; i < blocks; ++i) {
      const auto& writer = setup.writer;
      std::vector<Bytes> envelopes = {
          setup.envelope(writer, chain.time_ms, {anchor_call(), put_call("k", {})}, {chain.items(3)}),
          setup.envelope(writer, chain.time_ms, {{"test", "fail", {}}}),
          setup.envelope(writer, chain.time_ms, {{"nobody's", "'; drop table mirror_block; --", {}}})};
      ASSERT_OK(chain.add_block(envelopes));
    }
  }
  // The reader's owner is the test; it outlives the mirror.
  static ChainReader reader(const ledger::Ledger& ledger) {
    return reader_of(std::shared_ptr<const ledger::Ledger>(std::shared_ptr<void>(), &ledger));
  }

  void expect_same(sql::Database& database, const ledger::Ledger& ledger) {
    Queries queries(database);
    std::string cursor;
    uint64_t height = ledger.head().header.height;
    do {
      auto page = queries.blocks(ledger.id(), {}, sql::Order::descending, cursor, 7);
      ASSERT_OK(page);
      for (const BlockRow& row : page->items) {
        auto block = ledger.block(height);
        ASSERT_OK(block);
        EXPECT_EQ(row, (BlockRow{height, format::Header::hash(block->header_bytes), block->header.time_ms,
                                 block->transaction_count, block->header.log_size}));
        Range only{.from_height = height, .until_height = height};
        auto rows = queries.transactions(ledger.id(), {.range = only}, sql::Order::ascending, "", 100);
        auto events = queries.events(ledger.id(), {.range = only}, sql::Order::ascending, "", 100);
        ASSERT_OK(rows);
        ASSERT_OK(events);
        ASSERT_EQ(rows->items.size(), block->transactions.size());
        size_t event = 0;
        for (size_t i = 0; i < block->transactions.size(); ++i) {
          auto record = ledger.transaction(block->transactions[i]);
          ASSERT_OK(record);
          EXPECT_EQ(rows->items[i],
                    (TransactionRow{height, i, block->transactions[i], block->header.time_ms,
                                    record->transaction.body.signer, record->receipt.status,
                                    record->receipt.gas, record->transaction.body.calls.size()}));
          for (const format::Event& one : record->events) {
            ASSERT_LT(event, events->items.size());
            const EventRow& mirrored = events->items[event++];
            EXPECT_EQ((format::Event{mirrored.contract, mirrored.type, mirrored.data}), one);
            EXPECT_EQ(mirrored.transaction, block->transactions[i]);
          }
        }
        EXPECT_EQ(event, events->items.size());
        --height;
      }
      cursor = page->next;
    } while (!cursor.empty());
    EXPECT_EQ(height + 1, std::max<uint64_t>(1, ledger.oldest_height()));
  }

  ledger::testing::TestChain setup{"town"};
  ledger::testing::LiveChain chain{setup};
};
INSTANTIATE_ON_EACH_DATABASE(RealChainTest);

TEST_P(RealChainTest, IsMirroredThroughPruningAndRestore) {
  auto database = open();
  auto mirror = Mirror::open(*database, {.min_interval_ms = 0});
  ASSERT_OK(mirror);
  const Digest id = chain.ledger->id();
  (*mirror)->add(reader(*chain.ledger));
  grow(10);
  ASSERT_OK((*mirror)->wait(id, kWaitMs));
  expect_same(*database, *chain.ledger);
  fs::path old = chain.folder.path / "old";
  ASSERT_OK(chain.ledger->checkpoint(old));
  grow(10);
  ASSERT_OK((*mirror)->wait(id, kWaitMs));
  expect_same(*database, *chain.ledger);
  auto refused = Queries(*database).transactions(id, {.status = 5}, sql::Order::ascending, "", 100);
  ASSERT_OK(refused);
  EXPECT_EQ(refused->items.size(), 20u);
  // Pruned while it is followed.
  chain.time_ms += 3 * 24 * 3600 * 1000ll;
  ASSERT_OK(chain.ledger->prune(6, chain.time_ms));
  grow(1);
  ASSERT_OK((*mirror)->wait(id, kWaitMs));
  EXPECT_EQ((*mirror)->status(id)->first_height, chain.ledger->oldest_height());
  expect_same(*database, *chain.ledger);
  ASSERT_OK((*mirror)->rebuild(id));
  expect_same(*database, *chain.ledger);
  // The copy of block 10 takes the chain's place.
  (*mirror)->remove(id);
  auto restored = ledger::Ledger::open(old, setup.options());
  ASSERT_OK(restored);
  (*mirror)->add(reader(**restored));
  ASSERT_OK((*mirror)->wait(id, kWaitMs));
  EXPECT_EQ((*mirror)->status(id)->height, 10u);
  EXPECT_EQ((*mirror)->status(id)->restarts, 1u);
  EXPECT_EQ((*mirror)->status(id)->first_height, 1u);
  expect_same(*database, **restored);
  mirror->reset();
}

}  // namespace
}  // namespace chengxin::mirror
