#pragma once
#include <algorithm>

#include "merkle/log_tree.h"

// Many hashes at once, one after the other when `Hash` has no better way.
namespace chengxin::merkle::impl {

inline constexpr uint8_t kLeafPrefix[] = {0};
inline constexpr uint8_t kNodePrefix[] = {1};

template <typename Hash>
void hash_many(std::span<const sm3::Message> messages, std::span<Digest> out) {
  if constexpr (requires { Hash::hash_many(messages, out); }) {
    Hash::hash_many(messages, out);
  } else {
    for (size_t i = 0; i < messages.size(); ++i)
      out[i] = Hash::hash({messages[i].first, messages[i].second, messages[i].third});
  }
}

// out[i] from children[2i] and children[2i+1]; `out` may be the front of `children`.
template <typename Hash>
void hash_pairs(const uint8_t (&prefix)[1], std::span<const Digest> children, std::span<Digest> out) {
  if constexpr (requires { Hash::hash_nodes(prefix[0], children, out); }) {
    Hash::hash_nodes(prefix[0], children, out);
  } else {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = Hash::hash({prefix, children[2 * i], children[2 * i + 1]});
  }
}

}  // namespace chengxin::merkle::impl
