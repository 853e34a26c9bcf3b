#pragma once
#include "merkle/log_tree.h"

// The inner tree of an evidence batch (evidence.add in docs/formats/chain.md): the RFC 9162 tree over many
// items of one length. Its hashes of 16 leaves each are kept, so that a path later costs one group of items
// and no rehash of them all.
namespace chengxin::merkle {

template <typename Hash>
struct ItemTree {
  static constexpr uint64_t kGroup = 16;  // leaves

  // `items` is a whole number of items of item_bytes (> 0) each. The hashes of leaves 0–15, 16–31, …; the
  // last may be of fewer.
  static std::vector<Digest> group_hashes(ByteView items, size_t item_bytes);
  // Root of the tree; of the empty tree when there are no groups. Cost: a hash for each group.
  static Digest root(std::span<const Digest> groups);
  // The path of item `index` < count, from all group hashes and the items of its own group.
  // merkle.item_groups when these are not as many as `count` asks for, or the items are not those of the
  // group.
  static Result<Path> path(uint64_t index, uint64_t count, std::span<const Digest> groups,
                           ByteView own_group_items, size_t item_bytes);
};
extern template struct ItemTree<Sm3Hash>;
using Items = ItemTree<Sm3Hash>;

}  // namespace chengxin::merkle
