#pragma once
#include <functional>
#include <initializer_list>

#include "base/bytes.h"
#include "sm3/sm3.h"

// The append-only log of docs/formats/chain.md: an RFC 9162 Merkle tree in tiles.
namespace chengxin::merkle {

// Hash as a parameter: any type with `static Digest hash(std::initializer_list<ByteView>)`. When it also has
// hash_many() and hash_nodes(), as those of sm3/sm3.h, the trees use them where many hashes are made at once.
// Sm3Hash is instantiated in this module; for another one include merkle/impl/log_tree.h.
struct Sm3Hash {
  static Digest hash(std::initializer_list<ByteView> parts);
  static void hash_many(std::span<const sm3::Message> messages, std::span<Digest> out);
  static void hash_nodes(uint8_t prefix, std::span<const Digest> children, std::span<Digest> out);
};

using Path = std::vector<Digest>;

// Reads the hash of the complete subtree (level, index): leaves index·2^level … (index+1)·2^level − 1.
using NodeReader = std::function<Result<Digest>(int level, uint64_t index)>;

template <typename Hash>
class LogTree {
 public:
  static Digest leaf_hash(ByteView data);
  static Digest node_hash(const Digest& left, const Digest& right);
  static Digest empty_root();

  // Root over leaf hashes held in memory, and the path of one of them (index < size). Cost: O(n) hashes each.
  static Digest root_of(std::span<const Digest> leaf_hashes);
  static Path path_of(std::span<const Digest> leaf_hashes, uint64_t index);

  // Leaf hashes of the items of item_bytes (> 0) each that `items` is made of.
  static std::vector<Digest> leaf_hashes(ByteView items, size_t item_bytes);
  // The roots over each `width` (a power of two) of the hashes; the last may be over fewer.
  static std::vector<Digest> roots_of(std::span<const Digest> hashes, size_t width);

  // RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1 over stored nodes: O(log size) reads of complete subtrees.
  // Errors: merkle.index when not index < size, merkle.size when not old_size ≤ size, and whatever `read`
  // gives. The path from the empty log is empty.
  static Result<Digest> root_at(uint64_t size, const NodeReader& read);
  static Result<Path> inclusion_path(uint64_t index, uint64_t size, const NodeReader& read);
  static Result<Path> consistency_path(uint64_t old_size, uint64_t size, const NodeReader& read);

  // RFC 9162 sections 2.1.3.2 and 2.1.4.2. False for every malformed path, never an error.
  static bool verify_inclusion(uint64_t index, uint64_t size, const Digest& leaf_hash, const Path& path,
                               const Digest& root);
  static bool verify_consistency(uint64_t old_size, uint64_t size, const Digest& old_root, const Digest& root,
                                 const Path& path);
};

// The right edge of a growing log: its size and the roots of the complete subtrees that make it up (largest
// first).
template <typename Hash>
class LogEdge {
 public:
  LogEdge() = default;
  LogEdge(uint64_t size, std::vector<Digest> peaks);  // CHECKs that there is a peak for each set bit
  // Appends leaf hashes; on_node hears of every complete subtree that each of them closes, itself (level 0)
  // first.
  using OnNode = std::function<void(int level, uint64_t index, const Digest&)>;
  void append(std::span<const Digest> leaf_hashes, const OnNode& on_node);
  void append(const Digest& leaf_hash, const OnNode& on_node) { append(std::span(&leaf_hash, 1), on_node); }
  uint64_t size() const { return size_; }
  const std::vector<Digest>& peaks() const { return peaks_; }
  Digest root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> peaks_;
};

using Log = LogTree<Sm3Hash>;
using Edge = LogEdge<Sm3Hash>;

extern template class LogTree<Sm3Hash>;
extern template class LogEdge<Sm3Hash>;

}  // namespace chengxin::merkle
