#include "sm2/impl/key_tables.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

namespace chengxin::sm2::impl {
namespace {

constexpr size_t kSmallBytes = 4096, kLargeBytes = 256 << 10;

// A table is its key's x, over and over: who reads the table of another key, or freed memory, sees it.
class MarkingEngine final : public Engine {
 public:
  void verify_unknown(std::span<const Question>, uint8_t*) const override {}
  void verify_known(Tier, std::span<const Question>, uint8_t*) const override {}
  size_t table_bytes(Tier tier) const override { return tier == Tier::small ? kSmallBytes : kLargeBytes; }
  void build(Tier tier, std::span<const Affine> keys, uint8_t* const* tables, uint8_t* good) const override {
    for (size_t i = 0; i < keys.size(); ++i) {
      for (size_t at = 0; at < table_bytes(tier); at += 32) std::memcpy(tables[i] + at, &keys[i].x, 32);
      good[i] = keys[i].x.limb[3] != 0;
    }
  }
};

Point key_of(uint64_t number) {
  Point point{4};
  Bytes x;
  put_be(x, number + 1);
  std::copy(x.begin(), x.end(), point.begin() + 1);
  return point;
}

bool is_of(const Table& table, const Point& key, size_t at) {
  const Number x = affine_of(key).x;
  return std::memcmp(table.memory + at / 32 * 32, &x, 32) == 0;
}

class KeyTablesTest : public ::testing::Test {
 protected:
  // Uses the key once; the tier of the table that it found.
  std::optional<Tier> use(const Point& key, bool holds = true) { return use(tables_, key, holds); }
  static std::optional<Tier> use(KeyTables& tables, const Point& key, bool holds = true) {
    const Point* asked = &key;
    const uint8_t verdict = holds;
    Table* found = nullptr;
    tables.find({&asked, 1}, {&found, 1});
    std::optional<Tier> tier;
    if (found) {
      EXPECT_TRUE(is_of(*found, key, 0));
      EXPECT_EQ(found->z_default, *z_of(key));
      tier = found->tier;
    }
    tables.release({&asked, 1}, {&found, 1}, {&verdict, 1});
    return tier;
  }

