#pragma once
#include "merkle/impl/log_tree.h"
#include "merkle/item_tree.h"

namespace chengxin::merkle {

template <typename Hash>
std::vector<Digest> ItemTree<Hash>::group_hashes(ByteView items, size_t item_bytes) {
  CHECK(item_bytes > 0 && items.size() % item_bytes == 0);
  const size_t some = 16 * kGroup * item_bytes;
  std::vector<Digest> groups;
  groups.reserve(items.size() / (kGroup * item_bytes) + 1);
  for (size_t at = 0; at < items.size(); at += some) {
    const ByteView part = items.subspan(at, std::min(some, items.size() - at));
    const auto roots = LogTree<Hash>::roots_of(LogTree<Hash>::leaf_hashes(part, item_bytes), kGroup);
    groups.insert(groups.end(), roots.begin(), roots.end());
  }
  return groups;
}

// RFC 9162 splits at powers of two, so above the level of the groups the tree over leaves is the tree over
// groups.
template <typename Hash>
Digest ItemTree<Hash>::root(std::span<const Digest> groups) {
  return LogTree<Hash>::root_of(groups);
}

template <typename Hash>
Result<Path> ItemTree<Hash>::path(uint64_t index, uint64_t count, std::span<const Digest> groups,
                                  ByteView own_group_items, size_t item_bytes) {
  CHECK(item_bytes > 0);
  if (index >= count) return fail(Code::invalid_argument, "merkle.index", "item {} of {}", index, count);
  const uint64_t group = index / kGroup;
  const uint64_t own = std::min(kGroup, count - group * kGroup);
  if (groups.size() != (count - 1) / kGroup + 1 || own_group_items.size() != own * item_bytes)
    return fail(Code::data_loss, "merkle.item_groups", "{} groups and {} bytes for item {} of {}",
                groups.size(), own_group_items.size(), index, count);
  const std::vector<Digest> leaves = LogTree<Hash>::leaf_hashes(own_group_items, item_bytes);
  if (LogTree<Hash>::root_of(leaves) != groups[group])
    return fail(Code::data_loss, "merkle.item_groups", "items of group {} are not those hashed", group);
  Path path = LogTree<Hash>::path_of(leaves, index % kGroup);
  const Path above = LogTree<Hash>::path_of(groups, group);
  path.insert(path.end(), above.begin(), above.end());
  return path;
}

}  // namespace chengxin::merkle
