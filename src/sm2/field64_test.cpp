#include <gtest/gtest.h>

#include "base/cpu.h"
#include "sm2/curve_for_tests.h"
#include "sm2/impl/adx_field.h"
#include "sm2/impl/portable_field.h"
#include "sm2/impl/scalar_point.h"

// The field of the scalar engines, and the sums of their points, against GMP.
namespace chengxin::sm2 {
namespace {

using impl::Loose;
using impl::Number;
using impl::Tight;
using reference::integer;
using reference::mod;
using reference::number;
using reference::Random;

constexpr uint64_t kSeed = 20261122;

mpz_class value(const Loose& a) { return integer({{a.limb[0], a.limb[1], a.limb[2], a.limb[3]}}); }
Loose loose(const mpz_class& value) {
  const Number plain = number(value);
  return {{plain.limb[0], plain.limb[1], plain.limb[2], plain.limb[3]}};
}
Tight tight(const mpz_class& value) { return {loose(value)}; }

template <class F>
struct FieldTest : testing::Test {
  static bool runs() { return true; }
};
template <>
bool FieldTest<impl::AdxField>::runs() {
  return cpu().adx;
}
using Fields = testing::Types<impl::PortableField, impl::AdxField>;
TYPED_TEST_SUITE(FieldTest, Fields);

TYPED_TEST(FieldTest, AgreesWithGmp) {
  if (!TestFixture::runs()) GTEST_SKIP() << "not on this processor";
  using F = TypeParam;
  const mpz_class p = reference::p, full = mpz_class(1) << 256;
  const mpz_class radix = mod(full, p), radix_inverse = reference::inverse(radix, p), half = (p + 1) / 2;
  std::vector<mpz_class> values = {0,        1,        2,     p - 1,        p - 2, p,   p + 1,
                                   full - 1, full - 2, radix, full - p - 1, p / 2, half};
  Random random(kSeed);
  for (int i = 0; i < 60; ++i) values.push_back(integer(random.any()));
  for (int i = 0; i < 60; ++i) values.push_back(random.below(p));
  for (const mpz_class& a : values) {
    for (const mpz_class& second : values) {
      const mpz_class b = mod(second, p);
      EXPECT_EQ(value(F::mul(loose(a), tight(b))), mod(a * b * radix_inverse, p));
      if (a >= p) continue;
      EXPECT_EQ(value(F::sub(tight(a), tight(b))), mod(a - b, p));
      const mpz_class sum = value(F::add(tight(a), tight(b)));
      EXPECT_EQ(mod(sum, p), mod(a + b, p));
      EXPECT_LT(sum, full);
    }
    if (a >= p) continue;
    EXPECT_EQ(value(F::sqr(tight(a))), mod(a * a * radix_inverse, p));
    EXPECT_EQ(value(F::sqr(tight(a))), value(F::mul(tight(a), tight(a))));
    EXPECT_EQ(value(F::three_halves(tight(a))), mod(3 * a * half, p));
    const Tight inverse = impl::invert<F>(tight(a));
    EXPECT_EQ(value(F::mul(inverse, tight(a))), a == 0 ? mpz_class(0) : radix);
  }
}

TYPED_TEST(FieldTest, LongChainsAgreeWithGmp) {
  if (!TestFixture::runs()) GTEST_SKIP() << "not on this processor";
  using F = TypeParam;
  const mpz_class p = reference::p, radix_inverse = reference::inverse(mod(mpz_class(1) << 256, p), p);
  Random random(kSeed + 1);
  mpz_class a = random.below(p), b = random.below(p);
  Tight x = tight(a), y = tight(b);
  for (int i = 0; i < 50'000; ++i) {
    const mpz_class product = mod((a + b) * b * radix_inverse, p), square = mod(a * a * radix_inverse, p);
    const Tight next = F::mul(F::add(x, y), y);
    y = F::sub(F::sqr(x), y);
    b = mod(square - b, p);
    x = next;
    a = product;
    ASSERT_EQ(value(x), a) << "step " << i;
    ASSERT_EQ(value(y), b) << "step " << i;
  }
}

// Doubles and adds in both kinds of coordinates, lanes of all kinds side by side.
TYPED_TEST(FieldTest, SumsAreComplete) {
  if (!TestFixture::runs()) GTEST_SKIP() << "not on this processor";
  using F = TypeParam;
  const mpz_class p = reference::p, radix = mod(mpz_class(1) << 256, p);
  const auto enter = [&](const mpz_class& a) { return tight(mod(a * radix, p)); };
  const auto leave = [&](const Tight& a) { return mod(value(a) * reference::inverse(radix, p), p); };
  Random random(kSeed + 3);
  const reference::Point a = reference::multiply(random.scalar(), reference::generator);
  const reference::Point b = reference::multiply(random.scalar(), reference::generator);
  const reference::Point sums[] = {a, {0, 0, true}, b, reference::negate(a)};
  const reference::Point points[] = {a, b, reference::negate(b)};
  struct Lane {
    reference::Point sum, point;
  };
  std::vector<Lane> lanes;
  for (const auto& sum : sums)
    for (const auto& point : points) lanes.push_back({sum, point});
  for (const Lane& one : lanes) {
    for (const Lane& other : lanes) {
      impl::Jacobian<F, 2> jacobian;
      impl::Xyzz<F, 2> xyzz;
      impl::AffineLanes<F, 2> point;
      for (int k = 0; k < 2; ++k) {
        const Lane& lane = k ? other : one;
        const mpz_class z = lane.sum.infinite ? mpz_class(0) : random.scalar();
        const mpz_class x = lane.sum.infinite ? mpz_class(1) : mpz_class(lane.sum.x * z * z);
        const mpz_class y = lane.sum.infinite ? mpz_class(1) : mpz_class(lane.sum.y * z * z * z);
        jacobian.x.lane[k] = xyzz.x.lane[k] = enter(x);
        jacobian.y.lane[k] = xyzz.y.lane[k] = enter(y);
        jacobian.z.lane[k] = enter(z);
        xyzz.zz.lane[k] = enter(z * z);
        xyzz.zzz.lane[k] = enter(z * z * z);
        point.x.lane[k] = enter(lane.point.x);
        point.y.lane[k] = enter(lane.point.y);
      }
      const auto expect = [&](auto expected) {
        const impl::Xyzz<F, 2> powers = impl::with_powers(jacobian);
        for (const auto& found : {powers, xyzz}) {
          for (int k = 0; k < 2; ++k) {
            const reference::Point right = expected(k ? other : one);
            const mpz_class zz = leave(found.zz.lane[k]), zzz = leave(found.zzz.lane[k]);
            EXPECT_EQ(zz == 0, right.infinite);
            EXPECT_EQ(zzz == 0, right.infinite);
            if (right.infinite) continue;
            EXPECT_EQ(leave(found.x.lane[k]), mod(right.x * zz, p));
            EXPECT_EQ(leave(found.y.lane[k]), mod(right.y * zzz, p));
          }
        }
      };
      impl::add(jacobian, point);
      impl::add(xyzz, point);
      expect([](const Lane& lane) { return reference::add(lane.sum, lane.point); });
      impl::double_in_place(jacobian);
      impl::double_in_place(xyzz);
      expect([](const Lane& lane) {
        const auto sum = reference::add(lane.sum, lane.point);
        return reference::add(sum, sum);
      });
    }
  }
}

TEST(Field64, ConstantsAreWhatTheyAreCalled) {
  const mpz_class p = reference::p, radix = mod(mpz_class(1) << 256, p);
  EXPECT_EQ(value(impl::kOne), radix);
  EXPECT_EQ(value(impl::kMontgomerySquare), mod(radix * radix, p));
  EXPECT_EQ(value(impl::kCurveB), mod(reference::b * radix, p));
  EXPECT_EQ(value(impl::kGeneratorX), mod(reference::generator.x * radix, p));
  EXPECT_EQ(value(impl::kGeneratorY), mod(reference::generator.y * radix, p));
}

}  // namespace
}  // namespace chengxin::sm2
