#pragma once
#include <immintrin.h>
#include <stdint.h>

// The field of sm2p256v1 in eight lanes: p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
//
// For the vector translation units only. Everything is in an unnamed namespace, and nothing but the
// compiler's intrinsics is included, so that no function compiled for AVX-512 can be the copy that the linker
// keeps for code that runs elsewhere.
//
// An element is five limbs of 52 bits, limb i weighs 2^(52 i); a vector holds one limb of eight elements, and
// Element<W> holds W such vectors of elements, on which every operation works in turn: two of them hide the
// latency of the multiplier. Elements are in Montgomery form with R = 2^260.
//
// Forms, told apart by type. Bounds are stated in multiples of p; 2^260 is a little above 16 p.
//   Loose    what adding, subtracting and multiplying leave: limbs are signed and may exceed 52 bits
//            (below 2^60); only the sum over limbs means something, and it may be negative.
//   Operand  carries have run, so limb 4 is the true top (0 <= limb 4 < 2^52, hence 0 <= value < 16 p), but
//            the bits above 52 of limbs 0..3, carried already, are still there. The multiplier ignores them;
//            an addition would count them twice, so it does not compile.
//   Full     an Operand without those bits; good for both.
namespace chengxin::sm2::impl {
namespace {

#define CX_LANES [[gnu::always_inline]] inline

using V = __m512i;  // + - & | << and the arithmetic >> work on its eight 64-bit lanes

constexpr uint64_t kMask52 = (uint64_t(1) << 52) - 1;
constexpr uint64_t kMask48 = (uint64_t(1) << 48) - 1;

// A 256-bit constant in limbs.
struct Constant {
  uint64_t limb[5];
};
constexpr Constant constant(uint64_t w3, uint64_t w2, uint64_t w1, uint64_t w0) {
  return {{w0 & kMask52, (w0 >> 52 | w1 << 12) & kMask52, (w1 >> 40 | w2 << 24) & kMask52,
           (w2 >> 28 | w3 << 36) & kMask52, w3 >> 16}};
}
constexpr Constant kModulus =
    constant(0xFFFFFFFEFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF);
constexpr Constant kOne =  // R mod p
    constant(0x0000001000000000, 0x0000000000000000, 0x0000000FFFFFFFF0, 0x0000000000000010);
constexpr Constant kRR =  // R^2 mod p, to enter Montgomery form
    constant(0x0000040000000200, 0x0000010000000100, 0x000002FFFFFFFF00, 0x0000020000000300);
constexpr Constant kThree =  // 3 R mod p
    constant(0x0000003000000000, 0x0000000000000000, 0x0000002FFFFFFFD0, 0x0000000000000030);
constexpr Constant kCurveB =  // b R mod p
    constant(0x40FE188DA20E2C85, 0x27981505EA51C3C7, 0x1CF379B09B537AB7, 0x0D230632BC0DD422);
constexpr Constant kBaseX =  // G, times R
    constant(0x1167A5F71C13B05D, 0x6A1ED99AC24C3C33, 0xE7981EE6CA6C04FD, 0x1328990F418029E9);
constexpr Constant kBaseY =  // G, times R
    constant(0x3CD65D4E1D735BD8, 0xD4CFB066E2A48F8C, 0x1F5E578ED3295FA6, 0x1354E593C2D0DDD6);

CX_LANES V all(uint64_t value) { return _mm512_set1_epi64((long long)value); }
// accumulator + the low, or high, 52 bits of the 104-bit product of the low 52 bits of a and b
CX_LANES V low(V accumulator, V a, V b) { return _mm512_madd52lo_epu64(accumulator, a, b); }
CX_LANES V high(V accumulator, V a, V b) { return _mm512_madd52hi_epu64(accumulator, a, b); }

enum class Form { loose, operand, full };
template <int W, Form form>
struct Element {
  V v[W][5];
};
template <int W>
struct Element<W, Form::full> {
  V v[W][5];
  CX_LANES operator Element<W, Form::operand>() const {
    Element<W, Form::operand> out;
    for (int k = 0; k < W; ++k)
      for (int i = 0; i < 5; ++i) out.v[k][i] = v[k][i];
    return out;
  }
};
template <int W>
using Loose = Element<W, Form::loose>;
template <int W>
using Operand = Element<W, Form::operand>;
template <int W>
using Full = Element<W, Form::full>;

// One bit per lane of W vectors, the first vector in the low byte.
using Mask = uint32_t;

#ifdef CHENGXIN_SM2_CHECK_BOUNDS
uint64_t operands_checked = 0, bounds_broken = 0, mendings = 0;
template <int W, Form form>
void check(const Element<W, form>& a) {
  for (int k = 0; k < W; ++k) {
    Mask broken = _mm512_cmpgt_epu64_mask(a.v[k][4], all(kMask52));
    for (int i = 0; form == Form::full && i < 4; ++i)
      broken |= _mm512_cmpgt_epu64_mask(a.v[k][i], all(kMask52));
    operands_checked += 8;
    bounds_broken += broken != 0;
  }
}
void count_mending() { ++mendings; }
#else
CX_LANES void count_mending() {}
template <int W, Form form>
CX_LANES void check(const Element<W, form>&) {}
#endif

// ---- sums

template <int W, Form A, Form B>
CX_LANES Loose<W> operator+(const Element<W, A>& a, const Element<W, B>& b) {
  static_assert(A != Form::operand && B != Form::operand);
  Loose<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i] + b.v[k][i];
  return out;
}
template <int W, Form A, Form B>
CX_LANES Loose<W> operator-(const Element<W, A>& a, const Element<W, B>& b) {
  static_assert(A != Form::operand && B != Form::operand);
  Loose<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i] - b.v[k][i];
  return out;
}
// times * a, times one of 2, 3, 4, 8
template <int times, int W, Form A>
CX_LANES Loose<W> multiple(const Element<W, A>& a) {
  static_assert(A != Form::operand);
  Loose<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) {
      const V v = a.v[k][i];
      out.v[k][i] = times == 3 ? v + v + v : v << (times == 2 ? 1 : times == 4 ? 2 : 3);
    }
  return out;
}
// a + times * p: the way to keep a difference positive.
template <int times, int W, Form A>
CX_LANES Loose<W> plus_p(const Element<W, A>& a) {
  static_assert(A != Form::operand);
  Loose<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i] + all(times * kModulus.limb[i]);
  return out;
}
// a + b, or a - b in the lanes of the mask.
template <int W, Form A, Form B>
CX_LANES Loose<W> add_or_subtract(const Element<W, A>& a, const Element<W, B>& b, Mask subtract) {
  static_assert(A != Form::operand && B != Form::operand);
  Loose<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i)
      out.v[k][i] =
          _mm512_mask_sub_epi64(a.v[k][i] + b.v[k][i], __mmask8(subtract >> 8 * k), a.v[k][i], b.v[k][i]);
  return out;
}

