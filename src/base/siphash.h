#pragma once
#include <bit>

#include "base/bytes.h"

namespace chengxin {

// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): for tables whose keys come
// from others, who cannot make them collide without the seed.
struct SipKey {
  uint64_t first = 0, second = 0;
};

namespace impl {
struct SipState {
  uint64_t a, b, c, d;
  void round() {
    a += b, b = std::rotl(b, 13) ^ a, a = std::rotl(a, 32);
    c += d, d = std::rotl(d, 16) ^ c;
    a += d, d = std::rotl(d, 21) ^ a;
    c += b, b = std::rotl(b, 17) ^ c, c = std::rotl(c, 32);
  }
  void take(uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};
}  // namespace impl

inline uint64_t siphash(const SipKey& key, ByteView bytes) {
  impl::SipState state{key.first ^ 0x736f6d6570736575, key.second ^ 0x646f72616e646f6d,
                       key.first ^ 0x6c7967656e657261, key.second ^ 0x7465646279746573};
  const uint64_t size = bytes.size();
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), 8);  // little-endian, as every machine that we build for
    state.take(word);
  }
  uint64_t last = size << 56;
  for (size_t i = 0; i < bytes.size(); ++i) last |= uint64_t(bytes[i]) << (8 * i);
  state.take(last);
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace chengxin
