#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "sm2/impl/engine.h"
#include "sm2/impl/scalar_comb.h"
#include "sm2/impl/scalar_window.h"

// The engine over a field of 64-bit words. F::lanes questions go in step; each ends without an inversion: the
// abscissa x / zz of sG + tP is compared with what it must be by a product.
namespace chengxin::sm2::impl {

template <class F>
class ScalarEngine : public Engine {
 public:
  ScalarEngine() : generator_(new (std::align_val_t(64)) TablePoint[GeneratorComb::entries]) {
    fill_comb<F, GeneratorComb>({kGeneratorX, kGeneratorY}, generator_.get());
  }

  void verify_unknown(std::span<const Question> questions, uint8_t* verdicts) const override {
    for (size_t at = 0; at < questions.size(); at += kChunk) {
      const auto chunk = questions.subspan(at, std::min(kChunk, questions.size() - at));
      verify_chunk(chunk, verdicts + at);
    }
  }

  void verify_known(Tier tier, std::span<const Question> questions, uint8_t* verdicts) const override {
    if (tier == Tier::small) {
      verify_tables<SmallComb>(questions, verdicts);
    } else {
      verify_tables<LargeComb>(questions, verdicts);
    }
  }

  size_t table_bytes(Tier tier) const override {
    return tier == Tier::small ? SmallComb::bytes : LargeComb::bytes;
  }

  void build(Tier tier, std::span<const Affine> keys, uint8_t* const* tables, uint8_t* good) const override {
    for (size_t i = 0; i < keys.size(); ++i) {
      TablePoint point;
      good[i] = to_point(keys[i], point);
      if (!good[i]) continue;
      const auto table = reinterpret_cast<TablePoint*>(tables[i]);
      tier == Tier::small ? fill_comb<F, SmallComb>(point, table) : fill_comb<F, LargeComb>(point, table);
    }
  }

 private:
  using SmallComb = Comb<6, 2, 22>;      // 4 KiB: 21 doublings, 44 additions
  using LargeComb = Comb<11, 4, 6>;      // 256 KiB: 5 doublings, 24 additions
  using GeneratorComb = Comb<13, 4, 5>;  // 1 MiB: 20 additions, and doublings that all the others need too
  static constexpr size_t kChunk = 16;   // questions that share an inversion

  struct Free {
    void operator()(TablePoint* points) const { ::operator delete[](points, std::align_val_t(64)); }
  };
  std::unique_ptr<TablePoint[], Free> generator_;

  static Tight to_field(const Number& a) {
    Loose plain;
    std::memcpy(plain.limb, a.limb, sizeof plain.limb);
    return F::mul(plain, kMontgomerySquare);
  }

  static bool to_point(const Affine& key, TablePoint& out) {
    if (!less(key.x, kP) || !less(key.y, kP)) return false;
    out = {to_field(key.x), to_field(key.y)};
    return is_zero(curve_error<F>(out.x, out.y));
  }

  // A table's entry, or its negative.
  struct Entry {
    const TablePoint* point;
    bool negative;
  };
  template <int K>
  static AffineLanes<F, K> load(const Entry (&entries)[K]) {
    AffineLanes<F, K> out;
    for (int k = 0; k < K; ++k) {
      const TablePoint& point = *entries[k].point;
      const Tight y[2] = {point.y, negate<F>(point.y)};
      out.x.lane[k] = point.x;
      out.y.lane[k] = y[entries[k].negative];
    }
    return out;
  }

  // x / zz modulo n is the target; an infinite point has no abscissa.
  static bool has_abscissa(const Tight& x, const Tight& zz, const Number& target) {
    if (is_zero(zz)) return false;
    if (equal(F::mul(to_field(target), zz), x)) return true;
    Number other;  // the abscissa may be target + n, when that is below p
    if (add(other, target, kN) || !less(other, kP)) return false;
    return equal(F::mul(to_field(other), zz), x);
  }

  template <class C>
  static Entry entry(const TablePoint* table, const Digits& digits, int block, int column) {
    const Digit chosen = C::choose(digits, block, column);
    return {table + block * C::row + chosen.index, chosen.negative};
  }

  // One question that is worth its arithmetic.
  struct Job {
    Digits s, t;
    Number target;
    const TablePoint* table;
    uint8_t* verdict;
  };

  template <int K>
  void add_generator(Xyzz<F, K>& sum, const Job* jobs, int column) const {
    for (int block = 0; block < GeneratorComb::blocks; ++block) {
      Entry entries[K];
      for (int k = 0; k < K; ++k)
        entries[k] = entry<GeneratorComb>(generator_.get(), jobs[k].s, block, column);
      add(sum, load(entries));
    }
  }

  template <int K>
  void conclude(const Xyzz<F, K>& sum, const Job* jobs) const {
    for (int k = 0; k < K; ++k)
      *jobs[k].verdict = has_abscissa(sum.x.lane[k], sum.zz.lane[k], jobs[k].target);
  }

  // sG + tP with a comb of P.
  template <class C, int K>
  void walk_comb(const Job* jobs) const {
    static_assert(C::columns >= GeneratorComb::columns);
    Xyzz<F, K> sum;
    for (int column = C::columns - 1; column >= 0; --column) {
      const bool first = column == C::columns - 1;
      if (!first) double_in_place(sum);
      for (int block = 0; block < C::blocks; ++block) {
        Entry entries[K];
        for (int k = 0; k < K; ++k) entries[k] = entry<C>(jobs[k].table, jobs[k].t, block, column);
        const auto points = load(entries);
        if (first && block == 0) {
          sum = {points.x, points.y, {}, {}};
          for (int k = 0; k < K; ++k) sum.zz.lane[k] = sum.zzz.lane[k] = kOne;
        } else {
          add(sum, points);
        }
      }
      if (column < GeneratorComb::columns) add_generator(sum, jobs, column);
    }
    conclude(sum, jobs);
  }

