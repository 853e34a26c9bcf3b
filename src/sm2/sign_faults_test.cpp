#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "base/cpu.h"
#include "sm2/curve_for_tests.h"
#include "sm2/impl/number.h"
#include "sm2/impl/portable_field.h"
#include "sm2/impl/sign_ifma_kernel.h"
#include "sm2/impl/sign_scalar.h"
#include "sm2/sign.h"

// Faults on the way to a signature: nothing of what was made may leave. Those that matter most end on the
// curve, k'G for a k' that differs from k by little: from such a signature a digit of k can be read.
namespace chengxin::sm2 {
namespace {

using impl::Number;
using reference::Random;

constexpr uint64_t kSeed = 20261123;
constexpr size_t kMany = 32;

struct Work {
  std::vector<Digest> digests{kMany};
  std::vector<Entropy> entropy{kMany};
  std::vector<Signature> made{kMany};
  explicit Work(Random& random) {
    for (size_t i = 0; i < kMany; ++i) digests[i] = random.bytes(), entropy[i] = random.bytes();
  }
};

const Digest kScalar = {0x39, 0x45, 0x20, 0x8f};

void expect_nothing(const Signer& signer, Random& random, const char* what) {
  Work work(random);
  EXPECT_FALSE(signer.sign_many(work.digests, work.entropy, work.made)) << what;
  for (const Signature& made : work.made) EXPECT_EQ(made, Signature{}) << what;
}

// ---- in lanes

struct LaneFault {
  std::function<void(impl::SignTable&, impl::SignLanes*)> before;
  std::function<void(impl::SignLanes*)> after;
};
LaneFault lane_fault;

#if defined(__x86_64__)
void faulty_lanes(const impl::SignTable& table, impl::SignLanes* lanes, size_t vectors) {
  const auto bent = std::make_unique<impl::SignTable>(table);
  if (lane_fault.before) lane_fault.before(*bent, lanes);
  impl::multiply_in_lanes(*bent, lanes, vectors);
  if (lane_fault.after) lane_fault.after(lanes);
}

struct FaultsInLanes : testing::Test {
  std::optional<Signer> signer;
  Random random{kSeed};
  void SetUp() override {
    if (!cpu().ifma) GTEST_SKIP() << "not on this processor";
    static const impl::SignEngine* const engine = impl::make_ifma_sign_engine(faulty_lanes);
    lane_fault = {};
    signer = Signer::from_scalar(kScalar, *engine, *impl::ifma_engine());
    ASSERT_TRUE(signer);
    Work work(random);
    ASSERT_TRUE(signer->sign_many(work.digests, work.entropy, work.made));
  }
};

TEST_F(FaultsInLanes, AFlippedDigitLetsNothingOut) {
  for (int digit = 0; digit < 256; digit += 3) {
    lane_fault.before = [&](impl::SignTable&, impl::SignLanes* lanes) {
      lanes[digit % 4].digits[digit / 64][digit % 8] ^= uint64_t(1) << digit % 64;
    };
    expect_nothing(*signer, random, "digit");
  }
  lane_fault.before = [&](impl::SignTable&, impl::SignLanes* lanes) { lanes[1].negative ^= 4; };
  Work work(random);
  // -kG has the same abscissa.
  EXPECT_TRUE(signer->sign_many(work.digests, work.entropy, work.made));
}

TEST_F(FaultsInLanes, AFlippedLimbLetsNothingOut) {
  for (int bit = 0; bit < 256; bit += 5) {
    lane_fault.after = [&](impl::SignLanes* lanes) {
      lanes[bit % 4].x[bit / 64][bit % 8] ^= uint64_t(1) << bit % 64;
    };
    expect_nothing(*signer, random, "limb of the abscissa");
  }
}

TEST_F(FaultsInLanes, AWrongWordOfTheTableLetsNothingOut) {
  for (int block = 0; block < impl::kSignBlocks; ++block) {
    lane_fault.before = [&](impl::SignTable& table, impl::SignLanes*) {
      for (uint64_t& word : table.limb[block][block % 10]) word ^= uint64_t(1) << 3 * block;
    };
    expect_nothing(*signer, random, "word");
    lane_fault.before = [&](impl::SignTable& table, impl::SignLanes*) {  // other points of the curve
      for (auto& row : table.limb[block]) std::swap_ranges(row, row + 16, row + 16);
    };
    expect_nothing(*signer, random, "row");
  }
}
#endif

// ---- one by one

// What a digit that flips in the multiplication leaves behind: the right k beside the abscissa of another.
struct DigitFlipped : impl::SignEngine {
  const impl::SignEngine* sound = nullptr;
  int bit = -1;
  void sign(const impl::SigningKey& key, std::span<const Number> e, std::span<const Number> k,
            impl::Attempt* attempts) const override {
    for (size_t i = 0; i < e.size(); ++i) {
      Number other = k[i];
      if (bit >= 0) other.limb[bit / 64] ^= uint64_t(1) << bit % 64;
      impl::Affine point;
      const bool on_curve = multiply(other, point);
      attempts[i] = impl::complete(key, e[i], k[i], point.x, 0 - uint64_t(on_curve));
    }
  }
  bool multiply(const Number& k, impl::Affine& out) const override { return sound->multiply(k, out); }
};

TEST(FaultsOneByOne, AFlippedDigitLetsNothingOut) {
  Random random(kSeed + 1);
  DigitFlipped engine;
  engine.sound = impl::portable_sign_engine();
  const auto signer = Signer::from_scalar(kScalar, engine, *impl::portable_engine());
  ASSERT_TRUE(signer);
  const auto sign = [&](int bit) {
    engine.bit = bit;
    return signer->sign(Digest(random.bytes()), Entropy(random.bytes()));
  };
  EXPECT_TRUE(sign(-1));
  for (int bit = 0; bit < 254; bit += 3) EXPECT_FALSE(sign(bit)) << bit;
  EXPECT_TRUE(sign(-1));
}

struct BentTable : impl::ScalarSignEngine<impl::PortableField> {
  void flip_word() {
    for (int i = 0; i < GeneratorComb::row; ++i) table_[i].y.limb[2] ^= 64;
  }
  void swap_rows() { std::swap_ranges(table_, table_ + 16, table_ + 16); }
};

TEST(FaultsOneByOne, AWrongTableLetsNothingOut) {
  Random random(kSeed + 2);
  for (const auto bend : {&BentTable::flip_word, &BentTable::swap_rows}) {
    BentTable engine;
    const auto signer = Signer::from_scalar(kScalar, engine, *impl::portable_engine());
    ASSERT_TRUE(signer);
    EXPECT_TRUE(signer->sign(Digest(random.bytes()), Entropy{}));
    (engine.*bend)();
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(signer->sign(Digest(random.bytes()), Entropy{}));
    expect_nothing(*signer, random, "many");
  }
}

// A field that flips one bit of one product.
struct FaultyField : impl::PortableField {
  static inline int until = -1, bit = 0;
  static impl::Tight bent(impl::Tight value) {
    if (until-- == 0) value.limb[bit / 64] ^= uint64_t(1) << bit % 64;
    return value;
  }
  static impl::Tight mul(const impl::Loose& a, const impl::Tight& b) {
    return bent(PortableField::mul(a, b));
  }
  static impl::Tight sqr(const impl::Tight& a) { return bent(PortableField::sqr(a)); }
};

TEST(FaultsOneByOne, AFlippedLimbOfAnyProductLetsNothingOut) {
  Random random(kSeed + 3);
  FaultyField::until = -1;
  static const impl::ScalarSignEngine<FaultyField> engine;
  const auto signer = Signer::from_scalar(kScalar, engine, *impl::portable_engine());
  ASSERT_TRUE(signer);
  const Digest e(random.bytes());
  const auto right = signer->sign(e, Entropy{});
  ASSERT_TRUE(right);
  int products = 0, caught = 0;
  for (bool more = true; more; ++products) {
    FaultyField::until = products;
    FaultyField::bit = int(random.word() % 256);
    const auto made = signer->sign(e, Entropy{});
    more = FaultyField::until < 0;
    caught += !made;
    EXPECT_EQ(made.value_or(*right), *right) << "product " << products;  // one that was not used, else
  }
  EXPECT_GT(products, 600);
  EXPECT_GT(caught, products - 10);
}

// ---- the check itself

struct Refusing : impl::Engine {
  const impl::Engine& sound = *impl::portable_engine();
  size_t refused = SIZE_MAX;  // place of the signature that does not hold
  mutable size_t unknown = 0, known = 0;
  void answer(size_t count, uint8_t* verdicts) const {
    for (size_t i = 0; i < count; ++i) verdicts[i] = i != refused;
  }
  void verify_unknown(std::span<const impl::Question> questions, uint8_t* verdicts) const override {
    unknown += questions.size();
    answer(questions.size(), verdicts);
  }
  void verify_known(impl::Tier, std::span<const impl::Question> questions, uint8_t* verdicts) const override {
    known += questions.size();
    answer(questions.size(), verdicts);
  }
  size_t table_bytes(impl::Tier tier) const override { return sound.table_bytes(tier); }
  void build(impl::Tier tier, std::span<const impl::Affine> keys, uint8_t* const* tables,
             uint8_t* good) const override {
    sound.build(tier, keys, tables, good);
  }
};

TEST(FaultCheck, LooksAtEverySignature) {
  Random random(kSeed + 4);
  Refusing engine;
  const auto signer = Signer::from_scalar(kScalar, *impl::portable_sign_engine(), engine);
  ASSERT_TRUE(signer);
  for (size_t bad = 0; bad <= kMany; ++bad) {
    Work work(random);
    engine.refused = bad;
    EXPECT_EQ(signer->sign_many(work.digests, work.entropy, work.made), bad == kMany) << bad;
  }
}

TEST(FaultCheck, MakesATableForAKeyThatSignsOften) {
  Refusing engine;
  const auto signer = Signer::from_scalar(kScalar, *impl::portable_sign_engine(), engine);
  ASSERT_TRUE(signer);
  const Signer copy = *signer;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE((i % 2 ? copy : *signer).sign(Digest{}, Entropy{}));
  EXPECT_EQ(engine.unknown, 15u);
  EXPECT_EQ(engine.known, 5u);
}

}  // namespace
}  // namespace chengxin::sm2