// ---- from one form to another; values do not change unless folded

CX_LANES void carry(V v[5]) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) v[i + 1] += v[i] >> 52;
}
CX_LANES void carry_and_mask(V v[5]) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i + 1] += v[i] >> 52;
    v[i] &= all(kMask52);
  }
}
// Takes off what is above 2^256, h * 2^256, and adds h * (2^224 + 2^96 - 2^64 + 1), which is the same mod p.
// From any value from 0 to 2^12 p to one from 0 to p (1 + 2^-19), which we call 1.0001 p.
CX_LANES void fold(V v[5]) {
  const V h = v[4] >> 48;
  v[4] = (v[4] & all(kMask48)) + (h << 16);
  v[0] += h;
  v[1] += (h << 44) - (h << 12);
}

template <int W>
CX_LANES Operand<W> operand(const Loose<W>& a) {
  Operand<W> out;
  for (int k = 0; k < W; ++k) {
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i];
    carry(out.v[k]);
  }
  return out;
}
template <int W>
CX_LANES Full<W> full(const Loose<W>& a) {
  Full<W> out;
  for (int k = 0; k < W; ++k) {
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i];
    carry_and_mask(out.v[k]);
  }
  return out;
}
template <int W>
CX_LANES Full<W> masked(const Operand<W>& a) {
  Full<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) out.v[k][i] = i < 4 ? a.v[k][i] & all(kMask52) : a.v[k][i];
  return out;
}
template <int W>
CX_LANES Operand<W> folded_operand(const Loose<W>& a) {
  Operand<W> out;
  for (int k = 0; k < W; ++k) {
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i];
    fold(out.v[k]);
    carry(out.v[k]);
  }
  return out;
}
template <int W>
CX_LANES Full<W> folded(const Loose<W>& a) {
  Full<W> out;
  for (int k = 0; k < W; ++k) {
    for (int i = 0; i < 5; ++i) out.v[k][i] = a.v[k][i];
    fold(out.v[k]);
    carry_and_mask(out.v[k]);
  }
  return out;
}

// ---- products

