#pragma once
#include "sm2/impl/ifma_curve.h"
#include "sm2/impl/ifma_kernel.h"

// Points of tables in and out of lanes, and the choice of a comb's entries for the scalars of eight lanes.
namespace chengxin::sm2::impl {
namespace {

// ---- between 64-bit words and limbs

// Eight rows of eight words become eight columns.
CX_LANES void transpose(V r[8]) {
  V t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      u[i + j] = _mm512_shuffle_i64x2(t[i + j], t[i + j + 2], 0x88);
      u[i + j + 2] = _mm512_shuffle_i64x2(t[i + j], t[i + j + 2], 0xdd);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0x88);
    r[i + 4] = _mm512_shuffle_i64x2(u[i], u[i + 4], 0xdd);
  }
}
CX_LANES void limbs_of(V out[5], const V words[4]) {
  out[0] = words[0] & all(kMask52);
  out[1] = _mm512_shrdi_epi64(words[0], words[1], 52) & all(kMask52);
  out[2] = _mm512_shrdi_epi64(words[1], words[2], 40) & all(kMask52);
  out[3] = _mm512_shrdi_epi64(words[2], words[3], 28) & all(kMask52);
  out[4] = _mm512_srli_epi64(words[3], 16);
}
CX_LANES void words_of(V out[4], const V limbs[5]) {
  out[0] = limbs[0] | limbs[1] << 52;
  out[1] = _mm512_srli_epi64(limbs[1], 12) | limbs[2] << 40;
  out[2] = _mm512_srli_epi64(limbs[2], 24) | limbs[3] << 28;
  out[3] = _mm512_srli_epi64(limbs[3], 36) | limbs[4] << 16;
}

// Plain numbers below 2^256, a word of eight lanes to a row, W of them a stride apart.
template <int W>
CX_LANES Full<W> load_numbers(const uint64_t (*words)[8], size_t stride_bytes) {
  Full<W> out;
  for (int k = 0; k < W; ++k) {
    V w[4];
    for (int i = 0; i < 4; ++i)
      w[i] = _mm512_load_si512(reinterpret_cast<const uint8_t*>(words[i]) + k * stride_bytes);
    limbs_of(out.v[k], w);
  }
  return out;
}
template <int W>
CX_LANES AffinePoint<W> load_points(const uint8_t* const at[8 * W]) {
  AffinePoint<W> out;
  for (int k = 0; k < W; ++k) {
    V r[8];
    for (int lane = 0; lane < 8; ++lane) r[lane] = _mm512_load_si512(at[8 * k + lane]);
    transpose(r);
    limbs_of(out.x.v[k], r);
    limbs_of(out.y.v[k], r + 4);
  }
  return out;
}
// Canonical coordinates only.
template <int W>
CX_LANES void store_points(uint8_t* const at[8 * W], const AffinePoint<W>& point) {
  for (int k = 0; k < W; ++k) {
    V r[8];
    words_of(r, point.x.v[k]);
    words_of(r + 4, point.y.v[k]);
    transpose(r);
    for (int lane = 0; lane < 8; ++lane) _mm512_store_si512(at[8 * k + lane], r[lane]);
  }
}

// ---- the entries that a scalar chooses

// One addition: where the points of W * 8 lanes stand, and which to subtract.
template <int W>
struct alignas(64) Step {
  const uint8_t* at[8 * W];
  Mask negative;
};

// Entries of all blocks and columns for eight scalars; step (c, j) goes to steps[columns - 1 - c][j], vector
// k. row is the distance between columns in steps.
template <int W>
CX_LANES void choose_entries(const LaneComb& comb, const uint64_t (*digits)[8], uint8_t scalar_negative,
                             V table, int k, Step<W>* steps, int row) {
  V bits[6];  // one below, for the bits that a shift takes in
  bits[0] = _mm512_setzero_si512();
  for (int i = 0; i < 5; ++i) bits[i + 1] = _mm512_load_si512(digits[i]);
  const V index_mask = all(uint64_t(comb.entries() - 1));
  for (int j = 0; j < comb.blocks; ++j) {
    V tooth[16];  // the digits of each tooth, column columns - 1 in the highest bit
    for (int i = 0; i < comb.teeth; ++i) {
      const int last = (i * comb.blocks + j + 1) * comb.columns - 1;
      tooth[i] = _mm512_shldv_epi64(bits[last / 64 + 1], bits[last / 64], all(uint64_t(63 - last % 64)));
    }
    const V block = table + all(uint64_t(j) * comb.entries() * 64);
    for (int c = 0; c < comb.columns; ++c) {
      V index = _mm512_setzero_si512();
      for (int i = comb.teeth - 2; i >= 0; --i) {
        index = _mm512_shldi_epi64(index, tooth[i], 1);
        tooth[i] = tooth[i] << 1;
      }
      const __mmask8 negative = __mmask8(~_mm512_movepi64_mask(tooth[comb.teeth - 1]));
      tooth[comb.teeth - 1] = tooth[comb.teeth - 1] << 1;
      index = _mm512_mask_xor_epi64(index, negative, index, index_mask);
      Step<W>& step = steps[c * row + j];
      _mm512_store_si512(step.at + 8 * k, block + (index << 6));
      step.negative = (k ? step.negative : 0) | Mask(uint8_t(negative ^ scalar_negative)) << 8 * k;
    }
  }
}

template <int W>
CX_LANES void prefetch(const Step<W>& step) {
  for (int i = 0; i < 8 * W; ++i) _mm_prefetch(reinterpret_cast<const char*>(step.at[i]), _MM_HINT_T0);
}
template <int W>
CX_LANES void prefetch_far(const Step<W>& step) {
  for (int i = 0; i < 8 * W; ++i) _mm_prefetch(reinterpret_cast<const char*>(step.at[i]), _MM_HINT_T1);
}

}  // namespace
}  // namespace chengxin::sm2::impl
