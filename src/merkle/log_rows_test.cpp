#include <gtest/gtest.h>

#include "merkle/hashes_for_tests.h"
#include "merkle/impl/log_rows.h"

namespace chengxin::merkle {
namespace {

struct Rows {
  std::map<RowId, Bytes> rows;
  RowReader read = [this](const RowId& id) -> Result<std::optional<Bytes>> {
    auto found = rows.find(id);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  };
  void write(const std::map<RowId, Bytes>& changed) {
    for (const auto& [id, row] : changed) {
      Bytes& old = rows[id];
      ASSERT_TRUE(old.size() < row.size() && std::equal(old.begin(), old.end(), row.begin()))
          << "not appended";
      old = row;
    }
  }
};

template <typename Hash>
void grow_and_compare(Random& random) {
  using Tree = LogTree<Hash>;
  Rows store;
  LogRows<Hash> log;
  std::vector<Digest> leaves;
  while (leaves.size() < 20'000) {
    for (uint64_t count = below(random, below(random, 8) ? 30 : 3000); count > 0; --count) {
      leaves.push_back(random_digest(random));
      log.append(leaves.back());
    }
    store.write(log.take_changed());
    ASSERT_TRUE(log.take_changed().empty());
    const uint64_t size = leaves.size();
    if (below(random, 3) == 0) {
      LogRows<Hash> dropped = log;  // a block that was tried and dropped
      for (int i = 0; i < 40; ++i) dropped.append(random_digest(random));
    }
    if (below(random, 3) == 0) log = *LogRows<Hash>::open(size, store.read);
    ASSERT_EQ(log.edge().size(), size);
    if (below(random, 10) == 0) {
      ASSERT_EQ(log.edge().root(), Tree::root_of(leaves));
    }
  }
  const uint64_t size = leaves.size();
  const Digest root = Tree::root_of(leaves);
  const NodeReader nodes = log_nodes<Hash>(store.read);
  ASSERT_EQ(*Tree::root_at(size, nodes), root);
  for (int i = 0; i < 300; ++i) {
    const uint64_t at = 1 + below(random, size), index = below(random, at);
    const Digest root_then = *Tree::root_at(at, nodes);
    if (i < 10) {
      ASSERT_EQ(root_then, Tree::root_of(std::span(leaves).first(at)));
      ASSERT_EQ(LogRows<Hash>::open(at, store.read)->edge().root(), root_then);
    }
    ASSERT_TRUE(
        Tree::verify_inclusion(index, at, leaves[index], *Tree::inclusion_path(index, at, nodes), root_then));
    ASSERT_TRUE(
        Tree::verify_consistency(at, size, root_then, root, *Tree::consistency_path(at, size, nodes)));
  }
  // Tiles: level 0 is the leaves, level 1 the roots of each 256.
  Bytes level0, level1;
  for (uint64_t i = 0; i <= size / 256; ++i) chengxin::append(level0, *log_tile(0, i, size, store.read));
  for (uint64_t i = 0; i <= size / 65536; ++i) chengxin::append(level1, *log_tile(1, i, size, store.read));
  Bytes expected0, expected1;
  for (const Digest& leaf : leaves) chengxin::append(expected0, leaf);
  for (uint64_t i = 0; (i + 1) * 256 <= size; ++i)
    chengxin::append(expected1, Tree::root_of(std::span(leaves).subspan(i * 256, 256)));
  ASSERT_EQ(level0, expected0);
  ASSERT_EQ(level1, expected1);
  ASSERT_TRUE(log_tile(0, size / 256 + 1, size, store.read)->empty());
  ASSERT_TRUE(log_tile(9, 0, size, store.read)->empty());
}

TEST(LogRows, HoldTheWholeLog) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  grow_and_compare<Sm3Hash>(random);
  grow_and_compare<ToyHash>(random);
}

TEST(LogRows, MissingRowsAreErrors) {
  Random random(1);
  Rows store;
  LogRows<Sm3Hash> log;
  for (int i = 0; i < 1000; ++i) log.append(random_digest(random));
  store.write(log.take_changed());
  EXPECT_EQ(LogRows<Sm3Hash>::open(1001, store.read).error().reason, "merkle.node_missing");
  EXPECT_EQ(log_tile(0, 3, 1001, store.read).error().reason, "merkle.node_missing");
  store.rows.erase({0, 1});
  const NodeReader nodes = log_nodes<Sm3Hash>(store.read);
  EXPECT_EQ(Log::inclusion_path(17, 1000, nodes).error().reason, "merkle.node_missing");
  EXPECT_TRUE(Log::inclusion_path(500, 1000, nodes).has_value());
  EXPECT_EQ(log_tile(0, 0, 1000, store.read).error().reason, "merkle.node_missing");
  store.rows[{0, 62}].pop_back();
  EXPECT_FALSE(LogRows<Sm3Hash>::open(1000, store.read).has_value());
}

}  // namespace
}  // namespace chengxin::merkle