// z = a * b, ten limbs of weights 2^(52 i), each below 10 * 2^52.
CX_LANES void product(V z[10], const V a[5], const V b[5]) {
  for (int i = 0; i < 10; ++i) z[i] = _mm512_setzero_si512();
#pragma GCC unroll 10
  for (int k = 0; k < 10; ++k) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) {
      if (k - i >= 0 && k - i < 5) z[k] = low(z[k], a[i], b[k - i]);
      if (k - 1 - i >= 0 && k - 1 - i < 5) z[k] = high(z[k], a[i], b[k - 1 - i]);
    }
  }
}
CX_LANES void square(V z[10], const V a[5]) {
  for (int i = 0; i < 10; ++i) z[i] = _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int k = 1; k < 9; ++k) {
#pragma GCC unroll 5
    for (int i = 0; i < 5; ++i) {
      if (k - i > i && k - i < 5) z[k] = low(z[k], a[i], a[k - i]);
      if (k - 1 - i > i && k - 1 - i < 5) z[k] = high(z[k], a[i], a[k - 1 - i]);
    }
    z[k] += z[k];
  }
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    z[2 * i] = low(z[2 * i], a[i], a[i]);
    z[2 * i + 1] = high(z[2 * i + 1], a[i], a[i]);
  }
}
// Montgomery's reduction. As p = -1 mod 2^52, the multiple of p that clears limb i is limb i itself, q:
//   q p + q = q * (2^64 - 2^96) + q * (2^256 - 2^224), and in limbs relative to i
//           = -q * (2^44 - 2^12) at limb 1  +  q * (2^48 - 2^16) at limb 4.
// Subtracted and added parts are gathered apart. From T it makes (T + Q p) / R with 0 <= Q < R: a value from
// T / R to T / R + p. With a < ka p and b < kb p, a * b gives less than (1 + ka kb / 16) p.
CX_LANES void reduce(V out[5], V z[10]) {
  const V minus_factor = all((uint64_t(1) << 44) - (uint64_t(1) << 12));
  const V plus_factor = all((uint64_t(1) << 48) - (uint64_t(1) << 16));
  V minus[7];
  for (int i = 0; i < 7; ++i) minus[i] = _mm512_setzero_si512();
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    if (i > 0) z[i] -= minus[i];
    z[i + 1] += z[i] >> 52;
    minus[i + 1] = low(minus[i + 1], z[i], minus_factor);
    minus[i + 2] = high(minus[i + 2], z[i], minus_factor);
    z[i + 4] = low(z[i + 4], z[i], plus_factor);
    z[i + 5] = high(z[i + 5], z[i], plus_factor);
  }
  out[0] = z[5] - minus[5];
  out[1] = z[6] - minus[6];
  for (int i = 2; i < 5; ++i) out[i] = z[5 + i];
}

template <int W, Form A, Form B>
CX_LANES Loose<W> mul(const Element<W, A>& a, const Element<W, B>& b) {
  static_assert(A != Form::loose && B != Form::loose);
  check(a), check(b);
  Loose<W> out;
  for (int k = 0; k < W; ++k) {
    V z[10];
    product(z, a.v[k], b.v[k]);
    reduce(out.v[k], z);
  }
  return out;
}
template <int W, Form A>
CX_LANES Loose<W> sqr(const Element<W, A>& a) {
  static_assert(A != Form::loose);
  check(a);
  Loose<W> out;
  for (int k = 0; k < W; ++k) {
    V z[10];
    square(z, a.v[k]);
    reduce(out.v[k], z);
  }
  return out;
}
// a b - c d with one reduction: from -(c d) / R to (a b) / R + p.
template <int W, Form A, Form B, Form C, Form D>
CX_LANES Loose<W> mul_minus_mul(const Element<W, A>& a, const Element<W, B>& b, const Element<W, C>& c,
                                const Element<W, D>& d) {
  static_assert(A != Form::loose && B != Form::loose && C != Form::loose && D != Form::loose);
  check(a), check(b), check(c), check(d);
  Loose<W> out;
  for (int k = 0; k < W; ++k) {
    V z[10], y[10];
    product(z, a.v[k], b.v[k]);
    product(y, c.v[k], d.v[k]);
    for (int i = 0; i < 10; ++i) z[i] -= y[i];
    reduce(out.v[k], z);
  }
  return out;
}
// a b - 8 c^2 with one reduction: from -(8 c^2) / R to (a b) / R + p.
template <int W, Form A, Form B, Form C>
CX_LANES Loose<W> mul_minus_8_sqr(const Element<W, A>& a, const Element<W, B>& b, const Element<W, C>& c) {
  static_assert(A != Form::loose && B != Form::loose && C != Form::loose);
  check(a), check(b), check(c);
  Loose<W> out;
  for (int k = 0; k < W; ++k) {
    V z[10], y[10];
    product(z, a.v[k], b.v[k]);
    square(y, c.v[k]);
    for (int i = 0; i < 10; ++i) z[i] -= y[i] << 3;
    reduce(out.v[k], z);
  }
  return out;
}

