#pragma once
#include "sm3/impl/kernel.h"
#include "sm3/impl/node_tail.h"

// The kernel of a vector `W` of W::kLanes words: load_rows() reads sixteen words of each lane,
// store_digests() writes eight; look_up() gives, for each lane, the word that a NodeTail has for the lowest
// byte.
namespace chengxin::sm3 {
namespace {

template <typename W>
CHENGXIN_INLINE void compress_lanes(uint32_t* words, const uint8_t* const* at, size_t count) {
  W v[8];
  for (int i = 0; i < 8; ++i) v[i] = W::load(words + i * W::kLanes);
  for (size_t offset = 0; count > 0; --count, offset += 64) {
    W w[16];
    load_rows(
        w, [=](int lane) __attribute__((always_inline)) { return at[lane] + offset; });
    compress_words(v, w);
  }
  for (int i = 0; i < 8; ++i) v[i].store(words + i * W::kLanes);
}

template <typename W>
CHENGXIN_INLINE void node_lanes(uint8_t prefix, const uint8_t* children, uint8_t* out,
                                const NodeTail<W::kTableBits>& tail) {
  W v[8], w[16];
  for (int i = 0; i < 8; ++i) v[i] = W(kInitial[i]);
  load_rows(
      w, [=](int lane) __attribute__((always_inline)) { return children + lane * 64; });
  const W last = w[15];  // its lowest byte is what the second block begins with
  for (int i = 15; i > 0; --i) w[i] = shr<8>(w[i]) ^ shl<24>(w[i - 1]);
  w[0] = shr<8>(w[0]) ^ W(uint32_t(prefix) << 24);
  compress_words(v, w);

  auto from_tail = [&]<int J>() __attribute__((always_inline)) { w[J % 16] = look_up(last, tail.words[J]); };
  from_tail.template operator()<0>();
  for (int i = 1; i < 15; ++i) w[i] = W(0);
  w[15] = W(65 * 8);
  compress_words(v, w, from_tail);
  store_digests(v, out);
}

}  // namespace
}  // namespace chengxin::sm3
