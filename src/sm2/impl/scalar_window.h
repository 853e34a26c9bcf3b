#pragma once
#include "sm2/impl/number.h"
#include "sm2/impl/scalar_point.h"

// Tables of a point that is met once: its odd multiples 1, 3, … 31, affine, for signed digits of five bits.
namespace chengxin::sm2::impl {

inline constexpr int kWindow = 5, kWindowDigits = 52, kWindowRow = 1 << (kWindow - 1);

// The multiples of one point before the inversion that makes them affine. Neighbours share a denominator but
// for one factor (co-Z arithmetic: Meloni, "New point addition formulae for ECC applications", 2007).
template <class F, int K>
struct OddMultiples {
  Tights<F, K> x[kWindowRow], y[kWindowRow];  // over z_i^2, z_i^3
  Tights<F, K> factor[kWindowRow];            // z_i = z_(i-1) * factor_i
  Tights<F, K> z;                             // of the last
};

// For points of the curve. No difference below is zero: 2P is not plus or minus a smaller odd multiple of P,
// whose order is a prime.
template <class F, int K>
void multiply_odd(const AffineLanes<F, K>& point, OddMultiples<F, K>& out) {
  Tights<F, K> one;
  for (int k = 0; k < K; ++k) one.lane[k] = kOne;
  // 2P, and P with the denominator of 2P, which is y: the doubling above with z = 1.
  const auto yy = sqr(point.y);
  Tights<F, K> px = point.x * yy, py = sqr(yy);
  const auto slope = three_halves((point.x + one) * (point.x - one));
  Tights<F, K> dx = sqr(slope) - px - px;
  Tights<F, K> dy = slope * (px - dx) - py;
  out.x[0] = px;
  out.y[0] = py;
  out.z = out.factor[0] = point.y;
  for (int i = 1; i < kWindowRow; ++i) {  // adds 2P, and gives it the new denominator
    const auto h = dx - out.x[i - 1], r = dy - out.y[i - 1];
    const auto hh = sqr(h);
    const auto twice = dx * hh, last = out.x[i - 1] * hh;
    dy = dy * (twice - last);
    dx = twice;
    out.x[i] = sqr(r) - twice - last;
    out.y[i] = r * (twice - out.x[i]) - dy;
    out.factor[i] = h;
    out.z = out.z * h;
  }
}

// `inverse`: of multiples.z. Lane k's table goes to tables[k], kWindowRow points.
template <class F, int K>
void to_tables(const OddMultiples<F, K>& multiples, Tights<F, K> inverse, TablePoint* const* tables) {
  for (int i = kWindowRow - 1; i >= 0; --i) {
    const auto zz = sqr(inverse);
    const auto x = multiples.x[i] * zz, y = multiples.y[i] * (inverse * zz);
    for (int k = 0; k < K; ++k) tables[k][i] = {x.lane[k], y.lane[k]};
    inverse = inverse * multiples.factor[i];
  }
}

}  // namespace chengxin::sm2::impl
