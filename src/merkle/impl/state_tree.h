#pragma once
#include "merkle/impl/state_node.h"

namespace chengxin::merkle {

namespace impl {

struct StateChange {
  Digest path;
  std::optional<Digest> value_hash;  // nullopt deletes
  Digest leaf_hash{};                // of the two, unless it deletes
};
using StateChangeList = std::span<const StateChange>;  // in ascending order of path

template <typename Hash>
class StateUpdater {
 public:
  StateUpdater(uint64_t version, const StateNodeReader& read) : version_(version), read_(read) {}

  StateChanges changes;

  // What becomes of a subtree whose top is at `depth`. All changes (at least one) lie below it.
  Result<Subtree> apply(const Subtree& subtree, int depth, StateChangeList list) {
    if (subtree.kind != Subtree::Kind::tree) return grow(subtree, depth, list);
    Digest path = list.front().path;
    ASSIGN(StateNode<Hash> node, load_node<Hash>(subtree, path, depth, read_));
    ASSIGN(bool changed, apply_to_node(node, depth, list));
    if (!changed) return subtree;
    changes.stale.push_back(state_node_key(subtree.version, path, depth));
    return store(node, path, depth);
  }

 private:
  // Applies changes to the slots of a node at `depth` and folds it. True when a slot changed.
  Result<bool> apply_to_node(StateNode<Hash>& node, int depth, StateChangeList list) {
    uint32_t changed = 0;
    while (!list.empty()) {
      int slot = nibble(list.front().path, depth);
      size_t count = 1;
      while (count < list.size() && nibble(list[count].path, depth) == slot) ++count;
      Subtree& subtree = node.at[16 + slot];
      ASSIGN(Subtree next, apply(subtree, depth + 1, list.first(count)));
      if (next != subtree) changed |= uint32_t(1) << (16 + slot);
      subtree = next;
      list = list.subspan(count);
    }
    node.fold(changed);
    return changed != 0;
  }

  // From nothing or a single leaf.
  Result<Subtree> grow(const Subtree& subtree, int depth, StateChangeList list) {
    std::vector<StateChange> leaves;
    bool kept = subtree.kind == Subtree::Kind::leaf;
    for (const StateChange& change : list) {
      if (kept && subtree.path <= change.path) {
        if (subtree.path < change.path) leaves.push_back({subtree.path, subtree.value_hash, subtree.hash});
        kept = false;
      }
      if (change.value_hash) leaves.push_back(change);
    }
    if (kept) leaves.push_back({subtree.path, subtree.value_hash, subtree.hash});
    if (leaves.empty()) return Subtree{};
    if (leaves.size() == 1) return leaf(leaves[0]);
    StateNode<Hash> node;
    TRY(apply_to_node(node, depth, leaves));
    return store(node, leaves[0].path, depth);
  }

  static Subtree leaf(const StateChange& change) {
    return {.kind = Subtree::Kind::leaf,
            .hash = change.leaf_hash,
            .path = change.path,
            .value_hash = *change.value_hash};
  }

  // A node that lost all keys but one stands in its parent as a leaf and is not stored.
  Subtree store(const StateNode<Hash>& node, const Digest& path, int depth) {
    Subtree subtree = node.top();
    if (subtree.kind != Subtree::Kind::tree) return subtree;
    subtree.version = version_;
    changes.put.emplace_back(state_node_key(version_, path, depth), node.encode());
    return subtree;
  }

