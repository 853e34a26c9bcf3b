#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <random>

#include "base/cpu.h"
#include "sm2/cases_for_tests.h"
#include "sm2/ifma_checked_for_tests.h"
#include "sm2/impl/number.h"

// The engine of eight lanes: its field, its bounds and its verdicts against GMP.
namespace chengxin::sm2 {
namespace {

#if defined(__x86_64__)

using impl::FieldLanes;
using impl::FieldOperation;
using impl::Number;
using impl::Question;
using impl::Tier;
using reference::mod;
using reference::n;
using reference::number;
using reference::p;

constexpr uint64_t kSeed = 20261122;

struct Random {
  std::mt19937_64 generator;
  explicit Random(uint64_t seed) : generator(seed) {}
  uint64_t word() { return generator(); }
  mpz_class bits(int count) {
    mpz_class out = 0;
    for (int i = 0; i < count; i += 32) out = (out << 32) + mpz_class((unsigned long)(word() >> 32));
    return out >> ((count + 31) / 32 * 32 - count);
  }
  mpz_class scalar() { return mod(bits(320), n - 1) + 1; }
};

// ---- the field

struct IfmaField : testing::Test {
  Random random{kSeed};
  const mpz_class radix = mpz_class(1) << 260, radix_inverse = reference::inverse(mod(radix, p), p);

  void SetUp() override {
    if (!cpu().ifma) GTEST_SKIP() << "not on this processor";
  }

