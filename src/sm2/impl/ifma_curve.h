#pragma once
#include "sm2/impl/ifma_field.h"

// Points of sm2p256v1 in eight lanes (times W), y^2 = x^3 - 3x + b, and their sums. Beside each step stand
// its bounds in multiples of p, given those of its operands.
//
// The sums are complete at hardly any cost. The general law fails where both points have the same x, and
// there H, the difference of the two abscissas, is 0; a cheap test of H sends the whole vector to mend(),
// which puts right the lanes that need it. Infinity is kept as all coordinates 0, for which H is 0 as well.
// Honest signatures never come there. A doubling needs no care: the order of the curve is odd, and infinity
// doubles to infinity.
namespace chengxin::sm2::impl {
namespace {

// x, y < p. What tables hold.
template <int W>
struct AffinePoint {
  Full<W> x, y;
};

// x = X / Z^2, y = Y / Z^3. Best for doubling. X < 1.0001, Y < 3.5, Z < 3.5
template <int W>
struct Jacobian {
  Full<W> x;
  Operand<W> y, z;
};

// x = X / ZZ, y = Y / ZZZ, ZZ^3 = ZZZ^2. Best for adding. X < 1.0001, Y < 3.5, ZZ < 2, ZZZ < 2
template <int W>
struct Xyzz {
  Full<W> x, y;
  Operand<W> zz, zzz;
};

// p - y in the lanes of the mask; y < p. The result is at most p.
template <int W>
CX_LANES Full<W> negate(const Full<W>& y, Mask mask) {
  Full<W> zero = {};
  return choose(mask, y, full(plus_p<1>(zero - y)));
}

template <int W>
CX_LANES Jacobian<W> jacobian(const AffinePoint<W>& a) {
  return {a.x, a.y, everywhere<W>(kOne)};
}
template <int W>
CX_LANES Xyzz<W> xyzz(const AffinePoint<W>& a) {
  return {a.x, a.y, everywhere<W>(kOne), everywhere<W>(kOne)};
}
template <int W>
CX_LANES Xyzz<W> xyzz(const Jacobian<W>& a) {
  const Operand<W> zz = operand(sqr(a.z));               // < 1.77
  return {a.x, masked(a.y), zz, operand(mul(a.z, zz))};  // zzz < 1.39
}

template <int W>
CX_LANES Xyzz<W> choose(Mask second, const Xyzz<W>& a, const Xyzz<W>& b) {
  return {choose(second, a.x, b.x), choose(second, a.y, b.y), choose(second, a.zz, b.zz),
          choose(second, a.zzz, b.zzz)};
}

// 4 multiplications, 4 squarings.
template <int W>
[[gnu::noinline]] void double_point(Jacobian<W>& q) {
  const Loose<W> delta = sqr(q.z);                                   // < 1.77
  const Operand<W> gamma = operand(sqr(q.y));                        // < 1.77
  const Operand<W> a = operand(plus_p<2>(q.x - delta));              // 0.2 to 3.01
  const Operand<W> b = operand(q.x + delta);                         // < 2.78
  const Full<W> alpha = folded(multiple<3>(mul(a, b)));              // from < 4.6 to < 1.0001
  const Loose<W> beta = mul(q.x, gamma);                             // < 1.12
  q.z = operand(multiple<2>(mul(q.y, q.z)));                         // < 2 (1 + 3.41 * 3.49 / 16) < 3.49
  q.x = folded(plus_p<9>(sqr(alpha) - multiple<8>(beta)));           // from 0 to 10.1, < 1.0001
  const Operand<W> d = operand(plus_p<2>(multiple<4>(beta) - q.x));  // 0.9 to 6.48
  // -8 gamma^2 / 16 > -1.57; alpha d / 16 + 1 < 1.41
  Loose<W> y = mul_minus_8_sqr(alpha, d, gamma);
  q.y = operand(plus_p<2>(y));  // 0.4 to 3.41
}

// 7 multiplications, 2 squarings.
template <int W>
[[gnu::noinline]] Xyzz<W> doubled(const Xyzz<W>& q) {
  Xyzz<W> out;
  const Operand<W> u = operand(multiple<2>(q.y));        // < 7
  const Operand<W> v = operand(sqr(u));                  // < 4.07
  const Operand<W> w = operand(mul(u, v));               // < 2.79
  const Loose<W> s = mul(q.x, v);                        // < 1.26
  const Full<W> zz = masked(q.zz);                       // < 2
  const Operand<W> a = operand(plus_p<2>(q.x - zz));     // 0 to 3.01
  const Operand<W> b = operand(q.x + zz);                // < 3.01
  const Operand<W> m = operand(multiple<3>(mul(a, b)));  // < 4.71
  out.x = folded(plus_p<3>(sqr(m) - multiple<2>(s)));    // from 0.4 to 5.4, < 1.0001
  const Operand<W> d = operand(plus_p<2>(s - out.x));    // 0.9 to 3.27
  // w y / 16 < 0.62; m d / 16 + 1 < 1.97
  out.y = full(plus_p<1>(mul_minus_mul(m, d, w, q.y)));  // 0.3 to 2.97
  out.zz = operand(mul(v, q.zz));                        // < 1.51
  out.zzz = operand(mul(w, q.zzz));                      // < 1.35
  return out;
}

// The lanes of `suspects` where H = 0, put right: `before` + `b` is to be `after`. r is +-S2 - Y, the
// difference of the ordinates.
template <int W>
[[gnu::noinline, gnu::cold]] void mend(Mask suspects, const Xyzz<W>& before, const AffinePoint<W>& b,
                                       Mask negative, const Operand<W>& h, const Operand<W>& r,
                                       Xyzz<W>& after) {
  count_mending();
  const Mask same_x = suspects & is_zero(masked(h) + Full<W>{});
  const Mask from_infinity = same_x & is_zero(masked(before.zz) + Full<W>{});
  const Mask same_y = same_x & is_zero(masked(r) + Full<W>{}) & ~from_infinity;
  after = choose(same_x, after, Xyzz<W>{});
  if (from_infinity) {
    after = choose(from_infinity, after, xyzz(AffinePoint<W>{b.x, negate(b.y, negative)}));
  }
  if (same_y) after = choose(same_y, after, doubled(before));
}

// q + b, or q - b in the lanes of `negative`. 8 multiplications, 2 squarings.
template <int W>
[[gnu::noinline]] void add(Xyzz<W>& q, const AffinePoint<W>& b, Mask negative) {
  const Loose<W> u2 = mul(b.x, q.zz);                 // < 1.13
  const Operand<W> h = operand(plus_p<2>(u2 - q.x));  // 0.9 to 3.13
  const Loose<W> s2 = mul(b.y, q.zzz);                // < 1.13
  const Full<W> zero = {};
  const Operand<W> r = operand(add_or_subtract(plus_p<5>(zero - q.y), s2, negative));  // 0.3 to 6.13
  const Operand<W> hh = operand(sqr(h));                                               // < 1.62
  const Full<W> hhh = full(mul(h, hh));                                                // < 1.32
  const Loose<W> v = mul(q.x, hh);                                                     // < 1.11
  Xyzz<W> out;
  out.x = folded(plus_p<4>(sqr(r) - hhh - multiple<2>(v)));  // from 0.4 to 7.4, < 1.0001
  const Operand<W> d = operand(plus_p<2>(v - out.x));        // 0.9 to 3.11
  // y hhh / 16 < 0.3; r d / 16 + 1 < 2.2
  out.y = full(plus_p<1>(mul_minus_mul(r, d, q.y, hhh)));  // 0.7 to 3.2
  out.zz = operand(mul(q.zz, hh));                         // < 1.21
  out.zzz = operand(mul(q.zzz, hhh));                      // < 1.17
  const Mask suspects = may_be_zero(h);
  if (suspects) [[unlikely]]
    mend(suspects, q, b, negative, h, r, out);
  q = out;
}

// The same in Jacobian coordinates, for sums that cannot meet an exception. 8 multiplications, 3 squarings.
template <int W>
[[gnu::noinline]] void add(Jacobian<W>& q, const AffinePoint<W>& b, Mask negative) {
  const Operand<W> zz = operand(sqr(q.z));            // < 1.77
  const Loose<W> u2 = mul(b.x, zz);                   // < 1.12
  const Operand<W> h = operand(plus_p<2>(u2 - q.x));  // 0.9 to 3.12
  const Operand<W> zzz = operand(mul(q.z, zz));       // < 1.39
  const Loose<W> s2 = mul(b.y, zzz);                  // < 1.09
  const Full<W> zero = {}, y = masked(q.y);
  const Operand<W> r = operand(add_or_subtract(plus_p<5>(zero - y), s2, negative));  // 0.4 to 6.09
  const Operand<W> hh = operand(sqr(h));                                             // < 1.62
  const Full<W> hhh = full(mul(h, hh));                                              // < 1.32
  const Loose<W> v = mul(q.x, hh);                                                   // < 1.11
  Jacobian<W> out;
  out.z = operand(mul(q.z, h));                              // < 1.69
  out.x = folded(plus_p<4>(sqr(r) - hhh - multiple<2>(v)));  // from 0.4 to 7.4, < 1.0001
  const Operand<W> d = operand(plus_p<2>(v - out.x));        // 0.9 to 3.11
  // y hhh / 16 < 0.3; r d / 16 + 1 < 2.2
  out.y = operand(plus_p<1>(mul_minus_mul(r, d, q.y, hhh)));  // 0.7 to 3.2
  q = out;
}

// a + b, both anything. 12 multiplications, 2 squarings; not for the inner loops.
template <int W>
[[gnu::noinline]] Xyzz<W> sum_of(const Xyzz<W>& a, const Xyzz<W>& b) {
  const Full<W> zero = {};
  const Full<W> u = full(mul(a.x, b.zz)), s = full(mul(a.y, b.zzz));  // < 1.13, < 1.44
  const Operand<W> h = operand(plus_p<2>(mul(b.x, a.zz) - u));        // 0.8 to 3.13
  const Operand<W> r = operand(plus_p<2>(mul(b.y, a.zzz) - s));       // 0.5 to 3.44
  const Operand<W> hh = operand(sqr(h));                              // < 1.62
  const Full<W> hhh = full(mul(h, hh));                               // < 1.32
  const Loose<W> v = mul(u, hh);                                      // < 1.12
  Xyzz<W> out;
  out.x = folded(plus_p<4>(sqr(r) - hhh - multiple<2>(v)));  // from 0.4 to 5.8, < 1.0001
  const Operand<W> d = operand(plus_p<2>(v - out.x));        // 0.9 to 3.12
  out.y = full(plus_p<1>(mul_minus_mul(r, d, s, hhh)));      // 0.8 to 2.7
  out.zz = operand(mul(operand(mul(a.zz, b.zz)), hh));       // < 1.13
  out.zzz = operand(mul(operand(mul(a.zzz, b.zzz)), hhh));   // < 1.11
  const Mask suspects = may_be_zero(h);
  if (suspects) [[unlikely]] {
    count_mending();
    const Mask same_x = suspects & is_zero(masked(h) + zero);
    const Mask a_infinite = same_x & is_zero(masked(a.zz) + zero);
    const Mask b_infinite = same_x & is_zero(masked(b.zz) + zero) & ~a_infinite;
    const Mask same_y = same_x & is_zero(masked(r) + zero) & ~a_infinite & ~b_infinite;
    out = choose(same_x, out, Xyzz<W>{});
    out = choose(a_infinite, out, b);
    out = choose(b_infinite, out, a);
    out = choose(same_y, out, doubled(a));
  }
  return out;
}

}  // namespace
}  // namespace chengxin::sm2::impl
