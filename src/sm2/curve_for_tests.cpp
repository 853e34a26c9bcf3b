#include "sm2/curve_for_tests.h"

namespace chengxin::sm2::reference {

const mpz_class p("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF", 16);
const mpz_class n("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16);
const mpz_class a = p - 3;
const mpz_class b("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93", 16);
const Point generator{mpz_class("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7", 16),
                      mpz_class("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0", 16)};

mpz_class mod(const mpz_class& value, const mpz_class& modulus) {
  mpz_class out;
  mpz_mod(out.get_mpz_t(), value.get_mpz_t(), modulus.get_mpz_t());
  return out;
}

mpz_class inverse(const mpz_class& value, const mpz_class& modulus) {
  mpz_class out;
  mpz_invert(out.get_mpz_t(), value.get_mpz_t(), modulus.get_mpz_t());
  return out;
}

Point negate(const Point& point) { return point.infinite ? point : Point{point.x, mod(-point.y, p)}; }

Point add(const Point& one, const Point& other) {
  if (one.infinite) return other;
  if (other.infinite) return one;
  mpz_class slope;
  if (one.x != other.x) {
    slope = (other.y - one.y) * inverse(mod(other.x - one.x, p), p);
  } else if (one.y == other.y && one.y != 0) {
    slope = (3 * one.x * one.x + a) * inverse(2 * one.y, p);
  } else {
    return {0, 0, true};
  }
  const mpz_class x = mod(slope * slope - one.x - other.x, p);
  return {x, mod(slope * (one.x - x) - one.y, p)};
}

Point multiply(const mpz_class& scalar, const Point& point) {
  Point out{0, 0, true};
  for (size_t bit = mpz_sizeinbase(scalar.get_mpz_t(), 2); bit-- > 0;) {
    out = add(out, out);
    if (mpz_tstbit(scalar.get_mpz_t(), bit)) out = add(out, point);
  }
  return out;
}

bool on_curve(const mpz_class& x, const mpz_class& y) {
  return x >= 0 && x < p && y >= 0 && y < p && mod(y * y - (x * x * x + a * x + b), p) == 0;
}

Point lift(const mpz_class& x) {
  const mpz_class square = mod(x * x * x + a * x + b, p), exponent = (p + 1) / 4;
  mpz_class y;
  mpz_powm(y.get_mpz_t(), square.get_mpz_t(), exponent.get_mpz_t(), p.get_mpz_t());
  return on_curve(x, y) ? Point{x, y} : Point{0, 0, true};
}

impl::Number number(const mpz_class& value) {
  impl::Number out{};
  mpz_export(out.limb, nullptr, -1, 8, 0, 0, value.get_mpz_t());
  return out;
}

mpz_class integer(const impl::Number& value) {
  mpz_class out;
  mpz_import(out.get_mpz_t(), 4, -1, 8, 0, 0, value.limb);
  return out;
}

bool verify(const impl::Question& question) {
  const mpz_class r = integer(question.r), s = integer(question.s);
  const Point key{integer(question.key.x), integer(question.key.y)};
  if (r == 0 || r >= n || s == 0 || s >= n || !on_curve(key.x, key.y)) return false;
  const mpz_class t = (r + s) % n;
  if (t == 0) return false;
  const Point sum = add(multiply(s, generator), multiply(t, key));
  return !sum.infinite && (integer(question.e) + sum.x) % n == r;
}

}  // namespace chengxin::sm2::reference
