#if defined(__x86_64__)
#include <immintrin.h>

#include "sm3/impl/lanes.h"

namespace chengxin::sm3 {
namespace {

struct Word8 {
  static constexpr int kLanes = 8, kTableBits = 3;
  __m256i x;
  Word8() = default;
  CHENGXIN_INLINE Word8(__m256i value) : x(value) {}
  CHENGXIN_INLINE explicit Word8(uint32_t value) : x(_mm256_set1_epi32(int(value))) {}
  static CHENGXIN_INLINE Word8 load(const uint32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  CHENGXIN_INLINE void store(void* to) const { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
};

CHENGXIN_INLINE Word8 operator+(Word8 a, Word8 b) { return _mm256_add_epi32(a.x, b.x); }
CHENGXIN_INLINE Word8 operator^(Word8 a, Word8 b) { return _mm256_xor_si256(a.x, b.x); }
CHENGXIN_INLINE Word8 operator|(Word8 a, Word8 b) { return _mm256_or_si256(a.x, b.x); }
CHENGXIN_INLINE Word8 operator&(Word8 a, Word8 b) { return _mm256_and_si256(a.x, b.x); }
template <int N>
CHENGXIN_INLINE Word8 shl(Word8 a) {
  return _mm256_slli_epi32(a.x, N);
}
template <int N>
CHENGXIN_INLINE Word8 shr(Word8 a) {
  return _mm256_srli_epi32(a.x, N);
}
template <int N>
CHENGXIN_INLINE Word8 rotl(Word8 a) {
  return shl<N>(a) | shr<32 - N>(a);
}
CHENGXIN_INLINE Word8 xor3(Word8 a, Word8 b, Word8 c) { return a ^ b ^ c; }
CHENGXIN_INLINE Word8 majority(Word8 a, Word8 b, Word8 c) { return (a & b) | ((a | b) & c); }
CHENGXIN_INLINE Word8 choose(Word8 a, Word8 b, Word8 c) { return ((b ^ c) & a) ^ c; }

CHENGXIN_INLINE Word8 shuffle_bytes(Word8 a, __m128i order) {
  return _mm256_shuffle_epi8(a.x, _mm256_broadcastsi128_si256(order));
}
CHENGXIN_INLINE Word8 swap_bytes(Word8 a) {
  return shuffle_bytes(a, _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}
// A rotation by whole bytes is one instruction, others are three: hence these forms of 4.4.
CHENGXIN_INLINE Word8 xor_rotl8(Word8 a) {
  return a ^ shuffle_bytes(a, _mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}
CHENGXIN_INLINE Word8 p0(Word8 a) { return a ^ rotl<9>(xor_rotl8(a)); }
CHENGXIN_INLINE Word8 p1(Word8 a) { return a ^ rotl<15>(xor_rotl8(a)); }

CHENGXIN_INLINE Word8 look_up(Word8 byte, const uint32_t (&tables)[3][8]) {
  auto pick = [](Word8 index, const uint32_t(&table)[8]) __attribute__((always_inline)) {
    return Word8(_mm256_permutevar8x32_epi32(Word8::load(table).x, index.x));
  };
  return pick(byte, tables[0]) ^ pick(shr<3>(byte), tables[1]) ^ pick(shr<6>(byte), tables[2]);
}

CHENGXIN_INLINE void transpose(Word8 (&w)[8]) {
  __m256i part[2][4];  // of rows 4g … 4g+3: half h of part[g][k] holds their words 4h + k
  for (int g = 0; g < 2; ++g) {
    const Word8* in = w + 4 * g;
    const __m256i low01 = _mm256_unpacklo_epi32(in[0].x, in[1].x);
    const __m256i high01 = _mm256_unpackhi_epi32(in[0].x, in[1].x);
    const __m256i low23 = _mm256_unpacklo_epi32(in[2].x, in[3].x);
    const __m256i high23 = _mm256_unpackhi_epi32(in[2].x, in[3].x);
    part[g][0] = _mm256_unpacklo_epi64(low01, low23);
    part[g][1] = _mm256_unpackhi_epi64(low01, low23);
    part[g][2] = _mm256_unpacklo_epi64(high01, high23);
    part[g][3] = _mm256_unpackhi_epi64(high01, high23);
  }
  for (int k = 0; k < 4; ++k) {
    w[k] = _mm256_permute2x128_si256(part[0][k], part[1][k], 0x20);
    w[4 + k] = _mm256_permute2x128_si256(part[0][k], part[1][k], 0x31);
  }
}

template <typename Row>
CHENGXIN_INLINE void load_rows(Word8 (&w)[16], Row row) {
  for (int half = 0; half < 2; ++half) {
    Word8 rows[8];
    for (int i = 0; i < 8; ++i)
      rows[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row(i) + 32 * half));
    transpose(rows);
    for (int i = 0; i < 8; ++i) w[8 * half + i] = swap_bytes(rows[i]);
  }
}

CHENGXIN_INLINE void store_digests(Word8 (&v)[8], uint8_t* out) {
  transpose(v);
  for (int i = 0; i < 8; ++i) swap_bytes(v[i]).store(out + 32 * i);
}

constexpr NodeTail<3> kTail = make_node_tail<3>();

void compress(uint32_t* words, const uint8_t* const* at, size_t count) {
  compress_lanes<Word8>(words, at, count);
}
void nodes(uint8_t prefix, const uint8_t* children, uint8_t* out) {
  node_lanes<Word8>(prefix, children, out, kTail);
}

}  // namespace

const impl::Kernel impl::kAvx2 = {8, compress, nodes};

}  // namespace chengxin::sm3
#endif
