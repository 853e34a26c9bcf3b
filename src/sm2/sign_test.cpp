#include "sm2/sign.h"

#include <gtest/gtest.h>

#include <set>

#include "base/cpu.h"
#include "sm2/curve_for_tests.h"
#include "sm2/impl/number.h"
#include "sm2/impl/portable_field.h"
#include "sm2/impl/sign_nonce.h"
#include "sm2/impl/sign_scalar.h"
#include "sm3/sm3.h"

namespace chengxin::sm2 {
namespace {

using impl::Attempt;
using impl::Number;
using reference::integer;
using reference::mod;
using reference::number;
using reference::Random;

constexpr uint64_t kSeed = 20261122;

Digest digest(const mpz_class& value) {
  Digest out;
  impl::to_big_endian(number(value), out.data());
  return out;
}

// GB/T 32918.5-2017, annex A.2.
const mpz_class kKey("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8", 16);
const mpz_class kNonce("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21", 16);
const mpz_class kDigest("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640", 16);
const mpz_class kR("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3", 16);
const mpz_class kS("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA", 16);

// ---- arithmetic modulo n

TEST(Order, AgreesWithGmp) {
  const mpz_class n = reference::n, full = mpz_class(1) << 256, radix_inverse = reference::inverse(full, n);
  std::vector<mpz_class> values = {0, 1, 2, n - 1, n - 2, n / 2, full - n, n, n + 1, full - 1};
  Random random(kSeed);
  for (int i = 0; i < 80; ++i) values.push_back(integer(impl::from_big_endian(random.bytes().data())));
  for (const mpz_class& any : values) {
    EXPECT_EQ(integer(impl::order::reduce(number(any))), any % n);
    const mpz_class a = any % n;
    EXPECT_EQ(impl::order::is_zero(number(a)), a == 0 ? ~uint64_t(0) : 0);
    EXPECT_EQ(
        integer(impl::order::mul(impl::order::invert(impl::order::to_montgomery(number(a))), number(a))),
        a == 0 ? 0 : 1);
    for (const mpz_class& other : values) {
      const mpz_class b = other % n;
      EXPECT_EQ(integer(impl::order::add(number(a), number(b))), (a + b) % n);
      EXPECT_EQ(integer(impl::order::sub(number(a), number(b))), mod(a - b, n));
      EXPECT_EQ(integer(impl::order::mul(number(any), number(b))), any * b * radix_inverse % n);
      EXPECT_EQ(integer(impl::order::reduce_wide(number(any), number(other))), (any * full + other) % n);
      EXPECT_EQ(impl::order::equal(number(a), number(b)), a == b ? ~uint64_t(0) : 0);
    }
  }
}

// ---- one signature for a given nonce

struct SignEngineTest : testing::TestWithParam<const char*> {
  const impl::SignEngine* engine = nullptr;
  void SetUp() override {
    if (std::string_view(GetParam()) == "portable") engine = impl::portable_sign_engine();
    if (std::string_view(GetParam()) == "adx" && cpu().adx) engine = impl::adx_sign_engine();
    if (std::string_view(GetParam()) == "ifma" && cpu().adx && cpu().ifma) engine = impl::ifma_sign_engine();
    if (!engine) GTEST_SKIP() << "not on this processor";
  }
  // Made twice, so that an engine of lanes uses them.
  Attempt attempt(const mpz_class& d, const mpz_class& e, const mpz_class& k) const {
    const Number digests[2] = {number(e), number(e)}, nonces[2] = {number(k), number(k)};
    Attempt out[2];
    engine->sign(impl::signing_key(number(d)), digests, nonces, out);
    EXPECT_EQ(out[0].r, out[1].r);
    EXPECT_EQ(out[0].s, out[1].s);
    EXPECT_EQ(out[0].refused, out[1].refused);
    EXPECT_EQ(out[0].broken, out[1].broken);
    return out[0];
  }
};
INSTANTIATE_TEST_SUITE_P(All, SignEngineTest, testing::Values("portable", "adx", "ifma"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(SignEngineTest, ExampleOfTheStandard) {
  const Attempt made = attempt(kKey, kDigest, kNonce);
  EXPECT_EQ(integer(made.r), kR);
  EXPECT_EQ(integer(made.s), kS);
  EXPECT_FALSE(made.refused);
  EXPECT_FALSE(made.broken);
}

TEST_P(SignEngineTest, MultipliesTheGenerator) {
  Random random(kSeed + 1);
  std::vector<mpz_class> scalars = {1, 2, 3, 4, reference::n - 1, reference::n - 2, reference::n / 2};
  for (int bit = 3; bit < 256; bit += 11) scalars.push_back(mpz_class(1) << bit);
  for (int i = 0; i < 40; ++i) scalars.push_back(random.scalar());
  for (const mpz_class& k : scalars) {
    impl::Affine point;
    ASSERT_TRUE(engine->multiply(number(k), point)) << k;
    const reference::Point expected = reference::multiply(k, reference::generator);
    EXPECT_EQ(integer(point.x), expected.x) << k;
    EXPECT_EQ(integer(point.y), expected.y) << k;
  }
  impl::Affine point;
  EXPECT_FALSE(engine->multiply(number(0), point));
}

// r = e + x for e = 0, so that the abscissa comes through; scalars near the ends and near powers of two, of
// which some have a sum of the comb meet its own operand.
TEST_P(SignEngineTest, AbscissasOfSpecialNonces) {
  Random random(kSeed + 7);
  std::vector<mpz_class> scalars = {1, 2, 3, 4, reference::n - 1, reference::n - 2, reference::n / 2};
  for (int bit = 3; bit < 256; bit += 11) scalars.push_back(mpz_class(1) << bit);
  for (const mpz_class& k : scalars) {
    const Attempt made = attempt(random.scalar() % (reference::n - 2) + 1, 0, k);
    EXPECT_EQ(integer(made.r), reference::multiply(k, reference::generator).x % reference::n) << k;
    EXPECT_FALSE(made.broken) << k;
  }
}

TEST_P(SignEngineTest, SignaturesHoldAlsoInGroups) {
  Random random(kSeed + 2);
  for (const size_t count : {1u, 2u, 15u, 16u, 17u, 40u}) {
    const mpz_class d = random.scalar() % (reference::n - 2) + 1;
    const reference::Point key = reference::multiply(d, reference::generator);
    std::vector<Number> e, k;
    for (size_t i = 0; i < count; ++i) {
      e.push_back(impl::from_big_endian(random.bytes().data()));
      k.push_back(number(random.scalar()));
    }
    std::vector<Attempt> attempts(count);
    engine->sign(impl::signing_key(number(d)), e, k, attempts.data());
    for (size_t i = 0; i < count; ++i) {
      EXPECT_FALSE(attempts[i].refused || attempts[i].broken);
      EXPECT_TRUE(
          reference::verify({attempts[i].r, attempts[i].s, e[i], {number(key.x), number(key.y)}, nullptr}));
    }
  }
}

// GB/T 32918.2 section 6.1, A5 and A6: r = 0, r + k = n, s = 0; and no nonce at all.
TEST_P(SignEngineTest, NoncesOfTheStandardAreRefused) {
  Random random(kSeed + 3);
  const mpz_class n = reference::n;
  for (int i = 0; i < 5; ++i) {
    const mpz_class d = random.scalar() % (n - 2) + 1, k = random.scalar();
    const mpz_class x = reference::multiply(k, reference::generator).x;
    EXPECT_TRUE(attempt(d, mod(-x, n), k).refused);
    EXPECT_TRUE(attempt(d, mod(-k - x, n), k).refused);
    EXPECT_TRUE(attempt(d, mod(k * reference::inverse(d, n) - x, n), k).refused);
    EXPECT_TRUE(attempt(d, random.scalar(), 0).refused);
    EXPECT_FALSE(attempt(d, mod(1 - x, n), k).refused);
  }
}

// ---- faults (more of them: sign_faults_test.cpp)

TEST(SigningFaults, OfTheStoredKeyAreCaught) {
  const Number e = number(kDigest), k = number(kNonce);
  for (int word = 0; word < 4; ++word) {
    for (Number impl::SigningKey::*part :
         {&impl::SigningKey::d, &impl::SigningKey::one_plus_d, &impl::SigningKey::inverse}) {
      impl::SigningKey key = impl::signing_key(number(kKey));
      (key.*part).limb[word] ^= 1u << 20;
      Attempt made;
      impl::portable_sign_engine()->sign(key, {&e, 1}, {&k, 1}, &made);
      EXPECT_TRUE(made.broken);
    }
  }
}

// ---- nonces

Number draw(const impl::NonceSource& source, const Digest& e, const Digest& entropy, uint32_t refused) {
  Number nonce;
  source.draw(e.data(), entropy.data(), refused, nonce);
  return nonce;
}

TEST(Nonces, AreTheHashOfEverything) {
  Random random(kSeed + 5);
  for (uint32_t refused = 0; refused < 4; ++refused) {
    const auto key = random.bytes(), e = random.bytes(), entropy = random.bytes();
    mpz_class wide = 0;
    for (uint8_t half = 0; half < 2; ++half) {
      Bytes text = to_bytes(view("chengxin SM2 nonce, version 1   "));
      append(text, key);
      append(text, e);
      append(text, entropy);
      put_be(text, refused);
      put_be(text, half);
      const sm3::Message message{text, {}, {}};
      Digest hashed;
      sm3::hash_many({&message, 1}, {&hashed, 1}, sm3::Path::portable);
      wide = (wide << 256) + integer(impl::from_big_endian(hashed.data()));
    }
    const Number drawn = draw(impl::NonceSource(key.data()), e, entropy, refused);
    EXPECT_EQ(integer(drawn), wide % reference::n);
  }
}

TEST(Nonces, DifferWhereverAnythingDiffers) {
  const Digest zero{}, one{1};
  const impl::NonceSource source(zero.data()), other(one.data());
  std::set<mpz_class> drawn;
  for (const impl::NonceSource* from : {&source, &other})
    for (const Digest& e : {zero, one})
      for (const Digest& entropy : {zero, one})
        for (const uint32_t refused : {0u, 1u}) drawn.insert(integer(draw(*from, e, entropy, refused)));
  EXPECT_EQ(drawn.size(), 16u);
  EXPECT_EQ(draw(source, one, zero, 0), draw(source, one, zero, 0));
}

// Of 256 equally likely classes; 330.5 is passed once in a thousand times, and the draws are always the same.
double chi_square(const std::array<int, 256>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(Nonces, NeitherRepeatNorLean) {
  constexpr int kDraws = 100'000;
  const Digest key{7};
  const impl::NonceSource source(key.data());
  std::set<std::array<uint64_t, 4>> seen;
  std::array<int, 256> top{}, bottom{};
  Digest e{}, entropy{};
  for (int i = 0; i < kDraws; ++i) {  // inputs that differ in a few bits only
    impl::to_big_endian({{uint64_t(i), 0, 0, 0}}, i % 2 ? e.data() : entropy.data());
    const Number k = draw(source, e, entropy, 0);
    seen.insert({k.limb[0], k.limb[1], k.limb[2], k.limb[3]});
    ++bottom[k.limb[0] & 0xff];
    // The top byte itself is a little less often 255: n is below 2^256. Its place is taken by k / n.
    ++top[size_t(double(k.limb[3]) / double(impl::kN.limb[3]) * 256) & 0xff];
  }
  EXPECT_EQ(seen.size(), size_t(kDraws));
  EXPECT_LT(chi_square(top, kDraws / 256.0), 330.5);
  EXPECT_LT(chi_square(bottom, kDraws / 256.0), 330.5);
}

// ---- the signer

impl::Question question_of(const Signature& signature, const Digest& e, const Point& key) {
  return {impl::from_big_endian(signature.data()),
          impl::from_big_endian(signature.data() + 32),
          impl::from_big_endian(e.data()),
          {impl::from_big_endian(key.data() + 1), impl::from_big_endian(key.data() + 33)},
          nullptr};
}

TEST(SignerTest, TakesScalarsOfTheStandardOnly) {
  const mpz_class n = reference::n;
  for (const mpz_class& bad :
       {mpz_class(0), mpz_class(n - 1), n, mpz_class(n + 1), mpz_class((mpz_class(1) << 256) - 1)})
    EXPECT_FALSE(Signer::from_scalar(digest(bad))) << bad;
  EXPECT_FALSE(Signer::from_scalar(ByteView(digest(5)).first(31)));
  EXPECT_FALSE(Signer::from_scalar({}));
  for (const mpz_class& good : {mpz_class(1), mpz_class(2), mpz_class(n - 2)}) {
    const auto signer = Signer::from_scalar(digest(good));
    ASSERT_TRUE(signer);
    const Digest e{9};
    const auto made = signer->sign(e, Entropy{});
    ASSERT_TRUE(made);
    EXPECT_TRUE(reference::verify(question_of(*made, e, signer->public_key())));
  }
}

struct SignerPathTest : testing::TestWithParam<Path> {
  void SetUp() override {
    if (!available(GetParam())) GTEST_SKIP() << "not on this processor";
  }
};
INSTANTIATE_TEST_SUITE_P(All, SignerPathTest, testing::ValuesIn(kPaths),
                         [](const auto& each) { return std::string(name(each.param)); });

// Another path in its place would leave what was asked for untested.
TEST(SignerDeathTest, APathThatIsNotThereIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // runs the program anew, which asks for the processor anew
  setenv("CHENGXIN_CPU_WITHOUT", "adx", 1);
  EXPECT_DEATH((void)Signer::from_scalar(digest(kKey), Path::adx), "");
  unsetenv("CHENGXIN_CPU_WITHOUT");
}

TEST_P(SignerPathTest, SignsMessagesAndDigestsAlike) {
  const std::string_view message = "message digest";
  const auto portable = Signer::from_scalar(digest(kKey), Path::portable);
  ASSERT_TRUE(portable);
  EXPECT_EQ(hex(portable->public_key()),
            "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
            "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
  const Entropy entropy{1, 2, 3};
  const auto expected = portable->sign(digest(kDigest), entropy);
  ASSERT_TRUE(expected);
  const auto signer = Signer::from_scalar(digest(kKey), GetParam());
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->sign(digest(kDigest), entropy), expected);
  EXPECT_EQ(signer->sign(view(message), entropy), expected);  // e of the standard's example
  EXPECT_NE(signer->sign(view(message), entropy, "another"), expected);
  EXPECT_FALSE(signer->sign(view(message), entropy, std::string(8192, 'x')));
}

TEST_P(SignerPathTest, ManyAreTheSameAsOneByOne) {
  Random random(kSeed + 6);
  auto original = Signer::from_scalar(digest(kKey), GetParam());
  Signer signer = *Signer::from_scalar(digest(5), GetParam());
  signer = *original;  // a copy lives by itself
  original.reset();
  for (const size_t count : {0u, 1u, 7u, 8u, 9u, 31u, 32u, 33u, 70u}) {
    std::vector<Digest> digests(count);
    std::vector<Entropy> entropy(count);
    for (size_t i = 0; i < count; ++i) digests[i] = random.bytes(), entropy[i] = random.bytes();
    std::vector<Signature> made(count);
    ASSERT_TRUE(signer.sign_many(digests, entropy, made));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(signer.sign(digests[i], entropy[i]), made[i]);
      if (i % 8 != 0) continue;
      EXPECT_TRUE(reference::verify(question_of(made[i], digests[i], signer.public_key())));
    }
  }
}

TEST_P(SignerPathTest, ManyMessagesAreTheSameAsOneByOne) {
  Random random(kSeed + 8);
  const auto signer = Signer::from_scalar(digest(kKey), GetParam());
  ASSERT_TRUE(signer);
  std::vector<Bytes> texts;
  std::vector<Entropy> entropy(40);
  for (size_t i = 0; i < entropy.size(); ++i) texts.push_back(Bytes(7 * i, uint8_t(i)));
  for (Entropy& one : entropy) one = random.bytes();
  const std::vector<ByteView> messages(texts.begin(), texts.end());
  std::vector<Signature> made(messages.size());
  for (const std::string_view id : {kDefaultId, std::string_view("another")}) {
    ASSERT_TRUE(signer->sign_many(messages, entropy, made, id));
    for (size_t i = 0; i < made.size(); ++i) EXPECT_EQ(signer->sign(messages[i], entropy[i], id), made[i]);
  }
  EXPECT_FALSE(signer->sign_many(messages, entropy, made, std::string(8192, 'x')));
}

TEST(SignerTest, RepeatedEntropyGivesAnotherNonceForAnotherDigest) {
  const auto signer = Signer::from_scalar(digest(kKey));
  ASSERT_TRUE(signer);
  const Entropy stuck{};
  const auto nonce_of = [&](const Digest& e) {  // k = s (1 + d) + r d
    const auto made = signer->sign(e, stuck);
    return mod(integer(impl::from_big_endian(made->data() + 32)) * (kKey + 1) +
                   integer(impl::from_big_endian(made->data())) * kKey,
               reference::n);
  };
  EXPECT_NE(nonce_of(digest(1)), nonce_of(digest(2)));
  EXPECT_EQ(nonce_of(digest(1)), nonce_of(digest(1)));
  EXPECT_EQ(nonce_of(digest(1)), integer(draw(impl::NonceSource(digest(kKey).data()), digest(1), stuck, 0)));
}

}  // namespace
}  // namespace chengxin::sm2
