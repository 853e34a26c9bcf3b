#pragma once
#include <array>

#include "merkle/impl/log_tree.h"
#include "merkle/state_tree.h"

// A stored node groups four levels of the binary tree: 16 slots, each empty, a leaf, or the node four levels
// below.
//
//   node key   u64 version || u8 depth (nibbles, 0 to 63) || the path's first nibbles, two to a byte
//   node       u32 kinds (two bits a slot, slot 0 lowest) || for each slot not empty, in order:
//              leaf: path (32) || value hash (32);  tree: u64 version || hash (32)
//   root node  (depth 0) its hash (32) || node
namespace chengxin::merkle::impl {

inline constexpr int kMaxDepth = 64;  // nibbles in a path

// A subtree of any size as its parent sees it.
struct Subtree {
  enum class Kind : uint8_t { empty = 0, leaf = 1, tree = 2 };
  Kind kind = Kind::empty;
  Digest hash{};                // zero when empty
  Digest path{}, value_hash{};  // leaf
  uint64_t version = 0;         // tree in a slot: the version that wrote its node
  bool operator==(const Subtree&) const = default;
};

inline int nibble(const Digest& path, int depth) { return path[depth / 2] >> (depth % 2 ? 0 : 4) & 15; }

inline bool same_prefix(const Digest& a, const Digest& b, int bits) {
  int whole = bits / 8, rest = bits % 8;
  return std::equal(a.begin(), a.begin() + whole, b.begin()) &&
         (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

template <typename Hash>
Digest state_leaf_hash(const Digest& path, const Digest& value_hash) {
  return Hash::hash({kLeafPrefix, path, value_hash});
}

// The rule of chain.md: a subtree with a single key is that key's leaf. A tree is still without its hash.
inline Subtree join(const Subtree& left, const Subtree& right) {
  if (left.kind == Subtree::Kind::empty && right.kind != Subtree::Kind::tree) return right;
  if (right.kind == Subtree::Kind::empty && left.kind != Subtree::Kind::tree) return left;
  return {.kind = Subtree::Kind::tree};
}

// at[1] is the node's top, at[i]'s children are at[2i] and at[2i+1], the slots are at[16] … at[31].
template <typename Hash>
struct StateNode {
  std::array<Subtree, 32> at;

  const Subtree& top() const { return at[1]; }

  // Recomputes what lies above the slots whose bit (16 + slot) is set.
  void fold(uint32_t changed) {
    for (int row = 8; row >= 1; row /= 2) {
      std::array<Digest, 16> children;
      std::array<Digest, 8> hashes;
      std::array<int, 8> trees;
      size_t count = 0;
      for (int i = row; i < 2 * row; ++i) {
        if (!(changed >> (2 * i) & 3)) continue;
        at[i] = join(at[2 * i], at[2 * i + 1]);
        changed |= uint32_t(1) << i;
        if (at[i].kind != Subtree::Kind::tree) continue;
        children[2 * count] = at[2 * i].hash;
        children[2 * count + 1] = at[2 * i + 1].hash;
        trees[count++] = i;
      }
      hash_pairs<Hash>(kNodePrefix, std::span(children).first(2 * count), std::span(hashes).first(count));
      for (size_t k = 0; k < count; ++k) at[trees[k]].hash = hashes[k];
    }
  }

  Bytes encode() const {
    uint32_t kinds = 0;
    for (int slot = 0; slot < 16; ++slot) kinds |= uint32_t(at[16 + slot].kind) << (2 * slot);
    Bytes out;
    out.reserve(4 + 16 * 64);
    put_be(out, kinds);
    for (int slot = 0; slot < 16; ++slot) {
      const Subtree& subtree = at[16 + slot];
      if (subtree.kind == Subtree::Kind::leaf) {
        append(out, subtree.path);
        append(out, subtree.value_hash);
      } else if (subtree.kind == Subtree::Kind::tree) {
        put_be(out, subtree.version);
        append(out, subtree.hash);
      }
    }
    return out;
  }

  // Nothing unless the bytes are a node that may stand at `depth` on the way of `prefix`. The caller compares
  // top().
  static std::optional<StateNode> decode(ByteView bytes, const Digest& prefix, int depth) {
    StateNode node;
    Reader in(bytes);
    uint32_t kinds = in.be<uint32_t>();
    for (int slot = 0; slot < 16; ++slot) {
      Subtree& subtree = node.at[16 + slot];
      subtree.kind = Subtree::Kind(kinds >> (2 * slot) & 3);
      if (subtree.kind == Subtree::Kind::empty) continue;
      if (subtree.kind == Subtree::Kind::leaf) {
        subtree.path = in.digest();
        subtree.value_hash = in.digest();
        if (!same_prefix(subtree.path, prefix, 4 * depth) || nibble(subtree.path, depth) != slot) return {};
      } else if (subtree.kind == Subtree::Kind::tree && depth + 1 < kMaxDepth) {
        subtree.version = in.be<uint64_t>();
        subtree.hash = in.digest();
      } else {
        return {};
      }
    }
    if (!in.done()) return {};
    node.hash_leaves();
    node.fold(0xffff0000);
    return node;
  }

 private:
  void hash_leaves() {
    std::array<Digest, 32> contents;
    std::array<Digest, 16> hashes;
    size_t count = 0;
    for (int slot = 0; slot < 16; ++slot) {
      const Subtree& subtree = at[16 + slot];
      if (subtree.kind != Subtree::Kind::leaf) continue;
      contents[2 * count] = subtree.path;
      contents[2 * count++ + 1] = subtree.value_hash;
    }
    hash_pairs<Hash>(kLeafPrefix, std::span(contents).first(2 * count), std::span(hashes).first(count));
    for (int slot = 15; slot >= 0; --slot)
      if (at[16 + slot].kind == Subtree::Kind::leaf) at[16 + slot].hash = hashes[--count];
  }
};

inline Bytes state_node_key(uint64_t version, const Digest& path, int depth) {
  Bytes key;
  put_be(key, version);
  put_be(key, uint8_t(depth));
  key.insert(key.end(), path.begin(), path.begin() + (depth + 1) / 2);
  if (depth % 2) key.back() &= 0xf0;
  return key;
}

// The node below a slot; its bytes are checked against the hash that the slot holds.
template <typename Hash>
Result<StateNode<Hash>> load_node(const Subtree& subtree, const Digest& path, int depth,
                                  const StateNodeReader& read) {
  Bytes key = state_node_key(subtree.version, path, depth);
  ASSIGN(std::optional<Bytes> bytes, read(key));
  if (!bytes) return fail(Code::data_loss, "merkle.node_missing", "state node {}", hex(key));
  auto node = StateNode<Hash>::decode(*bytes, path, depth);
  if (!node || node->top().kind != Subtree::Kind::tree || node->top().hash != subtree.hash)
    return fail(Code::data_loss, "merkle.node_damaged", "state node {}", hex(key));
  return std::move(*node);
}

// The root node of a version; nothing when version 0 was never written: the empty tree.
template <typename Hash>
Result<std::optional<StateNode<Hash>>> load_root(uint64_t version, const StateNodeReader& read) {
  Bytes key = state_node_key(version, {}, 0);
  ASSIGN(std::optional<Bytes> bytes, read(key));
  if (!bytes && version == 0) return std::nullopt;
  if (!bytes) return fail(Code::data_loss, "merkle.node_missing", "state root of version {}", version);
  Reader in(*bytes);
  Digest hash = in.digest();
  auto node = StateNode<Hash>::decode(in.take(in.remaining()), {}, 0);
  if (!node || node->top().hash != hash)
    return fail(Code::data_loss, "merkle.node_damaged", "state root of version {}", version);
  return node;
}

template <typename Hash>
Bytes encode_root(const StateNode<Hash>& node) {
  Bytes out = to_bytes(node.top().hash);
  append(out, node.encode());
  return out;
}

}  // namespace chengxin::merkle::impl