  uint64_t version_;
  const StateNodeReader& read_;
};

inline constexpr std::string_view kStateKeyTag{"chengxin/state-key/v1", 22};  // with its zero byte

// The changes by path, with all the hashes that come from the updates alone. `paths`: in order of key.
template <typename Hash>
std::vector<StateChange> state_changes(const StateUpdates& updates, std::vector<Digest>& paths) {
  std::vector<sm3::Message> messages;
  for (const auto& [key, value] : updates) messages.push_back({view(kStateKeyTag), key, {}});
  for (const auto& [key, value] : updates)
    if (value) messages.push_back({*value, {}, {}});
  std::vector<Digest> hashes(messages.size());
  hash_many<Hash>(messages, hashes);

  std::vector<StateChange> list(updates.size());
  std::vector<Digest> leaves;
  size_t i = 0, value_hash = updates.size();
  for (const auto& [key, value] : updates) {
    list[i].path = hashes[i];
    if (value) {
      list[i].value_hash = hashes[value_hash++];
      leaves.push_back(list[i].path);
      leaves.push_back(*list[i].value_hash);
    }
    ++i;
  }
  const std::span leaf_hashes(leaves.data(), leaves.size() / 2);
  hash_pairs<Hash>(kLeafPrefix, leaves, leaf_hashes);
  auto next = leaf_hashes.begin();
  for (StateChange& change : list)
    if (change.value_hash) change.leaf_hash = *next++;
  hashes.resize(updates.size());
  paths = std::move(hashes);
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return list;
}

// Each slot is a tree of its own.
template <typename Hash>
Status apply_to_root(StateNode<Hash>& root, StateChangeList list, uint64_t version,
                     const StateNodeReader& read, const Together& together, StateChanges& changes) {
  std::vector<StateUpdater<Hash>> updaters(16, {version, read});
  std::array<Result<Subtree>, 16> next;
  together(16, [&](size_t slot) {
    const auto before = [slot](const StateChange& change) { return size_t(nibble(change.path, 0)) < slot; };
    const auto within = [slot](const StateChange& change) { return size_t(nibble(change.path, 0)) <= slot; };
    const auto begin = std::partition_point(list.begin(), list.end(), before);
    const auto end = std::partition_point(begin, list.end(), within);
    const Subtree& subtree = root.at[16 + slot];
    next[slot] = begin == end ? subtree : updaters[slot].apply(subtree, 1, {begin, end});
  });
  uint32_t changed = 0;
  for (size_t slot = 0; slot < 16; ++slot) {
    ASSIGN(Subtree subtree, std::move(next[slot]));
    if (subtree != root.at[16 + slot]) changed |= uint32_t(1) << (16 + slot);
    root.at[16 + slot] = subtree;
    std::move(updaters[slot].changes.put.begin(), updaters[slot].changes.put.end(),
              std::back_inserter(changes.put));
    std::move(updaters[slot].changes.stale.begin(), updaters[slot].changes.stale.end(),
              std::back_inserter(changes.stale));
  }
  root.fold(changed);
  return {};
}

template <typename Hash>
class StateWalker {
 public:
  StateWalker(const StateNodeReader& read, const StateLeafVisitor& on_leaf)
      : read_(read), on_leaf_(on_leaf) {}

  Status walk(const StateNode<Hash>& node, Digest path, int depth) {
    ++summary.nodes;
    for (int slot = 0; slot < 16; ++slot) {
      const Subtree& subtree = node.at[16 + slot];
      if (subtree.kind == Subtree::Kind::leaf) {
        ++summary.keys;
        TRY(on_leaf_(subtree.path, subtree.value_hash));
      } else if (subtree.kind == Subtree::Kind::tree) {
        uint8_t& byte = path[depth / 2];
        byte = depth % 2 ? uint8_t((byte & 0xf0) | slot) : uint8_t(slot << 4);
        ASSIGN(StateNode<Hash> child, load_node<Hash>(subtree, path, depth + 1, read_));
        TRY(walk(child, path, depth + 1));
      }
    }
    return {};
  }

  StateSummary summary;

