// kG in eight lanes and in constant time; compiled for AVX-512 (CMakeLists.txt). Includes no header but its
// own.
#if defined(__x86_64__)
#include "sm2/impl/sign_ifma_kernel.h"

#include "sm2/impl/ifma_verify.h"

namespace chengxin::sm2::impl {
namespace {

// row[index] in each lane, index < 32. The permutations take all of the row into registers.
CX_LANES V entry_of(const uint64_t* row, V index, __mmask8 upper_half) {
  V part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_load_si512(row + 8 * i);
  const V lower = _mm512_permutex2var_epi64(part[0], index, part[1]);  // by the four low bits of the index
  const V upper = _mm512_permutex2var_epi64(part[2], index, part[3]);
  return _mm512_mask_mov_epi64(lower, upper_half, upper);
}

// What the digits of eight scalars choose for a block and column; a set bit of `negative`: to subtract.
CX_LANES AffinePoint<1> entry_of(const SignTable& table, const SignLanes& lanes, int block, int column,
                                 Mask& negative) {
  static_assert(kSignRow == 32);
  V signs = _mm512_setzero_si512();
#pragma GCC unroll 6
  for (int tooth = 0; tooth < kSignTeeth; ++tooth) {
    const int at = column + kSignColumns * (block + kSignBlocks * tooth);
    const V word = _mm512_load_si512(lanes.digits[at / 64]);
    signs |= (_mm512_srli_epi64(word, at % 64) & all(1)) << tooth;
  }
  const __mmask8 last_minus = _mm512_testn_epi64_mask(signs, all(kSignRow));
  const V index = _mm512_mask_xor_epi64(signs, last_minus, signs, all(2 * kSignRow - 1)) & all(kSignRow - 1);
  const __mmask8 upper_half = _mm512_test_epi64_mask(index, all(kSignRow / 2));
  AffinePoint<1> out;
  for (int i = 0; i < 5; ++i) {
    out.x.v[0][i] = entry_of(table.limb[block][i], index, upper_half);
    out.y.v[0][i] = entry_of(table.limb[block][5 + i], index, upper_half);
  }
  negative = Mask(last_minus) ^ Mask(lanes.negative);
  return out;
}

// add() of ifma_curve.h, with its bounds, but without its look for exceptions: where there is one, zz and zzz
// become zero, and stay so through all that follows.
CX_LANES void add_unchecked(Xyzz<1>& q, const AffinePoint<1>& b, Mask negative) {
  const Operand<1> h = operand(plus_p<2>(mul(b.x, q.zz) - q.x));
  const Full<1> zero = {};
  const Loose<1> s2 = mul(b.y, q.zzz);
  const Operand<1> r = operand(add_or_subtract(plus_p<5>(zero - q.y), s2, negative));
  const Operand<1> hh = operand(sqr(h));
  const Full<1> hhh = full(mul(h, hh));
  const Loose<1> v = mul(q.x, hh);
  const Full<1> x = folded(plus_p<4>(sqr(r) - hhh - multiple<2>(v)));
  const Operand<1> d = operand(plus_p<2>(v - x));
  q.y = full(plus_p<1>(mul_minus_mul(r, d, q.y, hhh)));
  q.zz = operand(mul(q.zz, hh));
  q.zzz = operand(mul(q.zzz, hhh));
  q.x = x;
}

[[gnu::noinline]] void walk(const SignTable& table, const SignLanes& lanes, Xyzz<1>& sum) {
  Mask negative;
  const AffinePoint<1> first = entry_of(table, lanes, 0, kSignColumns - 1, negative);
  sum = xyzz(AffinePoint<1>{first.x, negate(first.y, negative)});
#pragma GCC unroll 4
  for (int column = kSignColumns - 1; column >= 0; --column) {
    if (column < kSignColumns - 1) sum = doubled(sum);
    for (int block = column == kSignColumns - 1; block < kSignBlocks; ++block) {
      const AffinePoint<1> point = entry_of(table, lanes, block, column, negative);
      add_unchecked(sum, point, negative);
    }
  }
}

// The plain abscissa, and whether it makes a point of the curve with the ordinate: asked of the number that
// leaves, not of the one it was made from.
CX_LANES void finish(const Xyzz<1>& q, const Operand<1>& inverse_zzz, SignLanes& lanes) {
  constexpr Constant kPlainOne = {{1, 0, 0, 0, 0}};
  const Operand<1> z = operand(mul(inverse_zzz, q.zz));
  const Operand<1> ax = operand(mul(q.x, operand(sqr(z))));
  const Operand<1> y = operand(mul(q.y, inverse_zzz));
  const Full<1> plain = canonical(mul(ax, everywhere<1>(kPlainOne)));
  const Full<1> x = to_montgomery(plain);                                                    // < 1.0001
  const Loose<1> right = mul(x, operand(sqr(x))) - multiple<3>(x) + everywhere<1>(kCurveB);  // -3.1 to 2.2
  lanes.on_curve = is_zero(plus_p<3>(sqr(y) - right));                                       // > 0.8, < 7.4
  V words[4];
  words_of(words, plain.v[0]);
  for (int i = 0; i < 4; ++i) _mm512_store_si512(lanes.x[i], words[i]);
}

#define CX_CLEAR_4(a, b, c, d)                                                                            \
  asm volatile("vpxorq %%zmm" #a ", %%zmm" #a ", %%zmm" #a "\n vpxorq %%zmm" #b ", %%zmm" #b ", %%zmm" #b \
               "\n"                                                                                       \
               "vpxorq %%zmm" #c ", %%zmm" #c ", %%zmm" #c "\n vpxorq %%zmm" #d ", %%zmm" #d ", %%zmm" #d \
               :                                                                                          \
               :                                                                                          \
               : "xmm" #a, "xmm" #b, "xmm" #c, "xmm" #d)

CX_LANES void clear_registers() {
  CX_CLEAR_4(0, 1, 2, 3);
  CX_CLEAR_4(4, 5, 6, 7);
  CX_CLEAR_4(8, 9, 10, 11);
  CX_CLEAR_4(12, 13, 14, 15);
  CX_CLEAR_4(16, 17, 18, 19);
  CX_CLEAR_4(20, 21, 22, 23);
  CX_CLEAR_4(24, 25, 26, 27);
  CX_CLEAR_4(28, 29, 30, 31);
  asm volatile(
      "kxorq %%k1, %%k1, %%k1\n kxorq %%k2, %%k2, %%k2\n kxorq %%k3, %%k3, %%k3\n kxorq %%k4, %%k4, %%k4\n"
      "kxorq %%k5, %%k5, %%k5\n kxorq %%k6, %%k6, %%k6\n kxorq %%k7, %%k7, %%k7\n kxorq %%k0, %%k0, %%k0"
      :
      :
      : "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7");
}
#undef CX_CLEAR_4

}  // namespace

void multiply_in_lanes(const SignTable& table, SignLanes* lanes, size_t vectors) {
  Xyzz<1> sums[kSignVectors];
  Operand<1> before[kSignVectors];
  Operand<1> product = everywhere<1>(kOne);
  for (size_t i = 0; i < vectors; ++i) {
    walk(table, lanes[i], sums[i]);
    before[i] = product;
    product = operand(mul(product, sums[i].zzz));
  }
  Operand<1> inverse = invert(product);
  for (size_t i = vectors; i-- > 0;) {
    finish(sums[i], operand(mul(inverse, before[i])), lanes[i]);
    inverse = operand(mul(inverse, sums[i].zzz));
  }
  clear_registers();
}

void select_wide(const TablePoint* row, size_t count, uint32_t index, TablePoint& out) {
  const auto* entries = reinterpret_cast<const uint8_t*>(row);
  V found[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  for (size_t i = 0; i < count; i += 2) {
#pragma GCC unroll 2
    for (size_t j = 0; j < 2; ++j) {
      const uint64_t same = 0 - ((uint64_t(uint32_t(i + j) ^ index) - 1) >> 63);
      found[j] |= _mm512_load_si512(entries + 64 * (i + j)) & all(same);
    }
  }
  _mm512_storeu_si512(&out, found[0] | found[1]);
}

}  // namespace chengxin::sm2::impl
#endif
