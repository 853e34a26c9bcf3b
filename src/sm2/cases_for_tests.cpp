#include "sm2/cases_for_tests.h"

#include "sm2/impl/number.h"

namespace chengxin::sm2::reference {
namespace {

// +1 or -1 for each digit.
std::vector<int> signs_of(const mpz_class& scalar, int count) {
  const impl::Digits digits = impl::recode(number(scalar), count);
  std::vector<int> out;
  for (int i = 0; i < count; ++i) out.push_back(impl::digit(digits, i, 1).negative ? -1 : 1);
  return out;
}

mpz_class entry(const std::vector<int>& signs, const CombShape& comb, int block, int column) {
  mpz_class sum = 0;
  for (int tooth = 0; tooth < comb.teeth; ++tooth) {
    const int at = (tooth * comb.blocks + block) * comb.columns;
    sum += (mpz_class(1) << at) * signs[at + column];
  }
  return sum;
}

}  // namespace

Walk comb_walk(const mpz_class& s, const CombShape& of_base, const mpz_class& t, const CombShape& of_key) {
  const auto base_signs = signs_of(s, of_base.teeth * of_base.blocks * of_base.columns);
  const auto key_signs = signs_of(t, of_key.teeth * of_key.blocks * of_key.columns);
  Walk walk;
  for (int column = std::max(of_base.columns, of_key.columns); column-- > 0;) {
    int doublings = walk.empty() ? 0 : 1;
    const auto add = [&](bool key, const std::vector<int>& signs, const CombShape& comb) {
      for (int block = 0; column < comb.columns && block < comb.blocks; ++block) {
        walk.push_back({doublings, key, entry(signs, comb, block, column)});
        doublings = 0;
      }
    };
    add(true, key_signs, of_key);
    add(false, base_signs, of_base);
  }
  return walk;
}

Walk window_walk(const mpz_class& s, const CombShape& of_base, const mpz_class& t) {
  constexpr int kBits = 5, kWindows = 52;
  const impl::Digits digits = impl::recode(number(t), kBits * kWindows);
  const auto window = [&](int i) {
    const impl::Digit digit = impl::digit(digits, i, kBits);
    const int value = int(2 * digit.index + 1);
    return mpz_class(digit.negative ? -value : value);
  };
  Walk walk;
  for (int i = kWindows; i-- > 1;) walk.push_back({walk.empty() ? 0 : kBits, true, window(i)});
  const auto signs = signs_of(s, of_base.teeth * of_base.blocks * of_base.columns);
  for (int column = of_base.columns; column-- > 0;) {
    for (int block = 0; block < of_base.blocks; ++block) {
      const int first = column == of_base.columns - 1 ? kBits - of_base.columns + 1 : 1;
      walk.push_back({block == 0 ? first : 0, false, entry(signs, of_base, block, column)});
    }
  }
  walk.push_back({0, true, window(0)});
  return walk;
}

std::optional<mpz_class> colliding_key(const Walk& walk, size_t step, bool opposite) {
  mpz_class of_base = 0, of_key = 0;  // of the sum so far
  for (size_t i = 0; i <= step; ++i) {
    of_base <<= walk[i].doublings;
    of_key <<= walk[i].doublings;
    if (i < step) (walk[i].of_key ? of_key : of_base) += walk[i].coefficient;
  }
  // of_base + of_key d = +- the next one
  (walk[step].of_key ? of_key : of_base) +=
      opposite ? walk[step].coefficient : mpz_class(-walk[step].coefficient);
  of_base = mod(of_base, n), of_key = mod(of_key, n);
  if (of_base == 0 || of_key == 0) return std::nullopt;
  const mpz_class secret = mod(-of_base * inverse(of_key, n), n);
  if (secret == n - 1) return std::nullopt;
  return secret;
}

impl::Question question_for(const mpz_class& s, const mpz_class& t, const mpz_class& secret) {
  const Point key = multiply(secret, generator), sum = multiply(mod(s + t * secret, n), generator);
  const mpz_class r = mod(t - s, n);
  return {number(r), number(s), number(mod(r - sum.x, n)), {number(key.x), number(key.y)}, nullptr};
}

}  // namespace chengxin::sm2::reference
