#include "crypto/impl/sm4_lanes.h"

#include <mutex>

#include "base/bytes.h"
#include "base/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace chengxin::crypto {
namespace {

constexpr size_t kLanes = 16, kBlock = 16;

// SM4's S-box is S(x) = M * inverse(M * x + d3) + d3 in GF(2)[x] / (x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1).
// With T an isomorphism to AES's field: first T * M and T * d3, then M * T^-1 and d3.
__m512i substitute(__m512i x) {
  const __m512i in = _mm512_set1_epi64(0x4c287db91a22505d);
  const __m512i out = _mm512_set1_epi64(int64_t(0xf3ab34a974a6b589));
  return _mm512_gf2p8affineinv_epi64_epi8(_mm512_gf2p8affine_epi64_epi8(x, in, 0x3e), out, 0xd3);
}

__m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }

__m512i round(__m512i a, __m512i b, __m512i c, __m512i d, __m512i key) {
  const __m512i s = substitute(xor3(_mm512_xor_si512(b, c), d, key));
  const __m512i near = xor3(s, _mm512_rol_epi32(s, 2), _mm512_rol_epi32(s, 10));
  return xor3(_mm512_xor_si512(a, near), _mm512_rol_epi32(s, 18), _mm512_rol_epi32(s, 24));
}

// Words of sixteen blocks: word[i] holds word i of each.
struct Words {
  __m512i word[4];
};

// Two at a time: the instructions of one fill the waits of the other.
void encrypt(Words& p, Words& q, const uint32_t* round_keys) {
  for (int r = 0; r < 32; r += 4)
    for (int i = 0; i < 4; ++i) {
      const __m512i key = _mm512_set1_epi32(int(round_keys[r + i]));
      auto step = [&](Words& w) {
        w.word[i] = round(w.word[i], w.word[(i + 1) % 4], w.word[(i + 2) % 4], w.word[(i + 3) % 4], key);
      };
      step(p);
      step(q);
    }
}

// The block in element 4k + j of the words is number 4j + k, so that transposing within the quarters of the
// registers leaves the blocks in order.
Words counters(const uint8_t counter[16], uint32_t first) {
  Words out;
  for (int i = 0; i < 3; ++i) out.word[i] = _mm512_set1_epi32(int(get_be<uint32_t>(counter + 4 * i)));
  const __m512i numbers = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const uint32_t start = get_be<uint32_t>(counter + 12) + first;
  out.word[3] = _mm512_add_epi32(_mm512_set1_epi32(int(start)), numbers);
  return out;
}

// The keystream, in the order of the blocks: word 3 comes first.
struct Stream {
  __m512i part[4];
};
Stream stream_of(const Words& w) {
  const __m512i swap =
      _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  const __m512i a = _mm512_unpacklo_epi32(w.word[3], w.word[2]),
                b = _mm512_unpackhi_epi32(w.word[3], w.word[2]);
  const __m512i c = _mm512_unpacklo_epi32(w.word[1], w.word[0]),
                d = _mm512_unpackhi_epi32(w.word[1], w.word[0]);
  Stream out{{_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c), _mm512_unpacklo_epi64(b, d),
              _mm512_unpackhi_epi64(b, d)}};
  for (__m512i& part : out.part) part = _mm512_shuffle_epi8(part, swap);
  return out;
}

// Of at most sixteen blocks; bytes past the last are neither read nor written.
void mix(const Words& words, const uint8_t* in, uint8_t* out, size_t blocks) {
  const Stream stream = stream_of(words);
  for (size_t i = 0; i < 4 && blocks > 0; ++i) {
    const size_t here = blocks < 4 ? blocks : 4;
    const __mmask8 mask = __mmask8((1u << 2 * here) - 1);
    const __m512i data = _mm512_maskz_loadu_epi64(mask, in + i * 4 * kBlock);
    _mm512_mask_storeu_epi64(out + i * 4 * kBlock, mask, _mm512_xor_si512(data, stream.part[i]));
    blocks -= here;
  }
}

// out = in xor keystream of `blocks` blocks, from the counter block on, whose last four bytes count
// big-endian and wrap. `key` is 32 words, of the rounds. `in` and `out` may be the same.
void count(const unsigned char* in, unsigned char* out, size_t blocks, const void* key,
           const unsigned char counter[16]) {
  const auto* round_keys = static_cast<const uint32_t*>(key);
  for (size_t done = 0; done < blocks; done += 2 * kLanes) {
    Words p = counters(counter, uint32_t(done)), q = counters(counter, uint32_t(done + kLanes));
    encrypt(p, q, round_keys);
    const size_t left = blocks - done;
    mix(p, in + done * kBlock, out + done * kBlock, left < kLanes ? left : kLanes);
    if (left > kLanes)
      mix(q, in + (done + kLanes) * kBlock, out + (done + kLanes) * kBlock,
          left < 2 * kLanes ? left - kLanes : kLanes);
  }
}

}  // namespace
}  // namespace chengxin::crypto

#endif

// Tongsuo's (third_party/tongsuo/build): what its SM4-GCM counts with, null for block by block.
extern "C" void (*chengxin_sm4_ctr32)(const unsigned char* in, unsigned char* out, size_t blocks,
                                      const void* key, const unsigned char counter[16]);

namespace chengxin::crypto {

void install_sm4_lanes() {
#if defined(__x86_64__)
  static std::once_flag once;
  std::call_once(once, [] {
    if (cpu().gfni) chengxin_sm4_ctr32 = count;
  });
#endif
}

}  // namespace chengxin::crypto
