#pragma once
#include <algorithm>
#include <bit>

#include "base/check.h"
#include "merkle/impl/batch.h"

namespace chengxin::merkle {

namespace impl {

// The complete subtrees (level, index) that make up leaves start … start+size−1, largest first. `start` is a
// multiple of the largest of them, as in every subtree of RFC 9162.
struct Complete {
  int level;
  uint64_t index;
};
inline std::vector<Complete> complete_subtrees(uint64_t start, uint64_t size) {
  std::vector<Complete> out;
  for (int level = 63; level >= 0; --level) {
    if (!(size >> level & 1)) continue;
    out.push_back({level, start >> level});
    start += uint64_t(1) << level;
  }
  return out;
}

// Hash of a range made of these complete subtrees, largest first: the smaller ones hang together on the
// right.
template <typename Hash>
Digest join_peaks(std::span<const Digest> peaks) {
  Digest root = peaks.back();
  for (size_t i = peaks.size() - 1; i-- > 0;) root = LogTree<Hash>::node_hash(peaks[i], root);
  return root;
}

template <typename Hash>
Result<Digest> range_hash(uint64_t start, uint64_t size, const NodeReader& read) {
  std::vector<Digest> peaks;
  for (const Complete& subtree : complete_subtrees(start, size)) {
    ASSIGN(peaks.emplace_back(), read(subtree.level, subtree.index));
  }
  return join_peaks<Hash>(peaks);
}

inline void next_level(uint64_t& index, uint64_t& last) {
  index >>= 1;
  last >>= 1;
}

}  // namespace impl

template <typename Hash>
Digest LogTree<Hash>::leaf_hash(ByteView data) {
  return Hash::hash({impl::kLeafPrefix, data});
}

template <typename Hash>
Digest LogTree<Hash>::node_hash(const Digest& left, const Digest& right) {
  return Hash::hash({impl::kNodePrefix, left, right});
}

template <typename Hash>
Digest LogTree<Hash>::empty_root() {
  return Hash::hash({});
}

namespace impl {
// Replaces a level by the one above it. A last node without a sibling moves up as it is, which gives the
// shape of RFC 9162.
template <typename Hash>
void climb(std::vector<Digest>& level) {
  size_t pairs = level.size() / 2;
  hash_pairs<Hash>(kNodePrefix, std::span(level).first(2 * pairs), std::span(level).first(pairs));
  if (level.size() % 2) level[pairs++] = level.back();
  level.resize(pairs);
}
}  // namespace impl

template <typename Hash>
Digest LogTree<Hash>::root_of(std::span<const Digest> leaf_hashes) {
  if (leaf_hashes.empty()) return empty_root();
  std::vector<Digest> level(leaf_hashes.begin(), leaf_hashes.end());
  while (level.size() > 1) impl::climb<Hash>(level);
  return level[0];
}

template <typename Hash>
Path LogTree<Hash>::path_of(std::span<const Digest> leaf_hashes, uint64_t index) {
  CHECK(index < leaf_hashes.size());
  std::vector<Digest> level(leaf_hashes.begin(), leaf_hashes.end());
  Path path;
  for (; level.size() > 1; index >>= 1) {
    if ((index ^ 1) < level.size()) path.push_back(level[index ^ 1]);
    impl::climb<Hash>(level);
  }
  return path;
}

template <typename Hash>
std::vector<Digest> LogTree<Hash>::leaf_hashes(ByteView items, size_t item_bytes) {
  constexpr size_t kAtOnce = 256;
  std::vector<Digest> out(items.size() / item_bytes);
  std::vector<sm3::Message> messages(std::min(kAtOnce, out.size()));
  for (size_t done = 0; done < out.size(); done += messages.size()) {
    messages.resize(std::min(kAtOnce, out.size() - done));
    for (size_t i = 0; i < messages.size(); ++i)
      messages[i] = {impl::kLeafPrefix, items.subspan((done + i) * item_bytes, item_bytes), {}};
    impl::hash_many<Hash>(messages, std::span(out).subspan(done, messages.size()));
  }
  return out;
}

template <typename Hash>
std::vector<Digest> LogTree<Hash>::roots_of(std::span<const Digest> hashes, size_t width) {
  CHECK(std::has_single_bit(width));
  std::vector<Digest> level(hashes.begin(), hashes.end());
  for (; width > 1; width /= 2) impl::climb<Hash>(level);
  return level;
}

template <typename Hash>
Result<Digest> LogTree<Hash>::root_at(uint64_t size, const NodeReader& read) {
  if (size == 0) return empty_root();
  return impl::range_hash<Hash>(0, size, read);
}

template <typename Hash>
Result<Path> LogTree<Hash>::inclusion_path(uint64_t index, uint64_t size, const NodeReader& read) {
  if (index >= size) return fail(Code::invalid_argument, "merkle.index", "leaf {} of {}", index, size);
  Path path;  // from the root down
  for (uint64_t start = 0; size > 1;) {
    uint64_t split = std::bit_floor(size - 1);
    bool left = index - start < split;
    ASSIGN(path.emplace_back(), left ? impl::range_hash<Hash>(start + split, size - split, read)
                                     : impl::range_hash<Hash>(start, split, read));
    if (!left) start += split;
    size = left ? split : size - split;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

template <typename Hash>
Result<Path> LogTree<Hash>::consistency_path(uint64_t old_size, uint64_t size, const NodeReader& read) {
  if (old_size > size) return fail(Code::invalid_argument, "merkle.size", "{} is above {}", old_size, size);
  Path path;  // from the root down
  if (old_size == 0 || old_size == size) return path;
  uint64_t start = 0;
  while (old_size - start != size) {
    uint64_t split = std::bit_floor(size - 1);
    bool left = old_size - start <= split;
    ASSIGN(path.emplace_back(), left ? impl::range_hash<Hash>(start + split, size - split, read)
                                     : impl::range_hash<Hash>(start, split, read));
    if (!left) start += split;
    size = left ? split : size - split;
  }
  // Here leaves start … are all old. The verifier knows their hash when they are the whole old log.
  if (start > 0) {
    ASSIGN(path.emplace_back(), impl::range_hash<Hash>(start, size, read));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

template <typename Hash>
bool LogTree<Hash>::verify_inclusion(uint64_t index, uint64_t size, const Digest& leaf_hash, const Path& path,
                                     const Digest& root) {
  if (index >= size) return false;
  uint64_t last = size - 1;
  Digest node = leaf_hash;
  for (const Digest& sibling : path) {
    if (last == 0) return false;
    if (index % 2 || index == last) {
      node = node_hash(sibling, node);
      while (index % 2 == 0 && index != 0) impl::next_level(index, last);
    } else {
      node = node_hash(node, sibling);
    }
    impl::next_level(index, last);
  }
  return last == 0 && node == root;
}

template <typename Hash>
bool LogTree<Hash>::verify_consistency(uint64_t old_size, uint64_t size, const Digest& old_root,
                                       const Digest& root, const Path& path) {
  if (old_size > size) return false;
  if (old_size == 0 && old_root != empty_root()) return false;
  if (old_size == size) return path.empty() && old_root == root;
  if (old_size == 0) return path.empty();

  std::span<const Digest> rest = path;
  Digest node = old_root;  // when the old log is a complete subtree of the new one the path starts above it
  if (!std::has_single_bit(old_size)) {
    if (rest.empty()) return false;
    node = rest.front();
    rest = rest.subspan(1);
  }
  uint64_t index = old_size - 1, last = size - 1;
  while (index % 2) impl::next_level(index, last);
  Digest old_node = node;
  for (const Digest& sibling : rest) {
    if (last == 0) return false;
    if (index % 2 || index == last) {
      old_node = node_hash(sibling, old_node);
      node = node_hash(sibling, node);
      while (index % 2 == 0 && index != 0) impl::next_level(index, last);
    } else {
      node = node_hash(node, sibling);
    }
    impl::next_level(index, last);
  }
  return last == 0 && old_node == old_root && node == root;
}

template <typename Hash>
LogEdge<Hash>::LogEdge(uint64_t size, std::vector<Digest> peaks) : size_(size), peaks_(std::move(peaks)) {
  CHECK(peaks_.size() == size_t(std::popcount(size_)));
}

template <typename Hash>
void LogEdge<Hash>::append(std::span<const Digest> leaf_hashes, const OnNode& on_node) {
  // First, level by level, the nodes that they close; node `index` is closed[level][index − (size_ >>
  // level)].
  std::vector<std::vector<Digest>> closed{{leaf_hashes.begin(), leaf_hashes.end()}};
  const uint64_t before = size_;
  size_t peak = peaks_.size();
  for (int level = 0; closed[level].size() + (before >> level & 1) > 1; ++level) {
    std::vector<Digest> children = closed[level];
    if (before >> level & 1) children.insert(children.begin(), peaks_[--peak]);
    const size_t pairs = children.size() / 2;
    impl::hash_pairs<Hash>(impl::kNodePrefix, std::span(children).first(2 * pairs),
                           closed.emplace_back(pairs));
  }
  // Then leaf by leaf.
  for (const Digest& leaf : leaf_hashes) {
    uint64_t index = size_++;
    peaks_.push_back(leaf);
    on_node(0, index, leaf);
    for (int level = 1; index % 2; ++level) {
      index >>= 1;
      peaks_.pop_back();
      peaks_.back() = closed[level][index - (before >> level)];
      on_node(level, index, peaks_.back());
    }
  }
}

template <typename Hash>
Digest LogEdge<Hash>::root() const {
  return peaks_.empty() ? LogTree<Hash>::empty_root() : impl::join_peaks<Hash>(peaks_);
}

}  // namespace chengxin::merkle
