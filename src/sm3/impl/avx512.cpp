#if defined(__x86_64__)
#include <immintrin.h>

#include "sm3/impl/lanes.h"

namespace chengxin::sm3 {
namespace {

struct Word16 {
  static constexpr int kLanes = 16, kTableBits = 4;
  __m512i x;
  Word16() = default;
  CHENGXIN_INLINE Word16(__m512i value) : x(value) {}
  CHENGXIN_INLINE explicit Word16(uint32_t value) : x(_mm512_set1_epi32(int(value))) {}
  static CHENGXIN_INLINE Word16 load(const void* from) { return _mm512_loadu_si512(from); }
  CHENGXIN_INLINE void store(void* to) const { _mm512_storeu_si512(to, x); }
};

CHENGXIN_INLINE Word16 operator+(Word16 a, Word16 b) { return _mm512_add_epi32(a.x, b.x); }
CHENGXIN_INLINE Word16 operator^(Word16 a, Word16 b) { return _mm512_xor_si512(a.x, b.x); }
template <int N>
CHENGXIN_INLINE Word16 rotl(Word16 a) {
  return _mm512_rol_epi32(a.x, N);
}
template <int N>
CHENGXIN_INLINE Word16 shl(Word16 a) {
  return _mm512_slli_epi32(a.x, N);
}
template <int N>
CHENGXIN_INLINE Word16 shr(Word16 a) {
  return _mm512_srli_epi32(a.x, N);
}
CHENGXIN_INLINE Word16 xor3(Word16 a, Word16 b, Word16 c) {
  return _mm512_ternarylogic_epi32(a.x, b.x, c.x, 0x96);
}
CHENGXIN_INLINE Word16 majority(Word16 a, Word16 b, Word16 c) {
  return _mm512_ternarylogic_epi32(a.x, b.x, c.x, 0xe8);
}
CHENGXIN_INLINE Word16 choose(Word16 a, Word16 b, Word16 c) {
  return _mm512_ternarylogic_epi32(a.x, b.x, c.x, 0xca);
}
CHENGXIN_INLINE Word16 p0(Word16 a) { return xor3(a, rotl<9>(a), rotl<17>(a)); }
CHENGXIN_INLINE Word16 p1(Word16 a) { return xor3(a, rotl<15>(a), rotl<23>(a)); }
CHENGXIN_INLINE Word16 look_up(Word16 byte, const uint32_t (&tables)[2][16]) {
  return Word16(_mm512_permutexvar_epi32(byte.x, _mm512_load_si512(tables[0]))) ^
         _mm512_permutexvar_epi32(shr<4>(byte).x, _mm512_load_si512(tables[1]));
}

CHENGXIN_INLINE __m512i swap_bytes(__m512i x) {
  return _mm512_shuffle_epi8(
      x, _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));
}

// For four rows (or four words of all lanes): column k of each 128-bit quarter, as four words in a row.
CHENGXIN_INLINE void transpose_quarters(const __m512i (&in)[4], __m512i (&out)[4]) {
  const __m512i low01 = _mm512_unpacklo_epi32(in[0], in[1]), high01 = _mm512_unpackhi_epi32(in[0], in[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(in[2], in[3]), high23 = _mm512_unpackhi_epi32(in[2], in[3]);
  out[0] = _mm512_unpacklo_epi64(low01, low23);
  out[1] = _mm512_unpackhi_epi64(low01, low23);
  out[2] = _mm512_unpacklo_epi64(high01, high23);
  out[3] = _mm512_unpackhi_epi64(high01, high23);
}

template <typename Row>
CHENGXIN_INLINE void load_rows(Word16 (&w)[16], Row row) {
  __m512i part[4][4];  // of rows 4g … 4g+3: quarter q of part[g][k] holds their words 4q + k
  for (int g = 0; g < 4; ++g) {
    __m512i rows[4];
    for (int i = 0; i < 4; ++i) rows[i] = _mm512_loadu_si512(row(4 * g + i));
    transpose_quarters(rows, part[g]);
  }
  for (int k = 0; k < 4; ++k) {
    const __m512i a = _mm512_shuffle_i32x4(part[0][k], part[1][k], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(part[2][k], part[3][k], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(part[0][k], part[1][k], 0xee);
    const __m512i d = _mm512_shuffle_i32x4(part[2][k], part[3][k], 0xee);
    w[k] = swap_bytes(_mm512_shuffle_i32x4(a, b, 0x88));
    w[4 + k] = swap_bytes(_mm512_shuffle_i32x4(a, b, 0xdd));
    w[8 + k] = swap_bytes(_mm512_shuffle_i32x4(c, d, 0x88));
    w[12 + k] = swap_bytes(_mm512_shuffle_i32x4(c, d, 0xdd));
  }
}

CHENGXIN_INLINE void store_digests(const Word16 (&v)[8], uint8_t* out) {
  __m512i half[2][4];  // quarter q of half[h][k] holds words 4h … 4h+3 of lane 4q + k
  for (int h = 0; h < 2; ++h) {
    __m512i words[4];
    for (int i = 0; i < 4; ++i) words[i] = swap_bytes(v[4 * h + i].x);
    transpose_quarters(words, half[h]);
  }
  for (int pair = 0; pair < 4; pair += 2) {
    const __m512i a = _mm512_shuffle_i32x4(half[0][pair], half[1][pair], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(half[0][pair + 1], half[1][pair + 1], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(half[0][pair], half[1][pair], 0xee);
    const __m512i d = _mm512_shuffle_i32x4(half[0][pair + 1], half[1][pair + 1], 0xee);
    uint8_t* to = out + 32 * pair;
    _mm512_storeu_si512(to, _mm512_shuffle_i32x4(a, b, 0x88));
    _mm512_storeu_si512(to + 128, _mm512_shuffle_i32x4(a, b, 0xdd));
    _mm512_storeu_si512(to + 256, _mm512_shuffle_i32x4(c, d, 0x88));
    _mm512_storeu_si512(to + 384, _mm512_shuffle_i32x4(c, d, 0xdd));
  }
}

constexpr NodeTail<4> kTail = make_node_tail<4>();

void compress(uint32_t* words, const uint8_t* const* at, size_t count) {
  compress_lanes<Word16>(words, at, count);
}
void nodes(uint8_t prefix, const uint8_t* children, uint8_t* out) {
  node_lanes<Word16>(prefix, children, out, kTail);
}

}  // namespace

const impl::Kernel impl::kAvx512 = {16, compress, nodes};

}  // namespace chengxin::sm3
#endif
