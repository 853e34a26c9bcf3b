#pragma once
#include <utility>

#include "sm3/compress.h"

// GB/T 32905-2016 for one word or for a vector of words, one for each message. `W` is the word and brings its
// operations. Everything here is of the file that includes it and inlined into its functions: those files are
// compiled for different processors.
namespace chengxin::sm3 {
namespace {

#define CHENGXIN_INLINE inline __attribute__((always_inline))

constexpr uint32_t rotated(uint32_t x, int n) { return n % 32 == 0 ? x : x << n % 32 | x >> (32 - n % 32); }

// 5.3.2 in a ring of the last sixteen words: W[J] takes the place of W[J − 16].
template <int J, typename W>
CHENGXIN_INLINE void expand(W (&w)[16]) {
  const W x = xor3(w[J % 16], w[(J + 7) % 16], rotl<15>(w[(J + 13) % 16]));
  w[J % 16] = xor3(p1(x), rotl<7>(w[(J + 3) % 16]), w[(J + 10) % 16]);
}

// One round of 5.3.3. Instead of moving eight registers down by one, each round names them shifted by J;
// `next` gives W[J + 4] just before it is needed.
template <int J, typename W, typename Next>
CHENGXIN_INLINE void round(W (&v)[8], W (&w)[16], Next next) {
  constexpr int low = (4 - J % 4) % 4;
  W& a = v[low];
  W& b = v[(low + 1) % 4];
  W& c = v[(low + 2) % 4];
  W& d = v[(low + 3) % 4];
  W& e = v[4 + low];
  W& f = v[4 + (low + 1) % 4];
  W& g = v[4 + (low + 2) % 4];
  W& h = v[4 + (low + 3) % 4];
  if constexpr (J >= 12) next.template operator()<J + 4>();
  constexpr uint32_t t = rotated(J < 16 ? 0x79cc4519 : 0x7a879d8a, J);
  const W a12 = rotl<12>(a);
  const W ss1 = rotl<7>(a12 + (e + W(t)));
  const W w_j = w[J % 16];
  d = (d + (w_j ^ w[(J + 4) % 16])) + (J < 16 ? xor3(a, b, c) : majority(a, b, c)) + (ss1 ^ a12);
  h = p0((h + w_j) + (J < 16 ? xor3(e, f, g) : choose(e, f, g)) + ss1);
  b = rotl<9>(b);
  f = rotl<19>(f);
}

template <typename W, typename Next, int... J>
CHENGXIN_INLINE void rounds(W (&v)[8], W (&w)[16], Next next, std::integer_sequence<int, J...>) {
  (round<J>(v, w, next), ...);
}

// v = CF(v, B) for the block with words w; w is used up.
template <typename W, typename Next>
CHENGXIN_INLINE void compress_words(W (&v)[8], W (&w)[16], Next next) {
  W begin[8];
  for (int i = 0; i < 8; ++i) begin[i] = v[i];
  rounds(v, w, next, std::make_integer_sequence<int, 64>());
  for (int i = 0; i < 8; ++i) v[i] = v[i] ^ begin[i];
}
template <typename W>
CHENGXIN_INLINE void compress_words(W (&v)[8], W (&w)[16]) {
  compress_words(
      v, w, [&w]<int J>() __attribute__((always_inline)) { expand<J>(w); });
}

}  // namespace
}  // namespace chengxin::sm3
