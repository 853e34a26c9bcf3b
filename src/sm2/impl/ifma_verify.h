#pragma once
#include "sm2/impl/ifma_comb.h"

// Verification of eight signatures to a vector, W vectors side by side: sG + tP, whose abscissa must be r - e
// mod n. No final inversion: r - e, and r - e + n where that is below p, are multiplied by ZZ instead.
namespace chengxin::sm2::impl {
namespace {

template <int W>
CX_LANES Full<W> to_montgomery(const Full<W>& plain) {
  return folded(mul(plain, everywhere<W>(kRR)));
}

// A bit per lane of W vectors.
template <int W>
CX_LANES Mask gather(const Lanes* lanes, uint8_t Lanes::*bits) {
  Mask out = 0;
  for (int k = 0; k < W; ++k) out |= Mask(lanes[k].*bits) << 8 * k;
  return out;
}

// Whether the abscissa of q, not infinity, is one of the two that r - e allows.
template <int W>
CX_LANES Mask abscissa_fits(const Xyzz<W>& q, const Lanes* lanes) {
  const auto equals = [&](const uint64_t(*number)[8]) {
    const Full<W> x = to_montgomery(load_numbers<W>(number, sizeof(Lanes)));
    return is_zero(plus_p<2>(mul(x, q.zz) - q.x));
  };
  Mask fits = equals(lanes->target);
  const Mask second = gather<W>(lanes, &Lanes::has_second);
  if (second) [[unlikely]]
    fits |= second & equals(lanes->second);
  const Full<W> zero = {};
  return fits & ~is_zero(masked(q.zz) + zero) & gather<W>(lanes, &Lanes::valid);
}

// ---- keys with a table: both combs over the same doublings, the base's in the last columns

template <const LaneComb& comb, int W>
struct Plan {
  static constexpr int kRow = comb.blocks + kBaseComb.blocks;
  // The steps of column c, from the highest column down.
  static constexpr int row(int c) { return c < comb.columns - kBaseComb.columns ? comb.blocks : kRow; }
  Step<W> step[comb.columns][kRow];
};

template <const LaneComb& comb, int W>
[[gnu::noinline]] void make_plan(Plan<comb, W>& plan, const Lanes* lanes, const uint8_t* base) {
  constexpr int kRow = Plan<comb, W>::kRow;
  for (int k = 0; k < W; ++k) {
    const Lanes& l = lanes[k];
    choose_entries<W>(comb, l.t, l.t_negative, _mm512_load_si512(l.table), k, plan.step[0], kRow);
    choose_entries<W>(kBaseComb, l.s, l.s_negative, all(reinterpret_cast<uint64_t>(base)), k,
                      plan.step[comb.columns - kBaseComb.columns] + comb.blocks, kRow);
  }
}

// While one plan is carried out, the points of the next are fetched.
template <const LaneComb& comb, int W>
[[gnu::noinline]] Xyzz<W> carry_out(const Plan<comb, W>& plan, const Plan<comb, W>* next) {
  const Step<W>& first = plan.step[0][0];
  AffinePoint<W> b = load_points<W>(first.at);
  Xyzz<W> q = xyzz(AffinePoint<W>{b.x, negate(b.y, first.negative)});
  if (next) prefetch_far(next->step[0][0]);
  for (int c = 0; c < comb.columns; ++c) {
    if (c > 0) q = doubled(q);
    for (int j = c == 0; j < Plan<comb, W>::row(c); ++j) {
      if (next) prefetch_far(next->step[c][j]);
      b = load_points<W>(plan.step[c][j].at);
      add(q, b, plan.step[c][j].negative);
    }
  }
  return q;
}

template <int W>
void put_verdicts(Mask fits, uint8_t* verdicts) {
  for (int k = 0; k < W; ++k) verdicts[k] = uint8_t(fits >> 8 * k);
}

// `groups` groups of W vectors.
template <const LaneComb& comb, int W>
void verify_groups_known(const Lanes* lanes, size_t groups, const uint8_t* base, uint8_t* verdicts) {
  Plan<comb, W> plans[2];
  if (groups) {
    make_plan(plans[0], lanes, base);
    for (int c = 0; c < comb.columns; ++c)
      for (int j = 0; j < Plan<comb, W>::row(c); ++j) prefetch_far(plans[0].step[c][j]);
  }
  for (size_t g = 0; g < groups; ++g) {
    const Plan<comb, W>& plan = plans[g % 2];
    Plan<comb, W>* next = g + 1 < groups ? &plans[(g + 1) % 2] : nullptr;
    if (next) make_plan(*next, lanes + (g + 1) * W, base);
    put_verdicts<W>(abscissa_fits(carry_out(plan, next), lanes + g * W), verdicts + g * W);
  }
}
}  // namespace
}  // namespace chengxin::sm2::impl