  // Values below 2^260: edges of everything, and chance.
  mpz_class value() {
    const mpz_class edges[] = {0, 1, p - 1, p, p + 1, 2 * p, (mpz_class(1) << 256) - 1, radix - 1, p << 3};
    switch (random.word() % 4) {
      case 0:
        return edges[random.word() % std::size(edges)];
      case 1:
        return random.bits(260);
      case 2: {  // limbs of nothing but zeros or ones
        mpz_class out = 0;
        for (int i = 0; i < 5; ++i)
          out = (out << 52) + (random.word() % 2 ? (mpz_class(1) << 52) - 1 : mpz_class(0));
        return out;
      }
      default:
        return mod(random.bits(300), p);
    }
  }
  // An Operand: what is above 52 bits of limbs 0 to 3 must not matter.
  void put(FieldLanes& lanes, int lane, mpz_class of) {
    for (int i = 0; i < 5; ++i, of >>= 52) {
      const mpz_class limb = of & mpz_class((1ul << 52) - 1);
      lanes[i][lane] = int64_t(limb.get_ui() | (i < 4 ? random.word() << 52 : 0));
    }
  }
  // The same value in signed limbs that overlap.
  void put_loose(FieldLanes& lanes, int lane, mpz_class of) {
    int64_t borrowed = 0;
    for (int i = 0; i < 5; ++i) {
      const mpz_class limb = i < 4 ? mpz_class(of & mpz_class((1ul << 52) - 1)) : of;
      const int64_t lend = i < 4 ? int64_t(random.word() % 31) - 15 : 0;
      lanes[i][lane] = int64_t(limb.get_ui()) - borrowed + (lend << 52);
      borrowed = lend;
      of >>= 52;
    }
  }
  static mpz_class get(const FieldLanes& lanes, int lane) {
    mpz_class out = 0;
    for (int i = 5; i-- > 0;) out = (out << 52) + mpz_class((long)lanes[i][lane]);
    return out;
  }
};

TEST_F(IfmaField, ProductsAgreeWithGmpAndKeepTheirBounds) {
  for (int round = 0; round < 4000; ++round) {
    FieldLanes in[4], out;
    mpz_class values[4][8];
    for (int i = 0; i < 4; ++i)
      for (int lane = 0; lane < 8; ++lane) put(in[i], lane, values[i][lane] = value());
    for (const auto operation : {FieldOperation::mul, FieldOperation::sqr, FieldOperation::mul_minus_mul,
                                 FieldOperation::mul_minus_8_sqr}) {
      ifma_field(operation, in[0], in[1], in[2], in[3], out);
      for (int lane = 0; lane < 8; ++lane) {
        const mpz_class &a = values[0][lane], &b = values[1][lane], &c = values[2][lane],
                        &d = values[3][lane];
        mpz_class plus, minus = 0;
        if (operation == FieldOperation::mul) plus = a * b;
        if (operation == FieldOperation::sqr) plus = a * a;
        if (operation == FieldOperation::mul_minus_mul) plus = a * b, minus = c * d;
        if (operation == FieldOperation::mul_minus_8_sqr) plus = a * b, minus = 8 * c * c;
        const mpz_class result = get(out, lane);
        ASSERT_EQ(mod(result, p), mod((plus - minus) * radix_inverse, p)) << "seed " << kSeed;
        ASSERT_GE(result * radix, -minus);
        ASSERT_LT(result * radix, plus + p * radix);
        for (int i = 0; i < 5; ++i) ASSERT_LT(std::abs(out[i][lane]), int64_t(1) << 60);
      }
    }
  }
}

TEST_F(IfmaField, FormsAgreeWithGmpAndKeepTheirBounds) {
  for (int round = 0; round < 4000; ++round) {
    FieldLanes in, small, folded, canonical;
    mpz_class values[8], small_values[8];
    for (int lane = 0; lane < 8; ++lane) {
      const bool near = random.word() % 2;  // a multiple of p, or nearly so
      values[lane] =
          near ? p * int(random.word() % 4096) + int(random.word() % 3) : mod(random.bits(400), p << 12);
      small_values[lane] = near ? p * int(random.word() % 4) : mod(random.bits(300), 4 * p);
      put_loose(in, lane, values[lane]);
      put_loose(small, lane, small_values[lane]);
    }
    impl::ifma_folded(in, folded);
    impl::ifma_canonical(in, canonical);
    const uint8_t zero = impl::ifma_is_zero(in), may_be_zero = impl::ifma_may_be_zero(small);
    for (int lane = 0; lane < 8; ++lane) {
      ASSERT_EQ(mod(get(folded, lane), p), mod(values[lane], p));
      ASSERT_GE(get(folded, lane), 0);
      ASSERT_LT(get(folded, lane) * 10000, p * 10001);
      ASSERT_EQ(get(canonical, lane), mod(values[lane], p)) << "seed " << kSeed;
      ASSERT_EQ(zero >> lane & 1, mod(values[lane], p) == 0);
      ASSERT_EQ(may_be_zero >> lane & 1, mod(small_values[lane], p) == 0);
    }
  }
}

TEST_F(IfmaField, InversesAgreeWithGmp) {
  for (int round = 0; round < 20; ++round) {
    FieldLanes in, out;
    mpz_class values[8];
    for (int lane = 0; lane < 8; ++lane) put(in, lane, values[lane] = mod(value(), 2 * p));
    ifma_field(FieldOperation::invert, in, in, in, in, out);
    for (int lane = 0; lane < 8; ++lane) {
      const bool zero = mod(values[lane], p) == 0;
      const mpz_class expected = mod(get(out, lane) * values[lane] * radix_inverse * radix_inverse, p);
      ASSERT_EQ(expected, zero ? 0 : 1) << values[lane];
      ASSERT_LT(get(out, lane), 2 * p);
    }
  }
}

// ---- the engine

struct Aligned {
  void operator()(uint8_t* bytes) const { ::operator delete[](bytes, std::align_val_t(64)); }
};

// Questions with their tables and what is expected of them.
struct Asked {
  const impl::Engine& engine;
  std::optional<Tier> tier;  // none: unknown keys
  std::vector<Question> questions;
  std::vector<bool> holds;
  std::vector<std::unique_ptr<uint8_t[], Aligned>> tables;

  // Where there is to be a table, a question about a bad key is left out.
  void put(const Question& question, bool hold) {
    if (tier && !reference::on_curve(reference::integer(question.key.x), reference::integer(question.key.y)))
      return;
    questions.push_back(question);
    holds.push_back(hold);
  }
  void put(const Question& question) { put(question, reference::verify(question)); }

