#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "merkle/hashes_for_tests.h"
#include "merkle/impl/item_tree.h"

namespace chengxin::merkle {
namespace {

// RFC 9162 section 2.1 word for word, over leaf hashes, with the hashes of ranges remembered.
template <typename Hash>
struct NaiveLog {
  std::vector<Digest> leaves;
  std::map<std::pair<uint64_t, uint64_t>, Digest> known;

  Digest range(uint64_t from, uint64_t to) {
    if (from == to) return Hash::hash({});
    if (to - from == 1) return leaves[from];
    auto found = known.find({from, to});
    if (found != known.end()) return found->second;
    uint64_t k = std::bit_floor(to - from - 1);
    Digest left = range(from, from + k), right = range(from + k, to);
    uint8_t prefix[] = {1};
    return known[{from, to}] = Hash::hash({prefix, left, right});
  }
  Path inclusion(uint64_t m, uint64_t from, uint64_t to) {
    if (to - from == 1) return {};
    uint64_t k = std::bit_floor(to - from - 1);
    bool left = m - from < k;
    Path path = left ? inclusion(m, from, from + k) : inclusion(m, from + k, to);
    path.push_back(left ? range(from + k, to) : range(from, from + k));
    return path;
  }
  Path subproof(uint64_t m, uint64_t from, uint64_t to, bool whole) {
    if (m == to) return whole ? Path{} : Path{range(from, to)};
    uint64_t k = std::bit_floor(to - from - 1);
    bool left = m - from <= k;
    Path path = left ? subproof(m, from, from + k, whole) : subproof(m, from + k, to, false);
    path.push_back(left ? range(from + k, to) : range(from, from + k));
    return path;
  }
  Path consistency(uint64_t m, uint64_t n) { return m == 0 ? Path{} : subproof(m, 0, n, true); }
};

template <typename Hash>
struct Fixture {
  NaiveLog<Hash> naive;
  LogEdge<Hash> edge;
  std::map<std::pair<int, uint64_t>, Digest> nodes;
  NodeReader read = [this](int level, uint64_t index) -> Result<Digest> {
    auto found = nodes.find({level, index});
    if (found == nodes.end()) return fail(Code::data_loss, "test.no_node", "{} {}", level, index);
    return found->second;
  };

