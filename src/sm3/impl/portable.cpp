#include <cstring>

#include "base/cpu.h"
#include "sm3/impl/kernel.h"
#include "sm3/impl/rounds.h"

namespace chengxin::sm3 {
namespace {

struct Word {
  uint32_t x;
  Word() = default;
  CHENGXIN_INLINE explicit Word(uint32_t value) : x(value) {}
};
CHENGXIN_INLINE Word operator+(Word a, Word b) { return Word(a.x + b.x); }
CHENGXIN_INLINE Word operator^(Word a, Word b) { return Word(a.x ^ b.x); }
template <int N>
CHENGXIN_INLINE Word rotl(Word a) {
  return Word(rotated(a.x, N));
}
CHENGXIN_INLINE Word xor3(Word a, Word b, Word c) { return Word(a.x ^ b.x ^ c.x); }
CHENGXIN_INLINE Word majority(Word a, Word b, Word c) { return Word((a.x & b.x) | ((a.x | b.x) & c.x)); }
CHENGXIN_INLINE Word choose(Word a, Word b, Word c) { return Word(((b.x ^ c.x) & a.x) ^ c.x); }
CHENGXIN_INLINE Word p0(Word a) { return xor3(a, rotl<9>(a), rotl<17>(a)); }
CHENGXIN_INLINE Word p1(Word a) { return xor3(a, rotl<15>(a), rotl<23>(a)); }

CHENGXIN_INLINE void compress_one(uint32_t (&state)[8], const uint8_t* blocks, size_t count) {
  Word v[8], w[16];
  for (int i = 0; i < 8; ++i) v[i] = Word(state[i]);
  for (; count > 0; --count, blocks += 64) {
    for (int i = 0; i < 16; ++i) {
      std::memcpy(&w[i].x, blocks + 4 * i, 4);
      w[i].x = __builtin_bswap32(w[i].x);
    }
    compress_words(v, w);
  }
  for (int i = 0; i < 8; ++i) state[i] = v[i].x;
}

void compress_lane(uint32_t* words, const uint8_t* const* at, size_t count) {
  compress(*reinterpret_cast<uint32_t(*)[8]>(words), *at, count);
}

void node(uint8_t prefix, const uint8_t* children, uint8_t* out) {
  uint8_t blocks[128] = {prefix};
  std::memcpy(blocks + 1, children, 64);
  blocks[65] = 0x80;
  blocks[126] = 65 * 8 >> 8;
  blocks[127] = 65 * 8 & 0xff;
  uint32_t state[8];
  std::memcpy(state, kInitial, sizeof state);
  compress(state, blocks, 2);
  for (int i = 0; i < 8; ++i) {
    const uint32_t word = __builtin_bswap32(state[i]);
    std::memcpy(out + 4 * i, &word, 4);
  }
}

using Compress = void (*)(uint32_t (&)[8], const uint8_t*, size_t);

void compress_plain(uint32_t (&state)[8], const uint8_t* blocks, size_t count) {
  compress_one(state, blocks, count);
}
#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) void compress_bmi(uint32_t (&state)[8], const uint8_t* blocks,
                                                      size_t count) {
  compress_one(state, blocks, count);
}
#endif

Compress best_compress() {
#if defined(__x86_64__)
  if (cpu().bmi) return compress_bmi;
#endif
  return compress_plain;
}

}  // namespace

void compress(uint32_t (&state)[8], const uint8_t* blocks, size_t count) {
  static const Compress best = best_compress();
  best(state, blocks, count);
}

const impl::Kernel impl::kPortable = {1, compress_lane, node};

}  // namespace chengxin::sm3