  void build_tables() {
    if (!tier) return;
    std::vector<impl::Affine> keys;
    std::vector<uint8_t*> at;
    for (Question& q : questions) {
      tables.emplace_back(new (std::align_val_t(64)) uint8_t[engine.table_bytes(*tier)]);
      q.table = tables.back().get();
      at.push_back(tables.back().get());
      keys.push_back(q.key);
    }
    std::vector<uint8_t> good(keys.size(), 7);
    engine.build(*tier, keys, at.data(), good.data());
    EXPECT_EQ(good, std::vector<uint8_t>(keys.size(), 1));
  }
  std::vector<uint8_t> ask(std::span<const Question> some) const {
    std::vector<uint8_t> verdicts(some.size() + 1, 7);  // and nothing beyond
    if (tier) {
      engine.verify_known(*tier, some, verdicts.data());
    } else {
      engine.verify_unknown(some, verdicts.data());
    }
    EXPECT_EQ(verdicts.back(), 7);
    verdicts.pop_back();
    return verdicts;
  }
  void check(size_t batch) const {
    for (size_t at = 0; at < questions.size(); at += batch) {
      const auto some = std::span(questions).subspan(at, std::min(batch, questions.size() - at));
      const auto verdicts = ask(some);
      for (size_t i = 0; i < some.size(); ++i)
        EXPECT_EQ(verdicts[i], holds[at + i])
            << "question " << at + i << ", batch " << batch << ", seed " << kSeed;
    }
  }
};

struct IfmaEngine : testing::TestWithParam<int> {
  Random random{kSeed + 1};
  const impl::Engine* engine = nullptr;
  std::optional<Tier> tier;

  void SetUp() override {
    if (!cpu().ifma) GTEST_SKIP() << "not on this processor";
    static const impl::Engine* const checked = impl::make_ifma_engine(impl::checked_ifma_kernel());
    engine = checked;
    if (GetParam() > 0) tier = GetParam() == 1 ? Tier::small : Tier::large;
  }
  void TearDown() override { EXPECT_EQ(impl::ifma_counts().bounds_broken, 0u); }