  void append() {
    Bytes data;
    put_be(data, edge.size());
    Digest leaf = LogTree<Hash>::leaf_hash(data);
    naive.leaves.push_back(leaf);
    edge.append(leaf, [&](int level, uint64_t index, const Digest& hash) {
      ASSERT_TRUE(nodes.emplace(std::pair(level, index), hash).second) << "node closed twice";
    });
  }
  void grow(uint64_t size) {
    while (edge.size() < size) append();
  }
  std::span<const Digest> leaves(uint64_t size) { return std::span(naive.leaves).first(size); }
};

template <typename Hash>
class LogTest : public testing::Test {};
using Hashes = testing::Types<Sm3Hash, ToyHash>;
TYPED_TEST_SUITE(LogTest, Hashes);

TYPED_TEST(LogTest, RootsAgreeAtEverySize) {
  using Tree = LogTree<TypeParam>;
  Fixture<TypeParam> log;
  EXPECT_EQ(log.edge.root(), Tree::empty_root());
  EXPECT_EQ(*Tree::root_at(0, log.read), Tree::empty_root());
  for (uint64_t size = 1; size <= 600; ++size) {
    log.append();
    Digest root = log.naive.range(0, size);
    ASSERT_EQ(log.edge.root(), root) << size;
    ASSERT_EQ(*Tree::root_at(size, log.read), root) << size;
    ASSERT_EQ(Tree::root_of(log.leaves(size)), root) << size;
    ASSERT_EQ(LogEdge<TypeParam>(size, log.edge.peaks()).root(), root) << size;
  }
}

// Many leaves at once are told of as one after the other.
TYPED_TEST(LogTest, AppendsOfManyLeaves) {
  using Node = std::tuple<int, uint64_t, Digest>;
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 30; ++round) {
    LogEdge<TypeParam> single, many;
    std::vector<Node> expected, told;
    for (int batch = 0; batch < 12; ++batch) {
      std::vector<Digest> leaves(below(random, batch % 3 ? 10 : 300));
      for (Digest& leaf : leaves) leaf = random_digest(random);
      for (const Digest& leaf : leaves)
        single.append(leaf, [&](int level, uint64_t index, const Digest& hash) {
          expected.emplace_back(level, index, hash);
        });
      many.append(leaves, [&](int level, uint64_t index, const Digest& hash) {
        told.emplace_back(level, index, hash);
      });
      ASSERT_EQ(many.size(), single.size());
      ASSERT_EQ(many.peaks(), single.peaks());
      ASSERT_EQ(told, expected);
    }
  }
}

TYPED_TEST(LogTest, RootsOfGroups) {
  using Tree = LogTree<TypeParam>;
  Random random(5);
  std::vector<Digest> hashes(700);
  for (Digest& hash : hashes) hash = random_digest(random);
  for (size_t width : {1, 2, 16, 64, 1024}) {
    for (size_t count : {0, 1, 5, 16, 17, 333, 700}) {
      std::vector<Digest> expected;
      for (size_t i = 0; i < count; i += width)
        expected.push_back(Tree::root_of(std::span(hashes).subspan(i, std::min(width, count - i))));
      ASSERT_EQ(Tree::roots_of(std::span(hashes).first(count), width), expected) << count << " by " << width;
    }
  }
}

TYPED_TEST(LogTest, EveryInclusionPath) {
  using Tree = LogTree<TypeParam>;
  Fixture<TypeParam> log;
  for (uint64_t size = 1; size <= 600; ++size) {
    log.append();
    Digest root = log.edge.root();
    for (uint64_t index = 0; index < size; ++index) {
      Path path = *Tree::inclusion_path(index, size, log.read);
      ASSERT_EQ(path, log.naive.inclusion(index, 0, size)) << index << " of " << size;
      ASSERT_TRUE(Tree::verify_inclusion(index, size, log.naive.leaves[index], path, root));
      if (size <= 130) {
        ASSERT_EQ(Tree::path_of(log.leaves(size), index), path);
      }
    }
  }
  EXPECT_EQ(Tree::inclusion_path(600, 600, log.read).error().reason, "merkle.index");
  EXPECT_EQ(Tree::inclusion_path(0, 0, log.read).error().reason, "merkle.index");
  EXPECT_EQ(Tree::inclusion_path(0, 1024, log.read).error().reason, "test.no_node");
}

TYPED_TEST(LogTest, EveryConsistencyPath) {
  using Tree = LogTree<TypeParam>;
  Fixture<TypeParam> log;
  for (uint64_t size = 0; size <= 300; ++size) {
    Digest root = log.edge.root();
    for (uint64_t old_size = 0; old_size <= size; ++old_size) {
      Path path = *Tree::consistency_path(old_size, size, log.read);
      ASSERT_EQ(path, log.naive.consistency(old_size, size)) << old_size << " to " << size;
      ASSERT_TRUE(Tree::verify_consistency(old_size, size, log.naive.range(0, old_size), root, path))
          << old_size << " to " << size;
    }
    log.append();
  }
  EXPECT_EQ(Tree::consistency_path(3, 2, log.read).error().reason, "merkle.size");
}

// The figures of RFC 9162 section 2.1.5: seven leaves d0 … d6 with hashes a b c d e f j; g h i are the pairs,
// k l the quadruple and the last three.
TEST(Log, ExampleOfTheRfc) {
  Fixture<Sm3Hash> log;
  log.grow(7);
  auto at = [&](int level, uint64_t index) { return log.nodes.at({level, index}); };
  Digest a = at(0, 0), b = at(0, 1), c = at(0, 2), d = at(0, 3), f = at(0, 5), j = at(0, 6);
  Digest g = at(1, 0), h = at(1, 1), i = at(1, 2), k = at(2, 0), l = Log::node_hash(i, j);
  EXPECT_NE(a, b);
  EXPECT_EQ(log.edge.root(), Log::node_hash(k, l));
  EXPECT_EQ(*Log::inclusion_path(0, 7, log.read), (Path{b, h, l}));
  EXPECT_EQ(*Log::inclusion_path(3, 7, log.read), (Path{c, g, l}));
  EXPECT_EQ(*Log::inclusion_path(4, 7, log.read), (Path{f, j, k}));
  EXPECT_EQ(*Log::inclusion_path(6, 7, log.read), (Path{i, k}));
  EXPECT_EQ(*Log::consistency_path(3, 7, log.read), (Path{c, d, g, l}));
  EXPECT_EQ(*Log::consistency_path(4, 7, log.read), (Path{l}));
  EXPECT_EQ(*Log::consistency_path(6, 7, log.read), (Path{i, j, k}));
}

// The order in which a path is hashed: two claims (index, size) of the same shape take the same path, and no
// hash can tell them apart. So a size counts only together with its root.
std::string shape(uint64_t index, uint64_t size) {
  std::string out;
  for (uint64_t last = size - 1; last > 0; index >>= 1, last >>= 1)
    if (index % 2 || index != last) out += index % 2 ? 'l' : 'r';
  return out;
}

// Calls `refused` with every way to spoil a path that the generator knows.
void spoil_path(const Path& path, Random& random, const std::function<void(const Path&)>& refused) {
  for (size_t i = 0; i < path.size(); ++i) {
    Path bad = path;
    flip_bit(bad[i], random);
    refused(bad);
    bad = path;
    bad.erase(bad.begin() + int(i));
    refused(bad);
    bad = path;
    bad.insert(bad.begin() + int(i), path[i]);
    refused(bad);
    if (i > 0) {
      bad = path;
      std::swap(bad[i], bad[i - 1]);
      refused(bad);
    }
  }
  Path longer = path;
  longer.push_back(random_digest(random));
  refused(longer);
}

TEST(Log, SpoiltProofsAreRefused) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  Fixture<Sm3Hash> log;
  log.grow(100'000);
  for (int round = 0; round < 150; ++round) {
    uint64_t size = 1 + below(random, round % 2 ? 100'000 : 300), index = below(random, size);
    Digest root = *Log::root_at(size, log.read), leaf = log.naive.leaves[index];
    Path path = *Log::inclusion_path(index, size, log.read);
    ASSERT_TRUE(Log::verify_inclusion(index, size, leaf, path, root)) << index << " of " << size;
    spoil_path(path, random, [&](const Path& bad) {
      ASSERT_FALSE(Log::verify_inclusion(index, size, leaf, bad, root)) << index << " of " << size;
    });
    for (int i = 0; i < 40; ++i) {
      uint64_t other = below(random, size + 2);
      ASSERT_EQ(Log::verify_inclusion(other, size, leaf, path, root), other == index) << other;
      uint64_t other_size = i < 5 ? size + i - 2 : below(random, 2 * size + 1);
      bool same = other_size > index && shape(index, other_size) == shape(index, size);
      ASSERT_EQ(Log::verify_inclusion(index, other_size, leaf, path, root), same)
          << index << " of " << other_size;
    }
    Digest bad = leaf;
    flip_bit(bad, random);
    ASSERT_FALSE(Log::verify_inclusion(index, size, bad, path, root));
    bad = root;
    flip_bit(bad, random);
    ASSERT_FALSE(Log::verify_inclusion(index, size, leaf, path, bad));
  }
  for (int round = 0; round < 300; ++round) {
    uint64_t size = 2 + below(random, round % 2 ? 99'999 : 300), old_size = 1 + below(random, size - 1);
    Digest root = *Log::root_at(size, log.read), old_root = *Log::root_at(old_size, log.read);
    Path path = *Log::consistency_path(old_size, size, log.read);
    ASSERT_TRUE(Log::verify_consistency(old_size, size, old_root, root, path)) << old_size << " to " << size;
    auto refused = [&](const Path& bad) {
      ASSERT_FALSE(Log::verify_consistency(old_size, size, old_root, root, bad))
          << old_size << " to " << size;
    };
    spoil_path(path, random, refused);
    ASSERT_FALSE(Log::verify_consistency(size, old_size, root, old_root, path));
    ASSERT_FALSE(Log::verify_consistency(0, size, old_root, root, {}));
    ASSERT_FALSE(Log::verify_consistency(size, size, old_root, root, {}));
    Digest bad = old_root;
    flip_bit(bad, random);
    ASSERT_FALSE(Log::verify_consistency(old_size, size, bad, root, path));
    bad = root;
    flip_bit(bad, random);
    ASSERT_FALSE(Log::verify_consistency(old_size, size, old_root, bad, path));
  }
}

TEST(Log, OnlyClaimsOfTheSameShapeTakeAPath) {
  Fixture<Sm3Hash> log;
  log.grow(17);
  for (uint64_t size = 1; size <= 17; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      Path path = *Log::inclusion_path(index, size, log.read);
      Digest leaf = log.naive.leaves[index], root = *Log::root_at(size, log.read);
      for (uint64_t other_size = 0; other_size <= 40; ++other_size) {
        for (uint64_t other = 0; other <= 40; ++other) {
          bool same = other < other_size && shape(other, other_size) == shape(index, size);
          ASSERT_EQ(Log::verify_inclusion(other, other_size, leaf, path, root), same)
              << index << " of " << size << " as " << other << " of " << other_size;
        }
      }
    }
  }
}

TEST(Log, VerifiersTakeExtremes) {
  Path longest(64, Digest{});
  EXPECT_FALSE(Log::verify_inclusion(UINT64_MAX, UINT64_MAX, {}, longest, {}));
  EXPECT_FALSE(Log::verify_inclusion(UINT64_MAX - 1, UINT64_MAX, {}, longest, {}));
  EXPECT_FALSE(Log::verify_inclusion(0, 0, {}, {}, {}));
  EXPECT_FALSE(Log::verify_consistency(UINT64_MAX - 1, UINT64_MAX, {}, {}, longest));
  EXPECT_FALSE(Log::verify_consistency(1, UINT64_MAX, {}, {}, {}));
  EXPECT_TRUE(Log::verify_consistency(0, 0, Log::empty_root(), Log::empty_root(), {}));
  EXPECT_FALSE(Log::verify_consistency(0, 0, Log::empty_root(), Log::empty_root(), {Digest{}}));
}

TYPED_TEST(LogTest, ItemTreeMatchesTheWholeTree) {
  using Tree = LogTree<TypeParam>;
  using Batch = ItemTree<TypeParam>;
  Random random(7);
  for (size_t item_bytes : {32, 64}) {
    for (uint64_t count : {1, 2, 15, 16, 17, 31, 32, 33, 100, 255, 256, 257, 1000}) {
      Bytes items(count * item_bytes);
      for (uint8_t& byte : items) byte = uint8_t(random());
      std::vector<Digest> leaves;
      for (uint64_t i = 0; i < count; ++i)
        leaves.push_back(Tree::leaf_hash(ByteView(items).subspan(i * item_bytes, item_bytes)));
      std::vector<Digest> groups = Batch::group_hashes(items, item_bytes);
      ASSERT_EQ(groups.size(), (count + 15) / 16);
      ASSERT_EQ(Batch::root(groups), Tree::root_of(leaves)) << count;
      for (uint64_t index = 0; index < count; index += count < 300 ? 1 : 37) {
        uint64_t first = index / 16 * 16, own = std::min<uint64_t>(16, count - first);
        ByteView group = ByteView(items).subspan(first * item_bytes, own * item_bytes);
        auto path = Batch::path(index, count, groups, group, item_bytes);
        ASSERT_TRUE(path.has_value());
        ASSERT_EQ(*path, Tree::path_of(leaves, index)) << index << " of " << count;
        Bytes spoilt = to_bytes(group);
        flip_bit(spoilt, random);
        ASSERT_EQ(Batch::path(index, count, groups, spoilt, item_bytes).error().reason, "merkle.item_groups");
        ASSERT_FALSE(Batch::path(index, count, groups, group.subspan(1), item_bytes).has_value());
        ASSERT_FALSE(Batch::path(index, count + 16, groups, group, item_bytes).has_value());
      }
      ASSERT_EQ(Batch::path(count, count, groups, {}, item_bytes).error().reason, "merkle.index");
    }
  }
  EXPECT_EQ(Batch::root(Batch::group_hashes({}, 32)), Tree::empty_root());
}

}  // namespace
}  // namespace chengxin::merkle
