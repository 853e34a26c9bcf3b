#pragma once
#include <gmpxx.h>

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

bool verify(const impl::Question& question);  // GB/T 32918.2 section 7.1, B1, B2 and B5 to B7

}  // namespace chengxin::sm2::reference
