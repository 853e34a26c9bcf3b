#pragma once
#include <gmpxx.h>

#include <array>
#include <random>

#include "sm2/impl/engine.h"

// sm2p256v1 the slow and plain way, with GMP: what the engines are compared with.
namespace chengxin::sm2::reference {

extern const mpz_class p, n, a, b;

struct Point {
  mpz_class x, y;
  bool infinite = false;
  bool operator==(const Point&) const = default;
};
extern const Point generator;

mpz_class mod(const mpz_class& value, const mpz_class& modulus);  // 0 … modulus-1
mpz_class inverse(const mpz_class& value, const mpz_class& modulus);
Point negate(const Point& point);
Point add(const Point& one, const Point& other);
Point multiply(const mpz_class& scalar, const Point& point);
bool on_curve(const mpz_class& x, const mpz_class& y);
Point lift(const mpz_class& x);  // a point with this abscissa; infinite when there is none

impl::Number number(const mpz_class& value);
mpz_class integer(const impl::Number& value);

class Random {
 public:
  explicit Random(uint64_t seed) : generator_(seed) {}
  uint64_t word() { return generator_(); }
  // Any 256-bit number; often with words of zeros or ones.
  impl::Number any() {
    impl::Number out;
    for (uint64_t& limb : out.limb) {
      const uint64_t kind = word() % 8;
      limb = kind == 0 ? 0 : kind == 1 ? ~uint64_t(0) : kind == 2 ? word() % 4 - 2 : word();
    }
    return out;
  }
  mpz_class below(const mpz_class& bound) {
    mpz_class value;
    for (int i = 0; i < 5; ++i) value = (value << 64) + mpz_class(static_cast<unsigned long>(word()));
    return value % bound;
  }
  std::array<uint8_t, 32> bytes() {
    std::array<uint8_t, 32> out;
    for (uint8_t& byte : out) byte = uint8_t(word());
    return out;
  }
  mpz_class scalar() { return below(n - 1) + 1; }

 private:
  std::mt19937_64 generator_;
};

bool verify(const impl::Question& question);  // GB/T 32918.2 section 7.1, B1, B2 and B5 to B7

}  // namespace chengxin::sm2::reference
