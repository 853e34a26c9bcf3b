#pragma once
#include "sm2/impl/ifma_verify.h"

// Verification where the key has no table: P, 3P .. 31P are made for each signature, tP is a sum of 52
// windows of 5 bits, and the base's comb joins in the last four doublings.
namespace chengxin::sm2::impl {
namespace {

// The lanes whose x, y are on the curve; x, y < 1.0001.
template <int W>
CX_LANES Mask on_curve(const AffinePoint<W>& p) {
  const Operand<W> t = operand(plus_p<2>(sqr(p.x) - everywhere<W>(kThree)));  // 1 to 3.07
  const Loose<W> right = mul(t, p.x) + everywhere<W>(kCurveB);                // < 2.2
  return is_zero(plus_p<2>(right - sqr(p.y)));
}

// The keys of W vectors; G in the lanes where there is no point of the curve, whose bits are clear in `good`.
template <int W>
CX_LANES AffinePoint<W> load_keys(const uint64_t (*x)[8], const uint64_t (*y)[8], size_t stride_bytes,
                                  Mask& good) {
  const AffinePoint<W> p = {to_montgomery(load_numbers<W>(x, stride_bytes)),
                            to_montgomery(load_numbers<W>(y, stride_bytes))};
  good = on_curve(p);
  return {choose(good, everywhere<W>(kBaseX), p.x), choose(good, everywhere<W>(kBaseY), p.y)};
}

// The odd multiples of a point as they come, with denominators: entry i is (x / z^2, y / z^3) where z is the
// final z less the factors d of the entries above i.
template <int W>
struct OddMultiples {
  Operand<W> x[kWindowEntries], y[kWindowEntries], d[kWindowEntries];
  Operand<W> z, product_before;
  Mask good;
};

// P, 3P, .. by adding 2P, with both points kept on one common Z (Meloni, "New point addition formulae for ECC
// applications", 2007). No exception: P has the order n, so that 2P never equals +-(2i + 1)P.
template <int W>
[[gnu::noinline]] void make_multiples(OddMultiples<W>& out, const Lanes* lanes) {
  const AffinePoint<W> p = load_keys<W>(lanes->x, lanes->y, sizeof(Lanes), out.good);      // x, y < 1.0001
  const Operand<W> yy = operand(sqr(p.y));                                                 // < 1.07
  Full<W> x = folded(multiple<4>(mul(p.x, yy))), y = folded(multiple<8>(sqr(yy)));         // P on Z = 2y
  const Operand<W> m = operand(plus_p<3>(multiple<3>(sqr(p.x)) - everywhere<W>(kThree)));  // 2 to 6.3
  // 2P on the same Z
  Full<W> x2 = folded(plus_p<3>(sqr(m) - multiple<2>(x)));                 // from < 6.5
  Full<W> y2 = folded(plus_p<2>(mul(m, operand(plus_p<2>(x - x2))) - y));  // from < 4.2
  out.z = operand(multiple<2>(p.y));                                       // < 2.01
  out.x[0] = x, out.y[0] = y;
  for (int i = 1; i < kWindowEntries; ++i) {
    const Operand<W> d = operand(plus_p<2>(x2 - x));                  // 0.9 to 3.01
    const Operand<W> dd = operand(sqr(d));                            // < 1.57
    const Full<W> w2 = folded(mul(x2, dd));                           // 2P's X on the new Z
    const Loose<W> w = mul(x, dd);                                    // < 1.1
    const Operand<W> dy = operand(plus_p<2>(y2 - y));                 // 0.9 to 3.01
    const Full<W> v2 = folded(mul(y2, operand(plus_p<2>(w2 - w))));   // 2P's Y on the new Z
    x = folded(plus_p<3>(sqr(dy) - w2 - w));                          // from 0.8 to 4.6
    y = folded(plus_p<2>(mul(dy, operand(plus_p<2>(w2 - x))) - v2));  // from 0.9 to 3.6
    x2 = w2, y2 = v2;
    out.z = operand(mul(out.z, d));  // < 1.38
    out.x[i] = x, out.y[i] = y, out.d[i] = d;
  }
}

// 1 / z is below 1.4. Entry i of lane l of vector k goes to tables[k][i][l].
template <int W>
[[gnu::noinline]] void store_multiples(const OddMultiples<W>& in, Operand<W> z_inverse,
                                       uint8_t (*tables)[kWindowEntries][8][64]) {
  for (int i = kWindowEntries - 1; i >= 0; --i) {
    const Operand<W> zz = operand(sqr(z_inverse)), zzz = operand(mul(zz, z_inverse));  // < 1.13, < 1.1
    const AffinePoint<W> point = {canonical(mul(in.x[i], zz)), canonical(mul(in.y[i], zzz))};
    uint8_t* at[8 * W];
    for (int lane = 0; lane < 8 * W; ++lane) at[lane] = tables[lane / 8][i][lane % 8];
    store_points<W>(at, point);
    if (i > 0) z_inverse = operand(mul(z_inverse, in.d[i]));  // < 1.27
  }
}

// Window i of the scalars t: the entries and their signs.
template <int W>
CX_LANES void choose_window(Step<W>& step, const Lanes* lanes, const uint8_t (*tables)[kWindowEntries][8][64],
                            int i) {
  const int at = i * kWindowBits;
  const V lane_offset = _mm512_set_epi64(448, 384, 320, 256, 192, 128, 64, 0);
  step.negative = 0;
  for (int k = 0; k < W; ++k) {
    const V here = _mm512_load_si512(lanes[k].t[at / 64]);
    const V above = _mm512_load_si512(lanes[k].t[at / 64 < 4 ? at / 64 + 1 : 4]);
    const V bits = _mm512_shrdv_epi64(here, above, all(uint64_t(at % 64)));
    const __mmask8 negative = _mm512_testn_epi64_mask(bits, all(kWindowEntries));
    const V index = _mm512_mask_xor_epi64(bits, negative, bits, all(~uint64_t(0))) & all(kWindowEntries - 1);
    const V table = all(reinterpret_cast<uint64_t>(tables[k])) + lane_offset;
    _mm512_store_si512(step.at + 8 * k, table + (index << 9));
    step.negative |= Mask(uint8_t(negative ^ lanes[k].t_negative)) << 8 * k;
  }
}

template <int W>
[[gnu::noinline]] Xyzz<W> sum_unknown(const Lanes* lanes, const uint8_t (*tables)[kWindowEntries][8][64],
                                      const uint8_t* base) {
  Step<W> base_steps[kBaseComb.columns][kBaseComb.blocks];
  for (int k = 0; k < W; ++k)
    choose_entries<W>(kBaseComb, lanes[k].s, lanes[k].s_negative, all(reinterpret_cast<uint64_t>(base)), k,
                      base_steps[0], kBaseComb.blocks);
  Step<W> step;
  choose_window(step, lanes, tables, kWindows - 1);
  AffinePoint<W> b = load_points<W>(step.at);
  Jacobian<W> j = jacobian(AffinePoint<W>{b.x, negate(b.y, step.negative)});
  // No exception down to window 1: the sum is an odd multiple of P, below n / 32 + 1 in magnitude; 32 times
  // it is even, so that it differs from the odd digit, and by less than n.
  for (int i = kWindows - 2; i > 0; --i) {
    for (int d = 0; d < kWindowBits; ++d) double_point(j);
    choose_window(step, lanes, tables, i);
    b = load_points<W>(step.at);
    add(j, b, step.negative);
    if (i <= kBaseComb.columns * kBaseComb.blocks)
      prefetch_far(base_steps[(i - 1) / kBaseComb.blocks][(i - 1) % kBaseComb.blocks]);
  }
  for (int d = 0; d < kWindowBits - kBaseComb.columns; ++d) double_point(j);
  Xyzz<W> q = xyzz(j);
  for (auto& column : base_steps) {
    q = doubled(q);
    for (const Step<W>& s : column) {
      b = load_points<W>(s.at);
      add(q, b, s.negative);
    }
  }
  choose_window(step, lanes, tables, 0);
  b = load_points<W>(step.at);
  add(q, b, step.negative);
  return q;
}

// One inversion for all groups (Montgomery's trick).
template <int W>
void verify_groups_unknown(const Lanes* lanes, size_t groups, uint8_t (*tables)[kWindowEntries][8][64],
                           OddMultiples<W>* multiples, const uint8_t* base, uint8_t* verdicts) {
  if (groups == 0) return;
  Operand<W> product = everywhere<W>(kOne);
  for (size_t g = 0; g < groups; ++g) {
    make_multiples(multiples[g], lanes + g * W);
    multiples[g].product_before = product;
    product = operand(mul(product, multiples[g].z));  // < 1.2
  }
  Operand<W> inverse = invert(product);  // < 2, and < 1.2 further on
  for (size_t g = groups; g-- > 0;) {
    store_multiples(multiples[g], operand(mul(inverse, multiples[g].product_before)), tables + g * W);
    inverse = operand(mul(inverse, multiples[g].z));
  }
  for (size_t g = 0; g < groups; ++g) {
    const Mask fits = abscissa_fits(sum_unknown<W>(lanes + g * W, tables + g * W, base), lanes + g * W);
    put_verdicts<W>(fits & multiples[g].good, verdicts + g * W);
  }
}

void verify_unknown(IfmaWorkspace& work, size_t questions, const uint8_t* base, uint8_t* verdicts) {
  static_assert(sizeof(work.scratch) >= sizeof(OddMultiples<2>) * (kLanesAtOnce / 2));
  const size_t vectors = (questions + 7) / 8, pairs = vectors / 2, rest = 2 * pairs;
  verify_groups_unknown<2>(work.lanes, pairs, work.tables, reinterpret_cast<OddMultiples<2>*>(work.scratch),
                           base, verdicts);
  verify_groups_unknown<1>(work.lanes + rest, vectors % 2, work.tables + rest,
                           reinterpret_cast<OddMultiples<1>*>(work.scratch), base, verdicts + rest);
}

}  // namespace
}  // namespace chengxin::sm2::impl
