#pragma once
#include "sm2/impl/field64.h"

// Points for the scalar engines, K independent ones in step: a single product leaves most of the processor
// idle while it waits for its carries, and the other lanes fill the gaps. F is the field. Additions are
// complete by case distinction, so not constant-time.
namespace chengxin::sm2::impl {

template <class F, int K>
struct Tights {
  Tight lane[K];
};
template <class F, int K>
struct Looses {
  Loose lane[K];
};

template <class F, int K>
[[gnu::always_inline]] inline Tights<F, K> operator*(const Tights<F, K>& a, const Tights<F, K>& b) {
  Tights<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::mul(a.lane[k], b.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline Tights<F, K> operator*(const Looses<F, K>& a, const Tights<F, K>& b) {
  Tights<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::mul(a.lane[k], b.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline Tights<F, K> sqr(const Tights<F, K>& a) {
  Tights<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::sqr(a.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline Tights<F, K> operator-(const Tights<F, K>& a, const Tights<F, K>& b) {
  Tights<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::sub(a.lane[k], b.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline Looses<F, K> operator+(const Tights<F, K>& a, const Tights<F, K>& b) {
  Looses<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::add(a.lane[k], b.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline Tights<F, K> three_halves(const Tights<F, K>& a) {
  Tights<F, K> out;
  for (int k = 0; k < K; ++k) out.lane[k] = F::three_halves(a.lane[k]);
  return out;
}
template <class F, int K>
[[gnu::always_inline]] inline bool any_zero(const Tights<F, K>& a) {
  bool any = false;
  for (int k = 0; k < K; ++k) any |= is_zero(a.lane[k]);
  return any;
}

struct alignas(64) TablePoint {  // affine, Montgomery form
  Tight x, y;
};

template <class F, int K>
struct AffineLanes {
  Tights<F, K> x, y;
};

template <class F, int K>
struct Jacobian {  // (x / z^2, y / z^3); z = 0: infinity
  Tights<F, K> x, y, z;
};

template <class F, int K>
struct Xyzz {  // (x / zz, y / zzz), zz^3 = zzz^2; zz = 0: infinity
  Tights<F, K> x, y, zz, zzz;
};

// 4 products, 4 squares. This is dbl-2001-b of the Explicit-Formulas Database scaled by 1/2, which spares
// most of the doublings of intermediates.
template <class F, int K>
void double_in_place(Jacobian<F, K>& p) {
  const auto delta = sqr(p.z), gamma = sqr(p.y);
  const auto beta = p.x * gamma;
  const auto slope = three_halves((p.x + delta) * (p.x - delta));
  p.z = p.y * p.z;
  p.x = sqr(slope) - beta - beta;
  p.y = slope * (beta - p.x) - sqr(gamma);
}

// 6 products, 3 squares: the same, with the powers of z kept.
template <class F, int K>
void double_in_place(Xyzz<F, K>& p) {
  const auto v = sqr(p.y);
  const auto w = p.y * v, s = p.x * v;
  const auto slope = three_halves((p.x + p.zz) * (p.x - p.zz));
  p.x = sqr(slope) - s - s;
  p.y = slope * (s - p.x) - sqr(v);
  p.zz = v * p.zz;
  p.zzz = w * p.zzz;
}

template <class F, int K>
Xyzz<F, K> with_powers(const Jacobian<F, K>& p) {
  const auto zz = sqr(p.z);
  return {p.x, p.y, zz, zz * p.z};
}

// What add() makes of a lane that its formula does not cover: an infinite sum, or one that is plus or minus
// the point.
template <class F>
void add_special(Xyzz<F, 1>& sum, const AffineLanes<F, 1>& point) {
  if (is_zero(sum.zz.lane[0])) {
    sum = {point.x, point.y, {{kOne}}, {{kOne}}};
  } else if (equal((point.y * sum.zzz).lane[0], sum.y.lane[0])) {
    double_in_place(sum);
  } else {
    sum = {{{kOne}}, {{kOne}}, {{kZero}}, {{kZero}}};
  }
}
template <class F>
void add_special(Jacobian<F, 1>& sum, const AffineLanes<F, 1>& point) {
  if (is_zero(sum.z.lane[0])) {
    sum = {point.x, point.y, {{kOne}}};
  } else if (equal((point.y * (sum.z * sqr(sum.z))).lane[0], sum.y.lane[0])) {
    double_in_place(sum);
  } else {
    sum = {{{kOne}}, {{kOne}}, {{kZero}}};
  }
}

// 8 products, 2 squares (madd-2008-s). h is the difference of the abscissas over sum.zz; where it is zero, or
// the sum was infinite, zz becomes zero and stays so through all that follows.
template <class F, int K>
[[gnu::always_inline]] inline void add_regular(Xyzz<F, K>& sum, const AffineLanes<F, K>& point,
                                               const Tights<F, K>& h) {
  const auto r = point.y * sum.zzz - sum.y;
  const auto hh = sqr(h);
  const auto hhh = h * hh, v = sum.x * hh;
  sum.x = sqr(r) - hhh - v - v;
  sum.y = r * (v - sum.x) - sum.y * hhh;
  sum.zz = sum.zz * hh;
  sum.zzz = sum.zzz * hhh;
}

// In constant time, for sums whose zz is looked at in the end.
template <class F, int K>
void add_unchecked(Xyzz<F, K>& sum, const AffineLanes<F, K>& point) {
  add_regular(sum, point, point.x * sum.zz - sum.x);
}

template <class F, int K>
void add(Xyzz<F, K>& sum, const AffineLanes<F, K>& point) {
  const auto h = point.x * sum.zz - sum.x;
  if (any_zero(h) || any_zero(sum.zz)) [[unlikely]] {
    for (int k = 0; k < K; ++k) {
      Xyzz<F, 1> one{{{sum.x.lane[k]}}, {{sum.y.lane[k]}}, {{sum.zz.lane[k]}}, {{sum.zzz.lane[k]}}};
      const AffineLanes<F, 1> other{{{point.x.lane[k]}}, {{point.y.lane[k]}}};
      if constexpr (K > 1) {
        add(one, other);
      } else {
        add_special(one, other);
      }
      sum.x.lane[k] = one.x.lane[0];
      sum.y.lane[k] = one.y.lane[0];
      sum.zz.lane[k] = one.zz.lane[0];
      sum.zzz.lane[k] = one.zzz.lane[0];
    }
    return;
  }
  add_regular(sum, point, h);
}

// 8 products, 3 squares.
template <class F, int K>
void add(Jacobian<F, K>& sum, const AffineLanes<F, K>& point) {
  const auto zz = sqr(sum.z);
  const auto h = point.x * zz - sum.x;
  if (any_zero(h) || any_zero(sum.z)) [[unlikely]] {
    for (int k = 0; k < K; ++k) {
      Jacobian<F, 1> one{{{sum.x.lane[k]}}, {{sum.y.lane[k]}}, {{sum.z.lane[k]}}};
      const AffineLanes<F, 1> other{{{point.x.lane[k]}}, {{point.y.lane[k]}}};
      if constexpr (K > 1) {
        add(one, other);
      } else {
        add_special(one, other);
      }
      sum.x.lane[k] = one.x.lane[0];
      sum.y.lane[k] = one.y.lane[0];
      sum.z.lane[k] = one.z.lane[0];
    }
    return;
  }
  const auto r = point.y * (sum.z * zz) - sum.y;
  const auto hh = sqr(h);
  const auto hhh = h * hh, v = sum.x * hh;
  sum.z = sum.z * h;
  sum.x = sqr(r) - hhh - v - v;
  sum.y = r * (v - sum.x) - sum.y * hhh;
}

}  // namespace chengxin::sm2::impl
