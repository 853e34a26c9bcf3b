#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "merkle/hashes_for_tests.h"
#include "merkle/impl/state_tree.h"

namespace chengxin::merkle {
namespace {

// The whole binary tree of docs/formats/chain.md, computed anew from (path, value hash) in order of path.
template <typename Hash>
Digest naive_root(std::span<const std::pair<Digest, Digest>> leaves, int bit = 0) {
  if (leaves.empty()) return {};
  uint8_t leaf[] = {0}, node[] = {1};
  if (leaves.size() == 1) return Hash::hash({leaf, leaves[0].first, leaves[0].second});
  size_t left = 0;
  while (left < leaves.size() && !(leaves[left].first[bit / 8] >> (7 - bit % 8) & 1)) ++left;
  return Hash::hash(
      {node, naive_root<Hash>(leaves.first(left), bit + 1), naive_root<Hash>(leaves.subspan(left), bit + 1)});
}

using Model = std::map<Bytes, Bytes>;

template <typename Hash>
Digest naive_root_of(const Model& model) {
  std::vector<std::pair<Digest, Digest>> leaves;
  for (const auto& [key, value] : model) leaves.emplace_back(StateTree<Hash>::path(key), Hash::hash({value}));
  std::sort(leaves.begin(), leaves.end());
  return naive_root<Hash>(leaves);
}

struct Store {
  std::map<Bytes, Bytes> nodes;
  std::map<uint64_t, std::vector<Bytes>> stale;  // by the version that replaced them
  StateNodeReader read = [this](ByteView key) -> Result<std::optional<Bytes>> {
    auto found = nodes.find(to_bytes(key));
    return found == nodes.end() ? std::nullopt : std::optional(found->second);
  };

