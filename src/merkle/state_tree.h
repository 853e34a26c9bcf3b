#pragma once
#include <functional>
#include <map>
#include <optional>

#include "merkle/log_tree.h"

// The authenticated state of docs/formats/chain.md: a sparse binary Merkle tree whose nodes are stored by
// version, so that proofs can be made at any height still retained. docs/adr/0002-authenticated-state.md says
// which structure and why.
namespace chengxin::merkle {

struct StateProof {
  enum class Kind : uint8_t { empty = 0, own_leaf = 1, other_leaf = 2 };
  Kind kind = Kind::empty;
  Digest other_path{}, other_value_hash{};  // other_leaf only
  Path siblings;                            // nearest to the leaf first; at most 256
  Bytes encode() const;
  static Result<StateProof> decode(
      ByteView bytes);  // merkle.state_proof; only the one canonical spelling is taken
  bool operator==(const StateProof&) const = default;
};

// Stored nodes: opaque keys and values, in a store that the caller gives. Keys of different versions never
// collide and are written once, so a write batch may hold them in any order. They begin with the version (u64
// big-endian).
struct StateChanges {
  Digest root{};
  std::vector<Digest> paths;                 // of the updates, in their order
  std::vector<std::pair<Bytes, Bytes>> put;  // node key → node
  std::vector<Bytes>
      stale;  // node keys that this version replaced: deletable once older versions are not needed
  bool operator==(const StateChanges&) const = default;
};

// Updates: state key → value, nullopt deletes. Sorted by std::map, so the result does not depend on the order
// of calls.
using StateUpdates = std::map<Bytes, std::optional<Bytes>>;
using StateNodeReader = std::function<Result<std::optional<Bytes>>(ByteView node_key)>;
// Calls one(0), …, one(count - 1), in any order or side by side, and returns after the last.
using Together = std::function<void(size_t count, const std::function<void(size_t)>& one)>;
inline void one_by_one(size_t count, const std::function<void(size_t)>& one) {
  for (size_t i = 0; i < count; ++i) one(i);
}

struct StateLookup {
  std::optional<Digest> value_hash;
  StateProof proof;
  Digest root{};
};

// What walk() found: the root, which the caller compares with the header's, and what the version is made of.
struct StateSummary {
  Digest root{};
  uint64_t keys = 0;
  uint64_t nodes = 0;
};
using StateLeafVisitor = std::function<Status(const Digest& path, const Digest& value_hash)>;

// The functions below, with the hash as a parameter; for another one than Sm3Hash include
// merkle/impl/state_tree.h.
template <typename Hash>
struct StateTree {
  static Digest path(ByteView key);
  static bool verify(const Digest& root, ByteView key, std::optional<ByteView> value,
                     const StateProof& proof);
  static Result<StateChanges> update(uint64_t base_version, uint64_t version, const StateUpdates& updates,
                                     const StateNodeReader& read, const Together& together = one_by_one);
  static Result<StateLookup> look_up(uint64_t version, ByteView key, const StateNodeReader& read);
  static Result<StateSummary> walk(uint64_t version, const StateNodeReader& read,
                                   const StateLeafVisitor& on_leaf);
};
extern template struct StateTree<Sm3Hash>;

inline Digest state_path(ByteView key) { return StateTree<Sm3Hash>::path(key); }

// What the proof shows under `root` about `key`: kind own_leaf needs the value, the others need nullopt.
inline bool verify_state(const Digest& root, ByteView key, std::optional<ByteView> value,
                         const StateProof& proof) {
  return StateTree<Sm3Hash>::verify(root, key, value, proof);
}

// Computes version `version` from `base_version`, which is below it. Version 0 is the empty tree when the
// store has no nodes of it; it may also be written, with base_version 0, for a state that exists before the
// first version (the base is then the empty tree). Every version gets a root node of its own, even when
// nothing changes. Reads O(changes · log keys) nodes. Errors: merkle.node_missing when the store lacks a
// node, merkle.node_damaged when its bytes do not parse or do not hash to what its parent says (a root node
// carries its own hash; whether it is the right root only the header tells), and whatever `read` gives.
// `together` is given its 16 parts; where that uses threads, so must `read` stand them.
inline Result<StateChanges> update_state(uint64_t base_version, uint64_t version, const StateUpdates& updates,
                                         const StateNodeReader& read, const Together& together = one_by_one) {
  return StateTree<Sm3Hash>::update(base_version, version, updates, read, together);
}

// Proof at a version: membership with the value's hash, or absence. Same errors.
inline Result<StateLookup> look_up_state(uint64_t version, ByteView key, const StateNodeReader& read) {
  return StateTree<Sm3Hash>::look_up(version, key, read);
}

// Reads every node of a version, in order of path, and shows each leaf; stops at the first error. Same
// errors.
inline Result<StateSummary> walk_state(uint64_t version, const StateNodeReader& read,
                                       const StateLeafVisitor& on_leaf) {
  return StateTree<Sm3Hash>::walk(version, read, on_leaf);
}

}  // namespace chengxin::merkle
