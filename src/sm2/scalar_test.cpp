#include <gtest/gtest.h>

#include <map>

#include "base/cpu.h"
#include "sm2/curve_for_tests.h"
#include "sm2/impl/number.h"

// The scalar engines against GMP.
namespace chengxin::sm2 {
namespace {

using impl::Number;
using impl::Question;
using reference::integer;
using reference::mod;
using reference::number;
using reference::Random;

constexpr uint64_t kSeed = 20261122;

struct Case {
  std::string what;
  Question question;
  bool holds;
};

impl::Affine affine(const reference::Point& point) { return {number(point.x), number(point.y)}; }

class Cases {
 public:
  std::vector<Case> all;

  Cases() {
    honest_and_bent();
    edges_of_range();
    keys_beside_generator();
    collisions();
    chosen_abscissas();
    bad_keys();
  }

 private:
  Random random_{kSeed + 2};

  void ask(std::string what, const mpz_class& r, const mpz_class& s, const mpz_class& e,
           const impl::Affine& key) {
    Question question{number(r), number(s), number(e), key, nullptr};
    const bool holds = reference::verify(question);
    all.push_back({std::move(what), question, holds});
  }
  // Once as it is, once with a digest that is off by one.
  void ask_twice(const std::string& what, const mpz_class& r, const mpz_class& s, const mpz_class& e,
                 const impl::Affine& key) {
    ask(what, r, s, e, key);
    ask(what + ", other digest", r, s, mod(e + 1, reference::n), key);
  }
  struct Signed {
    mpz_class r, s, e;
    impl::Affine key;
  };
  Signed sign(const mpz_class& d) {
    const mpz_class k = random_.scalar(), e = random_.below(mpz_class(1) << 256);
    const mpz_class r = mod(e + reference::multiply(k, reference::generator).x, reference::n);
    const mpz_class s = mod((k - r * d) * reference::inverse(d + 1, reference::n), reference::n);
    return {r, s, e, affine(reference::multiply(d, reference::generator))};
  }

  void honest_and_bent() {
    for (int i = 0; i < 60; ++i) {
      const Signed good = sign(random_.scalar());
      const mpz_class bit = mpz_class(1) << (random_.word() % 256);
      ask("honest", good.r, good.s, good.e, good.key);
      if (good.e < (mpz_class(1) << 256) - reference::n)
        ask("e above n", good.r, good.s, good.e + reference::n, good.key);
      ask("bent r", good.r ^ bit, good.s, good.e, good.key);
      ask("bent s", good.r, good.s ^ bit, good.e, good.key);
      ask("bent e", good.r, good.s, good.e ^ bit, good.key);
      ask("s of the negative", good.r, reference::n - good.s, good.e, good.key);
    }
  }

  void edges_of_range() {
    const mpz_class n = reference::n, full = mpz_class(1) << 256;
    const Signed good = sign(random_.scalar());
    const std::vector<mpz_class> edges = {0, 1, 2, n - 1, n, n + 1, reference::p, full - 1, good.r, good.s};
    for (const mpz_class& r : edges)
      for (const mpz_class& s : edges) ask("edge", r, s, good.e, good.key);
    for (int i = 0; i < 8; ++i) {
      const mpz_class r = random_.scalar();
      ask("t = 0", r, n - r, good.e, good.key);
    }
  }

  // sG + tP for P = dG and all kinds of s and t, with the digest that makes it
  // hold.
  void keys_beside_generator() {
    const mpz_class n = reference::n;
    for (const int d : {1, 2, 3, 5, 31, 32, 1024}) {
      for (const mpz_class& secret : {mpz_class(d), mpz_class(n - d)}) {
        if (secret == n - 1) continue;
        const impl::Affine key = affine(reference::multiply(secret, reference::generator));
        for (const mpz_class& t : {mpz_class(1), mpz_class(2), mpz_class(n - 1), mpz_class(n - 2),
                                   mpz_class(mpz_class(1) << 128), random_.scalar()}) {
          const mpz_class td = mod(t * secret, n);
          for (const mpz_class& s : {mpz_class(td), mpz_class(n - td), mod(2 * td, n), mod(td + 1, n),
                                     mpz_class(1), mod(n - td + 1, n)}) {
            const mpz_class r = mod(t - s, n);
            const auto sum = reference::multiply(mod(s + td, n), reference::generator);
            ask_twice("P = dG", r, s, sum.infinite ? r : mod(r - sum.x, n), key);
          }
        }
      }
    }
  }