  void write(uint64_t version, const StateChanges& changes) {
    for (const auto& [key, node] : changes.put)
      ASSERT_TRUE(nodes.emplace(key, node).second) << "written twice: " << hex(key);
    for (const Bytes& key : changes.stale)
      ASSERT_TRUE(nodes.contains(key) && get_be<uint64_t>(key.data()) < version) << hex(key);
    stale[version] = changes.stale;
  }
  // Drops what no version ≥ `version` needs.
  void prune(uint64_t version) {
    while (!stale.empty() && stale.begin()->first <= version) {
      for (const Bytes& key : stale.begin()->second) ASSERT_EQ(nodes.erase(key), 1u) << hex(key);
      stale.erase(stale.begin());
    }
  }
};

Status ignore_leaf(const Digest&, const Digest&) { return {}; }

// Keys that make a hard tree: with OwnPathHash they share prefixes of every length.
Bytes clashing_key(Random& random) {
  Digest key{};
  for (int flips = int(below(random, 3)); flips > 0; --flips) {
    uint64_t bit = below(random, 4) ? below(random, 256) : 248 + below(random, 8);
    key[bit / 8] ^= uint8_t(128 >> bit % 8);
  }
  return to_bytes(key);
}
Bytes small_key(Random& random, uint64_t bound) {
  std::string name = "key/" + std::to_string(below(random, bound));
  return to_bytes(view(name));
}
Bytes some_value(Random& random) {
  Bytes value(below(random, 40));
  for (uint8_t& byte : value) byte = uint8_t(random());
  return value;
}

StateUpdates random_updates(const std::function<Bytes()>& some_key, uint64_t count, Random& random) {
  StateUpdates updates;
  uint64_t deletes = below(random, 10);  // of ten; every batch has its own mixture
  for (uint64_t i = 0; i < count; ++i)
    updates[some_key()] = below(random, 10) < deletes ? std::nullopt : std::optional(some_value(random));
  return updates;
}

void change_model(const StateUpdates& updates, Model& model) {
  for (const auto& [key, value] : updates) {
    if (value)
      model[key] = *value;
    else
      model.erase(key);
  }
}

template <typename Hash>
void check_proof(uint64_t version, const Bytes& key, const Model& model, const Digest& root,
                 const Store& store) {
  using Tree = StateTree<Hash>;
  auto found = Tree::look_up(version, key, store.read);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->root, root);
  auto expected = model.find(key);
  std::optional<ByteView> value;
  if (expected != model.end()) value = expected->second;
  ASSERT_EQ(found->value_hash.has_value(), value.has_value());
  if (value) {
    ASSERT_EQ(*found->value_hash, Hash::hash({*value}));
  }
  ASSERT_EQ(found->proof.kind == StateProof::Kind::own_leaf, value.has_value());
  ASSERT_TRUE(Tree::verify(root, key, value, found->proof));
  uint8_t wrong[] = {1, 2, 3};
  ASSERT_FALSE(Tree::verify(root, key, value ? std::nullopt : std::optional<ByteView>(wrong), found->proof));
  auto decoded = StateProof::decode(found->proof.encode());
  ASSERT_TRUE(decoded.has_value());
  ASSERT_EQ(*decoded, found->proof);
}

struct Plan {
  std::string name;
  std::function<Bytes(Random&)> key;
  uint64_t versions, batch;
};

void backwards_by_threads(size_t count, const std::function<void(size_t)>& one) {
  std::vector<std::thread> threads;
  while (count > 0) threads.emplace_back(one, --count);
  for (std::thread& each : threads) each.join();
}

// Random batches; then every retained version proves what it held, however many older versions are dropped,
// and the store holds no node that no retained version needs.
template <typename Hash>
void run_plan(const Plan& plan, Random& random) {
  using Tree = StateTree<Hash>;
  SCOPED_TRACE(plan.name);
  Store store;
  std::map<uint64_t, Model> models{{0, {}}};
  std::map<uint64_t, Digest> roots{{0, {}}};
  auto some_key = [&] { return plan.key(random); };
  uint64_t version = 0;
  for (uint64_t i = 0; i < plan.versions; ++i) {
    uint64_t next = version + 1 + below(random, 2);
    StateUpdates updates = random_updates(some_key, below(random, plan.batch), random);
    auto changes = Tree::update(version, next, updates, store.read);
    const auto by_threads = Tree::update(version, next, updates, store.read, backwards_by_threads);
    ASSERT_TRUE(changes.has_value() && *changes == by_threads);
    ASSERT_TRUE(changes.has_value()) << changes.error().to_string();
    store.write(next, *changes);
    models[next] = models[version];
    change_model(updates, models[next]);
    roots[next] = changes->root;
    ASSERT_EQ(changes->root, naive_root_of<Hash>(models[next])) << "version " << next;
    version = next;
  }
  uint64_t oldest = 0;
  for (int round = 0; round < 4; ++round) {
    for (const auto& [at, model] : models) {
      if (at < oldest) continue;
      auto summary = Tree::walk(at, store.read, ignore_leaf);
      ASSERT_TRUE(summary.has_value()) << summary.error().to_string();
      ASSERT_EQ(summary->root, roots[at]);
      ASSERT_EQ(summary->keys, model.size());
      for (int i = 0; i < 10; ++i) check_proof<Hash>(at, some_key(), model, roots[at], store);
      if (!model.empty()) check_proof<Hash>(at, model.begin()->first, model, roots[at], store);
    }
    oldest = round == 2 ? version : std::max(oldest, below(random, version));
    if (!roots.contains(oldest)) oldest = version;
    store.prune(oldest);
  }
  ASSERT_EQ(Tree::walk(version, store.read, ignore_leaf)->nodes, store.nodes.size()) << "nodes are left over";
}

TEST(State, AgreesWithTheNaiveTree) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int i = 0; i < 10; ++i) {
    run_plan<Sm3Hash>({"few keys", [](Random& r) { return small_key(r, 12); }, 40, 6}, random);
    run_plan<ToyHash>({"few keys, another hash", [](Random& r) { return small_key(r, 12); }, 40, 6}, random);
    run_plan<Sm3Hash>({"some keys", [](Random& r) { return small_key(r, 200); }, 25, 60}, random);
    run_plan<OwnPathHash>({"clashing paths", clashing_key, 25, 12}, random);
    run_plan<OwnPathHash>({"many clashing paths", clashing_key, 10, 150}, random);
  }
  run_plan<Sm3Hash>({"many keys", [](Random& r) { return small_key(r, 5000); }, 8, 4000}, random);
}

TEST(State, OrderAndGroupingDoNotMatter) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    Model model;
    for (uint64_t i = below(random, 120); i > 0; --i) model[clashing_key(random)] = some_value(random);
    Store store;
    uint64_t version = 0;
    Digest root{};
    std::vector<std::pair<Bytes, std::optional<Bytes>>> steps(model.begin(), model.end());
    for (uint64_t i = below(random, 60); i > 0; --i) {  // keys that come and go
      Bytes key = clashing_key(random);
      if (!model.contains(key)) steps.emplace_back(key, std::nullopt);
    }
    std::shuffle(steps.begin(), steps.end(), random);
    auto write = [&](const StateUpdates& updates) {
      auto changes = StateTree<OwnPathHash>::update(version, version + 1, updates, store.read);
      ASSERT_TRUE(changes.has_value());
      store.write(++version, *changes);
      root = changes->root;
    };
    for (size_t at = 0; at < steps.size();) {
      StateUpdates first, second;
      for (uint64_t count = 1 + below(random, 20); count > 0 && at < steps.size(); --count, ++at) {
        first[steps[at].first] = some_value(random);
        second[steps[at].first] = steps[at].second;
      }
      write(first);
      write(second);
    }
    ASSERT_EQ(root, naive_root_of<OwnPathHash>(model));
  }
}

