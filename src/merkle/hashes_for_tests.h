#pragma once
#include <random>

#include "merkle/log_tree.h"

namespace chengxin::merkle {

// Not a secure hash: four FNV-1a lanes with a mixing step. Shows that the trees take their hash as a
// parameter.
struct ToyHash {
  static Digest hash(std::initializer_list<ByteView> parts) {
    Bytes out;
    for (uint64_t lane = 1; lane <= 4; ++lane) {
      uint64_t h = 0xcbf29ce484222325 ^ (lane * 0x9e3779b97f4a7c15);
      for (ByteView part : parts)
        for (uint8_t byte : part) h = (h ^ byte) * 0x100000001b3;
      h = (h ^ h >> 32) * 0xd6e8feb86659fd93;
      put_be(out, (h ^ h >> 29) * 0xbf58476d1ce4e5b9);
    }
    return *to_digest(out);
  }
};

// As ToyHash, but a state key of 32 bytes is its own path: tests choose where keys lie in the tree.
struct OwnPathHash {
  static Digest hash(std::initializer_list<ByteView> parts) {
    constexpr std::string_view kTag{"chengxin/state-key/v1", 22};
    if (parts.size() >= 2 && text(*parts.begin()) == kTag) return *to_digest(*(parts.begin() + 1));
    return ToyHash::hash(parts);
  }
};

using Random = std::mt19937_64;

inline uint64_t below(Random& random, uint64_t bound) { return random() % bound; }

inline Digest random_digest(Random& random) {
  Bytes out;
  for (int i = 0; i < 4; ++i) put_be(out, uint64_t(random()));
  return *to_digest(out);
}

template <typename Container>
void flip_bit(Container& bytes, Random& random) {
  bytes[below(random, bytes.size())] ^= uint8_t(1 << below(random, 8));
}

}  // namespace chengxin::merkle