 private:
  const StateNodeReader& read_;
  const StateLeafVisitor& on_leaf_;
};

}  // namespace impl

template <typename Hash>
Digest StateTree<Hash>::path(ByteView key) {
  return Hash::hash({view(impl::kStateKeyTag), key});
}

template <typename Hash>
bool StateTree<Hash>::verify(const Digest& root, ByteView key, std::optional<ByteView> value,
                             const StateProof& proof) {
  const int depth = int(proof.siblings.size());
  if (proof.siblings.size() > 256 || value.has_value() != (proof.kind == StateProof::Kind::own_leaf))
    return false;
  const Digest own = path(key);
  Digest node{};
  if (proof.kind == StateProof::Kind::own_leaf) {
    node = impl::state_leaf_hash<Hash>(own, Hash::hash({*value}));
  } else if (proof.kind == StateProof::Kind::other_leaf) {
    if (proof.other_path == own || !impl::same_prefix(proof.other_path, own, depth)) return false;
    node = impl::state_leaf_hash<Hash>(proof.other_path, proof.other_value_hash);
  }
  for (int i = 0; i < depth; ++i) {
    int bit = depth - 1 - i;
    bool right = own[bit / 8] >> (7 - bit % 8) & 1;
    node = right ? LogTree<Hash>::node_hash(proof.siblings[i], node)
                 : LogTree<Hash>::node_hash(node, proof.siblings[i]);
  }
  return node == root;
}

template <typename Hash>
Result<StateChanges> StateTree<Hash>::update(uint64_t base_version, uint64_t version,
                                             const StateUpdates& updates, const StateNodeReader& read,
                                             const Together& together) {
  CHECK(base_version < version || version == 0);
  StateChanges changes;
  const std::vector<impl::StateChange> list = impl::state_changes<Hash>(updates, changes.paths);
  impl::StateNode<Hash> root;
  if (version > 0) {
    ASSIGN(std::optional<impl::StateNode<Hash>> base, impl::load_root<Hash>(base_version, read));
    if (base) {
      root = *base;
      changes.stale.push_back(impl::state_node_key(base_version, {}, 0));
    }
  }
  TRY(impl::apply_to_root(root, list, version, read, together, changes));
  changes.root = root.top().hash;
  changes.put.emplace_back(impl::state_node_key(version, {}, 0), impl::encode_root(root));
  return changes;
}

template <typename Hash>
Result<StateLookup> StateTree<Hash>::look_up(uint64_t version, ByteView key, const StateNodeReader& read) {
  using Kind = impl::Subtree::Kind;
  const Digest own = path(key);
  StateLookup out;
  ASSIGN(std::optional<impl::StateNode<Hash>> base, impl::load_root<Hash>(version, read));
  if (!base) return out;
  impl::StateNode<Hash> node = *base;
  out.root = node.top().hash;
  int i = 1;  // position in the node
  for (int depth = 0; node.at[i].kind == Kind::tree;) {
    if (i >= 16) {
      ++depth;
      ASSIGN(node, impl::load_node<Hash>(node.at[i], own, depth, read));
      i = 1;
    }
    int bit = 3 - (std::bit_width(unsigned(i)) - 1);
    i = 2 * i + (impl::nibble(own, depth) >> bit & 1);
    out.proof.siblings.push_back(node.at[i ^ 1].hash);
  }
  std::reverse(out.proof.siblings.begin(), out.proof.siblings.end());
  const impl::Subtree& end = node.at[i];
  if (end.kind == Kind::leaf && end.path == own) {
    out.proof.kind = StateProof::Kind::own_leaf;
    out.value_hash = end.value_hash;
  } else if (end.kind == Kind::leaf) {
    out.proof.kind = StateProof::Kind::other_leaf;
    out.proof.other_path = end.path;
    out.proof.other_value_hash = end.value_hash;
  }
  return out;
}

template <typename Hash>
Result<StateSummary> StateTree<Hash>::walk(uint64_t version, const StateNodeReader& read,
                                           const StateLeafVisitor& on_leaf) {
  ASSIGN(std::optional<impl::StateNode<Hash>> root, impl::load_root<Hash>(version, read));
  if (!root) return StateSummary{};
  impl::StateWalker<Hash> walker(read, on_leaf);
  walker.summary.root = root->top().hash;
  TRY(walker.walk(*root, {}, 0));
  return walker.summary;
}

}  // namespace chengxin::merkle
