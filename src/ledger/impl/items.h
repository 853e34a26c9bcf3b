#pragma once
#include "merkle/item_tree.h"

// Stored hashes of an evidence batch: roots of complete subtrees of 16, 256, 4096, … items, one level after
// the other, so that a path costs a few of them and 16 items, however many there are.
namespace chengxin::ledger {

// `groups` as merkle::Items::group_hashes makes them; the last may be of an incomplete group.
std::vector<Digest> item_levels(std::span<const Digest> groups, uint64_t count);

// Path of item `index`. `items` reads `count` items from `first`, `hashes` as many stored hashes.
using ReadItems = std::function<Result<Bytes>(uint64_t first, uint64_t count)>;
using ReadHash = std::function<Result<std::vector<Digest>>(uint64_t first, uint64_t count)>;
Result<merkle::Path> item_path(uint64_t index, uint64_t count, size_t item_bytes, const ReadItems& items,
                               const ReadHash& hashes);

}  // namespace chengxin::ledger
