#pragma once
#include "sm2/impl/ifma_verify.h"

// One signature of a key with a table, its blocks spread over the eight lanes: where a call has too few
// questions to fill a vector. Blocks of the key's comb, then of G's, go to lanes 0 .. 7, 0 .. 7 and so on;
// the eight sums are added at the end.
namespace chengxin::sm2::impl {
namespace {

// Lane i gets lane i + distance (mod 8).
CX_LANES Xyzz<1> rotated(const Xyzz<1>& q, int distance) {
  const V lanes = (_mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0) + all(uint64_t(distance))) & all(7);
  const auto turn = [&lanes](auto element) {
    for (V& limb : element.v[0]) limb = _mm512_permutexvar_epi64(lanes, limb);
    return element;
  };
  return {turn(q.x), turn(q.y), turn(q.zz), turn(q.zzz)};
}

// The sum for one lane of a plan, the same in all lanes of the result.
template <const LaneComb& comb>
[[gnu::noinline]] Xyzz<1> carry_out_single(const Plan<comb, 1>& plan, int lane) {
  for (int c = 0; c < comb.columns; ++c)
    for (int j = 0; j < Plan<comb, 1>::row(c); ++j)
      _mm_prefetch(reinterpret_cast<const char*>(plan.step[c][j].at[lane]), _MM_HINT_T0);
  Xyzz<1> q = {};
  Mask started = 0;  // a lane that is not does harmless sums
  for (int c = 0; c < comb.columns; ++c) {
    if (started) q = doubled(q);
    for (int first = 0; first < Plan<comb, 1>::row(c); first += 8) {
      Step<1> step;
      step.negative = 0;
      Mask active = 0;
      for (int i = 0; i < 8; ++i) {
        const int j = first + i;
        const bool present = j < Plan<comb, 1>::row(c);
        const Step<1>& from = plan.step[c][present ? j : 0];
        step.at[i] = from.at[lane];
        step.negative |= (from.negative >> lane & 1) << i;
        active |= Mask(present) << i;
      }
      const AffinePoint<1> b = load_points<1>(step.at);
      const Xyzz<1> start = xyzz(AffinePoint<1>{b.x, negate(b.y, step.negative)});
      Xyzz<1> sum = q;
      if (started) add(sum, b, step.negative);
      q = choose(active, q, sum);
      q = choose(active & ~started, q, start);
      if (!started) q = start;
      started |= active;
    }
  }
  for (int distance = 4; distance > 0; distance /= 2) q = sum_of(q, rotated(q, distance));
  return q;
}

// The first `count` questions of lanes[0], one after another.
template <const LaneComb& comb>
void verify_singly(const Lanes& lanes, int count, const uint8_t* base, uint8_t* verdict) {
  Plan<comb, 1> plan;
  make_plan(plan, &lanes, base);
  Xyzz<1> sums = {};
  for (int lane = 0; lane < count; ++lane)
    sums = choose(Mask(1) << lane, sums, carry_out_single<comb>(plan, lane));
  put_verdicts<1>(abscissa_fits(sums, &lanes), verdict);
}

template <const LaneComb& comb>
void verify_known(IfmaWorkspace& work, size_t questions, const uint8_t* base, uint8_t* verdicts) {
  constexpr size_t kSingly = comb.columns > 8 ? 1 : 2;  // so many are faster one by one
  if (questions <= kSingly) return verify_singly<comb>(work.lanes[0], int(questions), base, verdicts);
  const size_t vectors = (questions + 7) / 8;
  const size_t pairs = vectors / 2;
  verify_groups_known<comb, 2>(work.lanes, pairs, base, verdicts);
  verify_groups_known<comb, 1>(work.lanes + 2 * pairs, vectors % 2, base, verdicts + 2 * pairs);
}

}  // namespace
}  // namespace chengxin::sm2::impl