  Asked asked() const { return {*engine, tier, {}, {}, {}}; }
  Question signed_by(const mpz_class& secret) {
    for (;;) {
      const Question q = reference::question_for(random.scalar(), random.scalar(), secret);
      if (!impl::is_zero(q.r)) return q;
    }
  }
  Question honest() { return signed_by(random.scalar()); }
  reference::Walk walk(const mpz_class& s, const mpz_class& t) const {
    const auto shape = [](const impl::LaneComb& c) {
      return reference::CombShape{c.teeth, c.blocks, c.columns};
    };
    if (!tier) return reference::window_walk(s, shape(impl::kBaseComb), t);
    return reference::comb_walk(s, shape(impl::kBaseComb), t,
                                shape(*tier == Tier::small ? impl::kSmallComb : impl::kLargeComb));
  }
};
INSTANTIATE_TEST_SUITE_P(Tiers, IfmaEngine, testing::Values(0, 1, 2), [](const auto& tier) {
  return std::string(tier.param == 0 ? "unknown" : tier.param == 1 ? "small" : "large");
});

TEST_P(IfmaEngine, EveryCountAndEveryLane) {
  Asked all = asked();
  for (int i = 0; i < 40; ++i) {
    Question q = honest();
    const bool bend = random.word() % 3 == 0;
    if (bend) (i % 2 ? q.s : q.e).limb[random.word() % 4] ^= uint64_t(1) << random.word() % 64;
    all.put(q, !bend);
  }
  all.build_tables();
  for (size_t count = 0; count <= 40; ++count) {
    const auto verdicts = all.ask(std::span(all.questions).first(count));
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(verdicts[i], all.holds[i]) << i << " of " << count;
  }
}

TEST_P(IfmaEngine, RangeEdges) {
  Asked all = asked();
  const Question good = honest();
  const mpz_class r = reference::integer(good.r), full = mpz_class(1) << 256;
  const mpz_class edges[] = {0, 1, n - 1, n, n + 1, p, full - 1, r, reference::integer(good.s)};
  for (const mpz_class& one : edges) {
    for (const mpz_class& other : edges) {
      Question q = good;
      q.r = number(one), q.s = number(other);
      all.put(q);
      q.e = number(mod(one + other, full));
      all.put(q);
    }
  }
  for (int i = 0; i < 8; ++i) {  // t = 0
    Question q = good;
    q.r = number(random.scalar());
    impl::sub(q.s, impl::kN, q.r);
    all.put(q, false);
  }
  for (int i = 0; i < 200; ++i) {  // r + n and s + n fit into 256 bits only when they are below 2^256 - n
    Question q = honest();
    const bool carry = impl::add(q.e, q.e, impl::kN);
    if (!carry) all.put(q, true);  // e is taken mod n
  }
  all.build_tables();
  all.check(1);
  all.check(40);
}

// P = +-kG, where everything may meet everything.
TEST_P(IfmaEngine, KeysBesideTheGenerator) {
  Asked all = asked();
  std::vector<mpz_class> secrets;
  for (const int k : {1, 2, 3, 5, 31, 32}) secrets.push_back(k);
  for (const int bit : {4, 20, 44, 128, 255}) secrets.push_back(mpz_class(1) << bit);
  for (const mpz_class& absolute : secrets) {
    for (const mpz_class& d : {mpz_class(absolute), mod(-absolute, n)}) {
      if (d == n - 1 || d == 0) continue;
      for (const mpz_class& t :
           {mpz_class(1), mpz_class(2), mpz_class(n - 1), mpz_class(n - 2), random.scalar()}) {
        for (const mpz_class& s : {mod(t * d, n), mod(-t * d, n), mpz_class(1), mpz_class(n - 2)}) {
          if (s == t) continue;
          const Question q = reference::question_for(s, t, d);
          all.put(q, mod(s + t * d, n) != 0);
          Question other = q;
          other.e.limb[0] ^= 1;
          all.put(other, false);
        }
      }
    }
  }
  all.build_tables();
  all.check(64);
  all.check(13);
  all.check(1);
}

// The abscissa of the sum is at least n, or so small that r - e + n is below p too.
TEST_P(IfmaEngine, AbscissasAboveTheOrder) {
  Asked all = asked();
  for (const mpz_class& from : {mpz_class(n), mpz_class(0), mpz_class(p - n - 10), mpz_class(p - 10)}) {
    for (mpz_class x = from; x < from + 10; ++x) {
      const reference::Point sum = reference::lift(mod(x, p));
      if (sum.infinite) continue;
      const mpz_class s = random.scalar(), t = random.scalar(), r = mod(t - s, n);
      const auto rest = reference::add(sum, reference::negate(reference::multiply(s, reference::generator)));
      const auto key = reference::multiply(reference::inverse(t, n), rest);
      Question q = {number(r), number(s), number(mod(r - x, n)), {number(key.x), number(key.y)}, nullptr};
      all.put(q, true);
      q.e.limb[0] ^= 1;
      all.put(q, false);
    }
  }
  ASSERT_GT(all.questions.size(), 20u);
  all.build_tables();
  all.check(100);
}

TEST_P(IfmaEngine, KeysOffTheCurveOrOutOfRange) {
  const Question good = honest();
  const mpz_class x = reference::integer(good.key.x), y = reference::integer(good.key.y);
  const mpz_class full = mpz_class(1) << 256;
  std::vector<impl::Affine> keys = {good.key, {number(x), number(p - y)}};
  for (const auto& [bad_x, bad_y] : std::vector<std::pair<mpz_class, mpz_class>>{
           {x, mod(y + 1, p)}, {x ^ 1, y}, {0, 0}, {full - 1, full - 1}, {y, x}, {p, y}, {x, p}, {x, 0}})
    keys.push_back({number(bad_x), number(bad_y)});
  for (mpz_class small = 0; small < 12; ++small) {  // right but for a multiple of p
    const auto point = reference::lift(small);
    if (!point.infinite) keys.push_back({number(small + p), number(point.y)});
  }
  if (!tier) {
    Asked all = asked();
    for (const impl::Affine& key : keys) {
      Question q = good;
      q.key = key;
      all.put(good, true);
      all.put(q, &key == &keys[0]);
    }
    return all.check(keys.size() * 2);
  }
  std::vector<std::unique_ptr<uint8_t[], Aligned>> tables;
  std::vector<uint8_t*> at;
  for (size_t i = 0; i < keys.size(); ++i) {
    tables.emplace_back(new (std::align_val_t(64)) uint8_t[engine->table_bytes(*tier)]);
    at.push_back(tables.back().get());
  }
  std::vector<uint8_t> marks(keys.size(), 7);
  engine->build(*tier, keys, at.data(), marks.data());
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(marks[i], i < 2) << i;
}

// Every addition in turn meets its own point, or its negative.
TEST_P(IfmaEngine, CraftedExceptions) {
  Asked all = asked();
  const size_t steps = walk(1, 1).size();
  size_t crafted = 0;
  for (size_t step = 1; step < steps; ++step) {
    for (const bool opposite : {false, true}) {
      const mpz_class s = random.scalar(), t = random.scalar();
      const auto secret = reference::colliding_key(walk(s, t), step, opposite);
      if (!secret || s == t) continue;
      ++crafted;
      const Question q = reference::question_for(s, t, *secret);
      all.put(q, mod(s + t * *secret, n) != 0);
      Question other = q;
      other.e.limb[1] ^= 2;
      all.put(other, false);
    }
  }
  EXPECT_GT(crafted, 20u);
  all.build_tables();
  const uint64_t before = impl::ifma_counts().mended;
  all.check(4);
  EXPECT_GE(impl::ifma_counts().mended - before, crafted / 2);  // two of one step share a vector
  all.check(37);
  all.check(1);
}

// One question alone has its blocks spread over the lanes: two lanes whose sums are equal, or opposite, meet
// at the end.
TEST_P(IfmaEngine, CraftedExceptionsAmongTheLanesOfOneQuestion) {
  if (!tier) GTEST_SKIP() << "of tables only";
  Asked all = asked();
  const int columns = *tier == Tier::small ? impl::kSmallComb.columns : impl::kLargeComb.columns;
  for (int lane = 0; lane < 4; ++lane) {
    for (const int sign : {1, -1}) {
      const mpz_class s = random.scalar(), t = random.scalar();
      mpz_class of_key[8] = {}, of_base[8] = {};
      int column = columns, block = 0;
      for (const reference::Addition& step : walk(s, t)) {
        if (column == columns || step.doublings) --column, block = 0;
        (step.of_key ? of_key : of_base)[block++ % 8] += step.coefficient << column;
      }
      const mpz_class keys = mod(of_key[lane] - sign * of_key[lane + 4], n);
      const mpz_class bases = mod(sign * of_base[lane + 4] - of_base[lane], n);
      if (keys == 0 || bases == 0) continue;
      const mpz_class secret = mod(bases * reference::inverse(keys, n), n);
      const Question q = reference::question_for(s, t, secret);
      all.put(q, true);
      Question other = q;
      other.e.limb[1] ^= 2;
      all.put(other, false);
    }
  }
  EXPECT_GE(all.questions.size(), 8u);
  all.build_tables();
  const uint64_t before = impl::ifma_counts().mended;
  all.check(1);
  EXPECT_GE(impl::ifma_counts().mended - before, all.questions.size());
}

// The sum is infinite: there is no abscissa, whatever r - e is.
TEST_P(IfmaEngine, InfinityIsNoSignature) {
  Asked all = asked();
  for (int i = 0; i < 20; ++i) {
    const mpz_class s = random.scalar(), t = random.scalar(), secret = mod(-s * reference::inverse(t, n), n);
    Question q = reference::question_for(s, t, secret);
    for (const Number& e : {q.r, number(0), number(random.scalar())}) {
      q.e = e;
      all.put(q, false);
    }
  }
  all.build_tables();
  all.check(1);
  all.check(60);
}

TEST_P(IfmaEngine, TheReleasedKernelAgrees) {
  Asked all = {*impl::ifma_engine(), tier, {}, {}, {}};
  for (int i = 0; i < 100; ++i) {
    const Question q = honest();
    all.put(q, true);
    Question bent = q;
    bent.r.limb[random.word() % 4] ^= uint64_t(1) << random.word() % 64;
    all.put(bent, false);
  }
  all.build_tables();
  all.check(200);
  all.check(9);
}

#endif

}  // namespace
}  // namespace chengxin::sm2