  // The last addition meets its own operand, or infinity: of the windows that is the lowest digit of t, of
  // the combs the entry of G's last block.
  void collisions() {
    const mpz_class n = reference::n;
    for (int i = 0; i < 12; ++i) {
      const mpz_class d = random_.scalar() % (n - 2) + 1;
      const impl::Affine key = affine(reference::multiply(d, reference::generator));
      const mpz_class t = random_.scalar(), s = random_.scalar();
      const impl::Digit lowest = impl::digit(impl::recode(number(t), 260), 0, 5);
      const mpz_class last_of_t = (2 * mpz_class(lowest.index) + 1) * (lowest.negative ? -1 : 1);
      const impl::Digits teeth = impl::recode(number(s), 260);
      mpz_class last_of_s = 0;
      for (int at = 15; at < 260; at += 20)
        last_of_s += (mpz_class(1) << at) * ((teeth.bits[at / 64] >> at % 64 & 1) ? 1 : -1);
      if (teeth.negative) last_of_s = -last_of_s;
      for (const int times : {2, 1}) {  // the sum before it: the operand itself, or infinity
        for (const auto& [with_s, with_t] :
             {std::pair(mod((times * last_of_t - t) * d, n), t),
              std::pair(s, mod((times * last_of_s - s) * reference::inverse(d, n), n))}) {
          const mpz_class r = mod(with_t - with_s, n);
          const auto sum = reference::multiply(mod(with_s + with_t * d, n), reference::generator);
          ask_twice("collision", r, with_s, mod(r - sum.x, n), key);
        }
      }
    }
  }

  // Keys for which sG + tP has a given abscissa: x >= n, and x so small that x
  // + n is an abscissa too.
  void chosen_abscissas() {
    const mpz_class n = reference::n;
    for (const mpz_class& from : {mpz_class(n), mpz_class(0), mpz_class(reference::p - n - 20)}) {
      for (mpz_class x = from; x < from + 20; ++x) {
        const reference::Point sum = reference::lift(x);
        if (sum.infinite) continue;
        const mpz_class s = random_.scalar(), t = random_.scalar(), r = mod(t - s, n);
        const auto rest =
            reference::add(sum, reference::negate(reference::multiply(s, reference::generator)));
        ask_twice("chosen abscissa", r, s, mod(r - x, n),
                  affine(reference::multiply(reference::inverse(t, n), rest)));
      }
    }
  }

