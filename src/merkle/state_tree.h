#pragma once
#include <functional>
#include <map>
#include <optional>

#include "merkle/log_tree.h"

// The authenticated state of docs/formats/chain.md: a sparse binary Merkle tree whose nodes are stored by version, so that
// proofs can be made at any height still retained. An ADR says which structure and why.
namespace chengxin::merkle {

struct StateProof {
  enum class Kind : uint8_t { empty = 0, own_leaf = 1, other_leaf = 2 };
  Kind kind = Kind::empty;
  Digest other_path{}, other_value_hash{};  // other_leaf only
  Path siblings;                            // nearest to the leaf first
  Bytes encode() const;
  static Result<StateProof> decode(ByteView bytes);  // merkle.state_proof; only the one canonical spelling is taken
};

Digest state_path(ByteView key);

// What the proof shows under `root` about `key`: kind own_leaf needs the value, the others need nullopt.
bool verify_state(const Digest& root, ByteView key, std::optional<ByteView> value, const StateProof& proof);

// Stored nodes: opaque keys and values, in a store that the caller gives. Keys of different versions never collide and
// are written once, so a write batch may hold them in any order.
struct StateChanges {
  Digest root{};
  std::vector<std::pair<Bytes, Bytes>> put;  // node key → node
  std::vector<Bytes> stale;                  // node keys that this version replaced: deletable once older versions are not needed
};

// Updates: state key → value, nullopt deletes. Sorted by std::map, so the result does not depend on the order of calls.
using StateUpdates = std::map<Bytes, std::optional<Bytes>>;
using StateNodeReader = std::function<Result<std::optional<Bytes>>(ByteView node_key)>;

// Computes version `version` (> base_version) from `base_version` (0 with no nodes is the empty tree). Reads O(changes ·
// log keys) nodes. merkle.node_missing when the store lacks a node, merkle.node_damaged when its bytes do not parse or do
// not hash to what its parent says.
Result<StateChanges> update_state(uint64_t base_version, uint64_t version, const StateUpdates& updates, const StateNodeReader& read);

// Proof at a version: membership with the value's hash, or absence. Same errors.
struct StateLookup {
  std::optional<Digest> value_hash;
  StateProof proof;
  Digest root{};
};
Result<StateLookup> look_up_state(uint64_t version, ByteView key, const StateNodeReader& read);

}  // namespace chengxin::merkle