  MarkingEngine engine_;
  VerifierOptions options_{.table_bytes = 8 << 20, .small_after = 4, .large_after = 20};
  KeyTables tables_{engine_, options_};
};

TEST_F(KeyTablesTest, AKeyEarnsItsSmallTableAndThenItsLargeOne) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(use(key_of(1)), std::nullopt);
  EXPECT_EQ(use(key_of(1)), std::nullopt);  // due, not yet built
  EXPECT_EQ(tables_.build(10), 1u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(use(key_of(1)), Tier::small);
  EXPECT_EQ(tables_.build(10), 1u);
  EXPECT_EQ(use(key_of(1)), Tier::large);
  const TableStatistics statistics = tables_.statistics();
  EXPECT_EQ(statistics.small, 0u);
  EXPECT_EQ(statistics.large, 1u);
  EXPECT_EQ(statistics.unknown_checks, 5u);
}

TEST_F(KeyTablesTest, AnExpectedKeyHasItsTableBeforeItsFirstUse) {
  tables_.expect(key_of(7));
  tables_.expect(key_of(7));
  EXPECT_EQ(tables_.build(10), 1u);
  EXPECT_EQ(use(key_of(7)), Tier::small);
}

TEST_F(KeyTablesTest, WhatIsNoKeyGetsNoTable) {
  Point zero{4}, compressed = key_of(3);
  compressed[0] = 2;
  for (const Point& point : {zero, compressed}) {
    tables_.expect(point);
    tables_.build(10);
    EXPECT_EQ(use(point), std::nullopt);
  }
  EXPECT_EQ(tables_.statistics().small, 0u);
}

TEST_F(KeyTablesTest, OneTimeKeysDisplaceNothing) {
  for (uint64_t key = 0; key < 500; ++key) tables_.expect(key_of(key));
  tables_.build(SIZE_MAX);
  for (uint64_t key = 1'000'000; key < 1'300'000; ++key) use(key_of(key));
  tables_.build(SIZE_MAX);
  for (uint64_t key = 0; key < 500; ++key) EXPECT_EQ(use(key_of(key)), Tier::small) << key;
  EXPECT_EQ(tables_.statistics().evicted, 0u);
}

TEST_F(KeyTablesTest, SignaturesThatDoNotHoldEarnNothing) {
  for (int i = 0; i < 100; ++i) use(key_of(1), false);
  EXPECT_EQ(tables_.build(SIZE_MAX), 0u);
  EXPECT_EQ(use(key_of(1)), std::nullopt);
}

// Each key in the cache has been used 26 times; strangers with 4 uses each would have to bring more than
// that.
TEST_F(KeyTablesTest, ToDisplaceAKeyCostsAsManyGoodSignaturesAsItMade) {
  const size_t room = (options_.table_bytes / 2) / kSmallBytes;
  options_.large_after = UINT32_MAX;
  KeyTables tables(engine_, options_);
  for (uint64_t key = 0; key < room; ++key) tables.expect(key_of(key));
  tables.build(SIZE_MAX);
  for (int round = 0; round < 22; ++round)
    for (uint64_t key = 0; key < room; ++key) use(tables, key_of(key));
  uint64_t spent = 0;
  for (uint64_t stranger = 1 << 20; tables.statistics().evicted == 0; ++stranger) {
    for (int uses = 0; uses < 4; ++uses, ++spent) use(tables, key_of(stranger));
    tables.build(SIZE_MAX);
  }
  EXPECT_GE(spent, room * 25);
}

TEST_F(KeyTablesTest, AFullCacheKeepsTheKeysThatAreUsedMore) {
  const size_t room = (options_.table_bytes / 2) / kSmallBytes;
  for (uint64_t key = 0; key < room; ++key) tables_.expect(key_of(key));
  tables_.build(SIZE_MAX);
  ASSERT_EQ(tables_.statistics().small, room);
  // Hot keys in the midst of strangers that are used just enough to ask for a table.
  for (uint64_t round = 0; round < 2000; ++round) {
    for (uint64_t hot = 0; hot < 10; ++hot) use(key_of(hot));
    for (int uses = 0; uses < 4; ++uses) use(key_of(5000 + round));
    tables_.build(SIZE_MAX);
  }
  for (uint64_t hot = 0; hot < 10; ++hot) EXPECT_TRUE(use(key_of(hot))) << hot;
  const TableStatistics statistics = tables_.statistics();
  EXPECT_GT(statistics.evicted, 0u);
  EXPECT_LE(statistics.bytes, options_.table_bytes);
}

TEST_F(KeyTablesTest, APinnedTableOutlivesItsEviction) {
  options_.large_after = UINT32_MAX;
  KeyTables tables(engine_, options_);
  const Point key = key_of(1);
  tables.expect(key);
  tables.build(1);
  const Point* asked = &key;
  Table* pinned = nullptr;
  tables.find({&asked, 1}, {&pinned, 1});
  ASSERT_TRUE(pinned);
  for (uint64_t other = 10; other < 5000; ++other) {  // all of the memory, several times
    for (int i = 0; i < 5; ++i) {
      use(tables, key_of(other));
    }
    tables.build(SIZE_MAX);
  }
  for (size_t at = 0; at < kSmallBytes; at += 32) ASSERT_TRUE(is_of(*pinned, key, at));
  const uint8_t verdict = 1;
  tables.release({&asked, 1}, {&pinned, 1}, {&verdict, 1});
}

TEST_F(KeyTablesTest, ReadersNeverSeeTheTableOfAnotherKey) {
  std::atomic<bool> done = false;
  std::atomic<uint64_t> hits = 0, wrong = 0;
  std::thread builder([&] {
    while (!done) {
      tables_.build(SIZE_MAX);
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> readers;
  for (unsigned seed : {1u, 2u, 3u})
    readers.emplace_back([&, seed] {
      std::mt19937 random(seed);
      for (int round = 0; round < 600; ++round) {
        std::vector<Point> keys;
        for (int i = 0; i < 16; ++i) keys.push_back(key_of(random() % 3 ? random() % 40 : random() % 4000));
        std::vector<const Point*> asked;
        for (const Point& key : keys) asked.push_back(&key);
        std::vector<Table*> found(keys.size());
        tables_.find(asked, found);
        std::this_thread::yield();
        for (size_t i = 0; i < keys.size(); ++i) {
          if (!found[i]) continue;
          ++hits;
          const size_t bytes = engine_.table_bytes(found[i]->tier);
          for (size_t at : {size_t(0), bytes / 2, bytes - 32})
            if (!is_of(*found[i], keys[i], at)) ++wrong;
        }
        tables_.release(asked, found, std::vector<uint8_t>(found.size(), 1));
      }
    });
  for (std::thread& reader : readers) reader.join();
  done = true;
  builder.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(hits, 100u);
  const TableStatistics statistics = tables_.statistics();
  EXPECT_GT(statistics.evicted, 0u);
  EXPECT_LE(statistics.bytes, options_.table_bytes);
}

}  // namespace
}  // namespace chengxin::sm2::impl