  void bad_keys() {
    const mpz_class p = reference::p, full = mpz_class(1) << 256;
    const Signed good = sign(random_.scalar());
    const mpz_class x = integer(good.key.x), y = integer(good.key.y);
    for (const auto& [badx, bady] : std::vector<std::pair<mpz_class, mpz_class>>{
             {x, y + 1}, {x, p - y}, {x ^ 1, y}, {0, 0}, {full - 1, full - 1}, {y, x}, {p, y}, {x, p}})
      ask("bad key", good.r, good.s, good.e, {number(badx), number(bady)});
    // Coordinates that are right but for a multiple of p.
    for (mpz_class small = 0; small < 12; ++small) {
      const reference::Point point = reference::lift(small);
      if (!point.infinite) ask("x + p", good.r, good.s, good.e, {number(small + p), number(point.y)});
    }
  }
};

const std::vector<Case>& cases() {
  static const Cases made;
  return made.all;
}

TEST(ScalarCases, HoldAndFailInNumbers) {
  size_t holding = 0;
  for (const Case& one : cases()) holding += one.holds;
  EXPECT_GT(holding, 200u);
  EXPECT_GT(cases().size() - holding, 400u);
}

struct EngineTest : testing::TestWithParam<const char*> {
  const impl::Engine* engine = nullptr;
  void SetUp() override {
    if (std::string_view(GetParam()) == "portable") engine = impl::portable_engine();
    if (std::string_view(GetParam()) == "adx" && cpu().adx) engine = impl::adx_engine();
    if (!engine) GTEST_SKIP() << "not on this processor";
  }
};
INSTANTIATE_TEST_SUITE_P(All, EngineTest, testing::Values("portable", "adx"),
                         [](const auto& each) { return std::string(each.param); });

void expect_verdicts(const std::vector<Case>& asked, const std::vector<uint8_t>& verdicts) {
  for (size_t i = 0; i < asked.size(); ++i)
    EXPECT_EQ(verdicts[i], asked[i].holds) << i << ": " << asked[i].what << ", seed " << kSeed;
}

// In batches of all sizes, so that every case meets every neighbour and every
// lane.
template <class Ask>
void ask_in_batches(const std::vector<Case>& asked, Ask ask) {
  std::vector<Question> questions;
  for (const Case& one : asked) questions.push_back(one.question);
  for (const size_t size : {size_t(1), size_t(2), size_t(3), size_t(17), questions.size()}) {
    std::vector<uint8_t> verdicts(questions.size(), 7);
    for (size_t at = 0; at < questions.size(); at += size)
      ask(std::span(questions).subspan(at, std::min(size, questions.size() - at)), verdicts.data() + at);
    expect_verdicts(asked, verdicts);
  }
}

TEST_P(EngineTest, UnknownKeys) {
  ask_in_batches(cases(),
                 [&](auto questions, uint8_t* verdicts) { engine->verify_unknown(questions, verdicts); });
}

struct Aligned {
  void operator()(uint8_t* bytes) const { ::operator delete[](bytes, std::align_val_t(64)); }
};

void known_keys(const impl::Engine& engine, impl::Tier tier, size_t most_keys) {
  std::map<std::vector<uint64_t>, uint8_t*> tables;
  std::vector<std::unique_ptr<uint8_t[], Aligned>> owned;
  std::vector<Case> asked;
  for (const Case& one : cases()) {
    std::vector<uint64_t> name(one.question.key.x.limb, one.question.key.x.limb + 4);
    name.insert(name.end(), one.question.key.y.limb, one.question.key.y.limb + 4);
    if (!tables.contains(name)) {
      if (tables.size() == most_keys) continue;
      owned.emplace_back(new (std::align_val_t(64)) uint8_t[engine.table_bytes(tier)]);
      uint8_t* table = owned.back().get();
      uint8_t good = 7;
      engine.build(tier, std::span(&one.question.key, 1), &table, &good);
      EXPECT_EQ(good, reference::on_curve(integer(one.question.key.x), integer(one.question.key.y)));
      tables[name] = good ? table : nullptr;
    }
    if (!tables[name]) continue;
    asked.push_back(one);
    asked.back().question.table = tables[name];
  }
  EXPECT_GT(asked.size(), 100u);
  ask_in_batches(asked,
                 [&](auto questions, uint8_t* verdicts) { engine.verify_known(tier, questions, verdicts); });
}

TEST_P(EngineTest, SmallTables) { known_keys(*engine, impl::Tier::small, 1000); }
TEST_P(EngineTest, LargeTables) { known_keys(*engine, impl::Tier::large, 100); }

TEST_P(EngineTest, NoQuestions) {
  engine->verify_unknown({}, nullptr);
  engine->verify_known(impl::Tier::small, {}, nullptr);
}

}  // namespace
}  // namespace chengxin::sm2