// ---- whole elements

template <int W>
CX_LANES Full<W> everywhere(const Constant& c) {
  Full<W> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i) out.v[k][i] = all(c.limb[i]);
  return out;
}
template <int W, Form form>
CX_LANES Element<W, form> choose(Mask second, const Element<W, form>& a, const Element<W, form>& b) {
  Element<W, form> out;
  for (int k = 0; k < W; ++k)
    for (int i = 0; i < 5; ++i)
      out.v[k][i] = _mm512_mask_mov_epi64(a.v[k][i], __mmask8(second >> 8 * k), b.v[k][i]);
  return out;
}

// The lanes where a = 0 mod p; 0 <= a < 2^12 p. Once folded it can only be 0 or p.
template <int W>
CX_LANES Mask is_zero(const Loose<W>& a) {
  Mask out = 0;
  const Full<W> f = folded(a);
  for (int k = 0; k < W; ++k) {
    V any = _mm512_setzero_si512(), not_p = any;
    for (int i = 0; i < 5; ++i) {
      any |= f.v[k][i];
      not_p |= f.v[k][i] ^ all(kModulus.limb[i]);
    }
    out |= Mask(_mm512_testn_epi64_mask(any, any) | _mm512_testn_epi64_mask(not_p, not_p)) << 8 * k;
  }
  return out;
}
// A cheap superset of the lanes where a = 0 mod p, 0 <= a < 4 p: low limbs of 0, p, 2p, 3p are 0, -1, -2, -3.
// A lane that is not zero gets in by a chance of 2^-50.
template <int W>
CX_LANES Mask may_be_zero(const Operand<W>& a) {
  Mask out = 0;
  for (int k = 0; k < W; ++k)
    out |= Mask(_mm512_testn_epi64_mask(a.v[k][0] + all(3), all(kMask52 & ~uint64_t(3)))) << 8 * k;
  return out;
}

// The one value from 0 to p - 1; 0 <= a < 2^12 p.
template <int W>
CX_LANES Full<W> canonical(const Loose<W>& a) {
  Full<W> out = folded(a);
  for (int k = 0; k < W; ++k) {
    V less[5];
    for (int i = 0; i < 5; ++i) less[i] = out.v[k][i] - all(kModulus.limb[i]);
    carry_and_mask(less);
    const __mmask8 negative = _mm512_movepi64_mask(less[4]);
    for (int i = 0; i < 5; ++i) out.v[k][i] = _mm512_mask_mov_epi64(less[i], negative, out.v[k][i]);
  }
  return out;
}

// a^count squarings
template <int W>
CX_LANES Operand<W> sqr_times(Operand<W> a, int count) {
  for (int i = 0; i < count; ++i) a = operand(sqr(a));
  return a;
}

// a^(p - 2), that is 1 / a, or 0 for 0. a < 2 p; the result is below 2 p, as is everything between.
template <int W>
[[gnu::noinline]] Operand<W> invert(const Operand<W>& a) {
  const auto times = [](const Operand<W>& x, const Operand<W>& y) { return operand(mul(x, y)); };
  // xN is a to the power of 2^N - 1
  const Operand<W> x2 = times(sqr_times(a, 1), a);
  const Operand<W> x4 = times(sqr_times(x2, 2), x2);
  const Operand<W> x6 = times(sqr_times(x4, 2), x2);
  const Operand<W> x8 = times(sqr_times(x4, 4), x4);
  const Operand<W> x16 = times(sqr_times(x8, 8), x8);
  const Operand<W> x24 = times(sqr_times(x16, 8), x8);
  const Operand<W> x30 = times(sqr_times(x24, 6), x6);
  const Operand<W> x31 = times(sqr_times(x30, 1), a);
  const Operand<W> x32 = times(sqr_times(x31, 1), a);
  // p - 2 = FFFFFFFE FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF 00000000 FFFFFFFF FFFFFFFD
  Operand<W> out = sqr_times(x31, 1);
  for (int i = 0; i < 4; ++i) out = times(sqr_times(out, 32), x32);
  out = sqr_times(out, 32);
  out = times(sqr_times(out, 32), x32);
  out = times(sqr_times(out, 30), x30);
  return times(sqr_times(out, 2), a);
}

}  // namespace
}  // namespace chengxin::sm2::impl