TEST(State, EmptyStatesAndVersionZero) {
  Store store;
  auto nothing = look_up_state(0, view("a"), store.read);
  ASSERT_TRUE(nothing.has_value());
  EXPECT_EQ(nothing->root, Digest{});
  EXPECT_TRUE(verify_state({}, view("a"), std::nullopt, nothing->proof));
  EXPECT_EQ(look_up_state(1, view("a"), store.read).error().reason, "merkle.node_missing");
  EXPECT_EQ(update_state(1, 2, {}, store.read).error().reason, "merkle.node_missing");

  // A state that stands before the first version.
  auto genesis = update_state(0, 0, {{to_bytes(view("a")), to_bytes(view("1"))}}, store.read);
  ASSERT_TRUE(genesis.has_value());
  EXPECT_TRUE(genesis->stale.empty());
  store.write(0, *genesis);
  Digest leaf = impl::state_leaf_hash<Sm3Hash>(state_path(view("a")), Sm3Hash::hash({view("1")}));
  EXPECT_EQ(genesis->root, leaf);  // a single key: its leaf, no siblings
  EXPECT_TRUE(look_up_state(0, view("a"), store.read)->proof.siblings.empty());

  auto same = update_state(0, 1, {{to_bytes(view("b")), std::nullopt}}, store.read);
  store.write(1, *same);
  EXPECT_EQ(same->root, leaf);
  auto gone = update_state(1, 2, {{to_bytes(view("a")), std::nullopt}}, store.read);
  store.write(2, *gone);
  EXPECT_EQ(gone->root, Digest{});
  EXPECT_EQ(look_up_state(2, view("a"), store.read)->proof.kind, StateProof::Kind::empty);
  EXPECT_EQ(look_up_state(1, view("a"), store.read)->proof.kind, StateProof::Kind::own_leaf);
}

struct Sample {
  Store store;
  Model model;
  Digest root;
};

void fill(Sample& sample, uint64_t keys, Random& random) {
  StateUpdates updates;
  while (updates.size() < keys) updates[small_key(random, 10 * keys)] = some_value(random);
  change_model(updates, sample.model);
  auto changes = update_state(0, 1, updates, sample.store.read);
  ASSERT_TRUE(changes.has_value());
  sample.store.write(1, *changes);
  sample.root = changes->root;
}

TEST(State, DamagedAndMissingNodesAreFound) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  Sample sample;
  fill(sample, 100, random);
  std::map<Bytes, Bytes> good = sample.store.nodes;
  ASSERT_GT(good.size(), 10u);
  StateUpdates everything;
  for (const auto& [key, value] : sample.model) everything[key] = std::nullopt;
  auto expect_error = [&](const Bytes& key, std::set<std::string> reasons) {
    auto walked = walk_state(1, sample.store.read, ignore_leaf);
    ASSERT_FALSE(walked.has_value()) << hex(key);
    ASSERT_TRUE(reasons.contains(walked.error().reason)) << walked.error().to_string();
    ASSERT_EQ(walked.error().code, Code::data_loss);
    ASSERT_FALSE(update_state(1, 2, everything, sample.store.read).has_value());
    size_t failures = 0;
    for (const auto& [state_key, value] : sample.model)
      failures += !look_up_state(1, state_key, sample.store.read).has_value();
    ASSERT_GE(failures, 1u) << hex(key);
  };
  for (const auto& [key, node] : good) {
    sample.store.nodes.erase(key);
    expect_error(key, {"merkle.node_missing"});
    for (int i = 0; i < 10; ++i) {
      Bytes bad = node;
      flip_bit(bad, random);
      // A flipped version sends the reader to a node that is not there.
      sample.store.nodes[key] = bad;
      expect_error(key, {"merkle.node_damaged", "merkle.node_missing"});
    }
    Bytes shorter = node, longer = node;
    shorter.pop_back();
    longer.push_back(0);
    for (const Bytes& bad : {shorter, longer, Bytes{}}) {
      sample.store.nodes[key] = bad;
      expect_error(key, {"merkle.node_damaged"});
    }
    sample.store.nodes[key] = node;
  }
  ASSERT_TRUE(walk_state(1, sample.store.read, ignore_leaf).has_value());
}