  template <class C>
  static void prefetch(const Job& job) {
    for (int column = 0; column < C::columns; ++column)
      for (int block = 0; block < C::blocks; ++block)
        __builtin_prefetch(entry<C>(job.table, job.t, block, column).point);
  }

  template <class C>
  void verify_tables(std::span<const Question> questions, uint8_t* verdicts) const {
    constexpr size_t lanes = F::lanes;
    Job jobs[2 * lanes];  // those at work, and those whose entries are on their way
    size_t waiting = 0;
    for (size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      const Scalars scalars = scalars_of(question.r, question.s, question.e);
      verdicts[i] = 0;
      if (!scalars.valid) continue;
      jobs[waiting] = {recode(scalars.s, GeneratorComb::digits), recode(scalars.t, C::digits), scalars.target,
                       reinterpret_cast<const TablePoint*>(question.table), verdicts + i};
      prefetch<C>(jobs[waiting]);
      if (++waiting < 2 * lanes) continue;
      walk_comb<C, lanes>(jobs);
      waiting = lanes;
      std::copy(jobs + lanes, jobs + 2 * lanes, jobs);
    }
    size_t at = 0;
    for (; at + lanes <= waiting; at += lanes) walk_comb<C, lanes>(jobs + at);
    for (; at < waiting; ++at) walk_comb<C, 1>(jobs + at);
  }

  // sG + tP with the odd multiples of P: windows from the top; the doublings of the last one serve G as well.
  template <int K>
  void walk_windows(const Job* jobs) const {
    const auto points = [&](int i) {
      Entry entries[K];
      for (int k = 0; k < K; ++k) {
        const Digit chosen = digit(jobs[k].t, i, kWindow);
        entries[k] = {jobs[k].table + chosen.index, chosen.negative};
      }
      return load(entries);
    };
    const auto top = points(kWindowDigits - 1);
    Jacobian<F, K> high{top.x, top.y, {}};
    for (int k = 0; k < K; ++k) high.z.lane[k] = kOne;
    for (int i = kWindowDigits - 2; i > 0; --i) {
      for (int bit = 0; bit < kWindow; ++bit) double_in_place(high);
      add(high, points(i));
    }
    Xyzz<F, K> sum = with_powers(high);
    static_assert(GeneratorComb::columns <= kWindow);
    for (int bit = kWindow - 1; bit >= 0; --bit) {
      double_in_place(sum);
      if (bit < GeneratorComb::columns) add_generator(sum, jobs, bit);
    }
    add(sum, points(0));
    conclude(sum, jobs);
  }

  void verify_chunk(std::span<const Question> questions, uint8_t* verdicts) const {
    Job jobs[kChunk];
    TablePoint points[kChunk];
    size_t count = 0;
    for (size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      const Scalars scalars = scalars_of(question.r, question.s, question.e);
      verdicts[i] = 0;
      if (!scalars.valid || !to_point(question.key, points[count])) continue;
      jobs[count++] = {recode(scalars.s, GeneratorComb::digits), recode(scalars.t, kWindow * kWindowDigits),
                       scalars.target, nullptr, verdicts + i};
    }
    TablePoint tables[kChunk][kWindowRow];
    if (count == 0) return;
    count == 1 ? make_tables<1>(points, count, tables) : make_tables<F::lanes>(points, count, tables);
    for (size_t i = 0; i < count; ++i) jobs[i].table = tables[i];
    size_t at = 0;
    for (; at + F::lanes <= count; at += F::lanes) walk_windows<F::lanes>(jobs + at);
    for (; at < count; ++at) walk_windows<1>(jobs + at);
  }

  // Odd multiples of count points, K at a time (the last ones go with themselves), with one inversion.
  template <int K>
  static void make_tables(const TablePoint* points, size_t count, TablePoint (*tables)[kWindowRow]) {
    OddMultiples<F, K> multiples[kChunk / K];
    Tights<F, K> before[kChunk / K];  // products of the denominators of the earlier groups
    const size_t groups = (count + K - 1) / K;
    const auto of_lane = [count](size_t group, int k) { return std::min(group * K + k, count - 1); };
    Tights<F, K> product, inverse;
    for (int k = 0; k < K; ++k) product.lane[k] = kOne;
    for (size_t i = 0; i < groups; ++i) {
      AffineLanes<F, K> lanes;
      for (int k = 0; k < K; ++k) {
        lanes.x.lane[k] = points[of_lane(i, k)].x;
        lanes.y.lane[k] = points[of_lane(i, k)].y;
      }
      multiply_odd(lanes, multiples[i]);
      before[i] = product;
      product = product * multiples[i].z;
    }
    if constexpr (K == 1) {
      inverse.lane[0] = invert<F>(product.lane[0]);
    } else {
      static_assert(K == 2);
      const Tight both = invert<F>(F::mul(product.lane[0], product.lane[1]));
      inverse.lane[0] = F::mul(both, product.lane[1]);
      inverse.lane[1] = F::mul(both, product.lane[0]);
    }
    for (size_t i = groups; i-- > 0;) {
      TablePoint* targets[K];
      for (int k = 0; k < K; ++k) targets[k] = tables[of_lane(i, k)];
      to_tables(multiples[i], inverse * before[i], targets);
      inverse = inverse * multiples[i].z;
    }
  }
};

}  // namespace chengxin::sm2::impl