TEST(State, SpoiltProofsAreRefused) {
  uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  Sample sample;
  fill(sample, 200, random);
  std::set<StateProof::Kind> kinds;
  for (int round = 0; round < 60; ++round) {
    Bytes key = round % 2 ? small_key(random, 100'000) : std::next(sample.model.begin(), round)->first;
    StateProof proof = look_up_state(1, key, sample.store.read)->proof;
    kinds.insert(proof.kind);
    auto found = sample.model.find(key);
    std::optional<ByteView> value;
    if (found != sample.model.end()) value = found->second;
    ASSERT_TRUE(verify_state(sample.root, key, value, proof));
    Bytes good = proof.encode();
    auto refused = [&](ByteView bytes) {
      auto bad = StateProof::decode(bytes);
      if (!bad) {
        ASSERT_EQ(bad.error().reason, "merkle.state_proof");
        return;
      }
      ASSERT_EQ(bad->encode(), to_bytes(bytes)) << "two spellings of one proof";
      ASSERT_FALSE(verify_state(sample.root, key, value, *bad));
    };
    for (size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bad = good;
      bad[bit / 8] ^= uint8_t(1 << bit % 8);
      refused(bad);
    }
    for (size_t size = 0; size < good.size(); size += 1 + size / 8) refused(ByteView(good).first(size));
    Bytes longer = good;
    longer.push_back(0);
    refused(longer);
    longer.insert(longer.end(), 31, 0);
    refused(longer);
    for (size_t i = 0; i < proof.siblings.size(); ++i) {
      StateProof bad = proof;
      bad.siblings.erase(bad.siblings.begin() + int(i));
      refused(bad.encode());
    }
    // The same proof for another key, value or root, or for the opposite claim.
    Bytes other = key;
    flip_bit(other, random);
    ASSERT_FALSE(verify_state(sample.root, other, value, proof) && value);
    Digest root = sample.root;
    flip_bit(root, random);
    ASSERT_FALSE(verify_state(root, key, value, proof));
    ASSERT_FALSE(
        verify_state(sample.root, key, view("no such value, it is longer than 40 bytes in any case"), proof));
    ASSERT_FALSE(verify_state(sample.root, key, std::nullopt, proof) && value);
  }
  EXPECT_EQ(kinds.size(), 3u) << "the sample shows every kind of proof";
}

TEST(State, ProofsOfAbsenceDoNotHideAKey) {
  // The leaf of a present key cannot serve as another leaf that excludes it, nor can a leaf off the way.
  Random random(3);
  Sample sample;
  fill(sample, 50, random);
  for (const auto& [key, value] : sample.model) {
    StateLookup found = *look_up_state(1, key, sample.store.read);
    StateProof absent = found.proof;
    absent.kind = StateProof::Kind::other_leaf;
    absent.other_path = state_path(key);
    absent.other_value_hash = *found.value_hash;
    ASSERT_FALSE(verify_state(sample.root, key, std::nullopt, absent));
    Bytes far = key;
    do {
      far = small_key(random, 100'000);
    } while (impl::same_prefix(state_path(far), absent.other_path, int(absent.siblings.size())));
    ASSERT_FALSE(verify_state(sample.root, far, std::nullopt, absent));
  }
  // A root that nobody's tree has: a leaf that stands where its path does not lead.
  Digest own = state_path(view("a"));
  StateProof misplaced{.kind = StateProof::Kind::other_leaf, .siblings = {random_digest(random)}};
  for (int bit : {0, 1}) {
    misplaced.other_path = own;
    misplaced.other_path[0] ^= uint8_t(128 >> bit);
    Digest leaf = impl::state_leaf_hash<Sm3Hash>(misplaced.other_path, misplaced.other_value_hash);
    bool right = own[0] >> 7;
    Digest root = Log::node_hash(right ? misplaced.siblings[0] : leaf, right ? leaf : misplaced.siblings[0]);
    EXPECT_EQ(verify_state(root, view("a"), std::nullopt, misplaced), bit == 1);
  }
  StateProof deep;
  deep.siblings.resize(257);
  EXPECT_FALSE(verify_state(sample.root, view("a"), std::nullopt, deep));
}

}  // namespace
}  // namespace chengxin::merkle
