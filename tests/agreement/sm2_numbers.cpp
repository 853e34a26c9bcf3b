#include "sm2_numbers.h"

#include "base/check.h"
#include "crypto/impl/tongsuo.h"

namespace chengxin::sm2::agreement {
namespace {

namespace tongsuo = crypto::tongsuo;

// What a thread uses again for each operation.
struct Scratch {
  tongsuo::BignumContext context{BN_CTX_new()};
  tongsuo::Bignum a{BN_new()}, b{BN_new()}, c{BN_new()};
  tongsuo::Point base{EC_POINT_new(tongsuo::curve())}, out{EC_POINT_new(tongsuo::curve())};
};
Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

BIGNUM* load(const tongsuo::Bignum& to, const Number& from) {
  return BN_bin2bn(from.data(), int(from.size()), to.get());
}
Number store(const BIGNUM* from) {
  Number out;
  CHECK(BN_bn2binpad(from, out.data(), int(out.size())) == 32);
  return out;
}

template <typename Operation>
Number modulo(const Number& a, const Number& b, Operation&& operation) {
  Scratch& with = scratch();
  load(with.a, a);
  load(with.b, b);
  CHECK(operation(with.c.get(), with.a.get(), with.b.get(), tongsuo::order(), with.context.get()) == 1);
  return store(with.c.get());
}

std::optional<Point> affine(const EC_POINT* point) {
  Point out;
  if (EC_POINT_is_at_infinity(tongsuo::curve(), point)) return std::nullopt;
  CHECK(EC_POINT_point2oct(tongsuo::curve(), point, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                           scratch().context.get()) == out.size());
  return out;
}

}  // namespace

Number Random::scalar() {
  for (;;)
    if (Number out = bits(); !is_zero(out) && less(out, order())) return out;
}

const Number& prime() {
  static const Number value = [] {
    tongsuo::Bignum p(BN_new());
    EC_GROUP_get_curve(tongsuo::curve(), p.get(), nullptr, nullptr, nullptr);
    return store(p.get());
  }();
  return value;
}
const Number& order() {
  static const Number value = store(tongsuo::order());
  return value;
}
Number small(uint64_t value) {
  Number out{};
  for (size_t i = 0; i < 8; ++i) out[31 - i] = uint8_t(value >> 8 * i);
  return out;
}
Number power(unsigned exponent) {
  Number out{};
  out[31 - exponent / 8] = uint8_t(1 << exponent % 8);
  return out;
}
bool less(const Number& a, const Number& b) { return a < b; }
bool is_zero(const Number& a) { return a == Number{}; }

Number plus(const Number& a, const Number& b) { return modulo(a, b, BN_mod_add); }
Number minus(const Number& a, const Number& b) { return modulo(a, b, BN_mod_sub); }
Number times(const Number& a, const Number& b) { return modulo(a, b, BN_mod_mul); }
Number inverse(const Number& a) {
  Scratch& with = scratch();
  CHECK(BN_mod_inverse(with.c.get(), load(with.a, a), tongsuo::order(), with.context.get()));
  return store(with.c.get());
}

std::optional<Number> sum(const Number& a, const Number& b) {
  Scratch& with = scratch();
  BN_add(with.c.get(), load(with.a, a), load(with.b, b));
  if (BN_num_bits(with.c.get()) > 256) return std::nullopt;
  return store(with.c.get());
}
std::optional<Number> difference(const Number& a, const Number& b) {
  if (less(a, b)) return std::nullopt;
  Scratch& with = scratch();
  BN_sub(with.c.get(), load(with.a, a), load(with.b, b));
  return store(with.c.get());
}

Number x_of(const Point& point) {
  Number out;
  std::copy_n(point.begin() + 1, 32, out.begin());
  return out;
}
Number y_of(const Point& point) {
  Number out;
  std::copy_n(point.begin() + 33, 32, out.begin());
  return out;
}
Point point_of(const Number& x, const Number& y) {
  Point out{4};
  std::copy(x.begin(), x.end(), out.begin() + 1);
  std::copy(y.begin(), y.end(), out.begin() + 33);
  return out;
}
const Point& generator() {
  static const Point point = *affine(EC_GROUP_get0_generator(tongsuo::curve()));
  return point;
}

std::optional<Point> multiply(const Number& s) {
  Scratch& with = scratch();
  CHECK(EC_POINT_mul(tongsuo::curve(), with.out.get(), load(with.a, s), nullptr, nullptr,
                     with.context.get()) == 1);
  return affine(with.out.get());
}
std::optional<Point> multiply(const Number& s, const Point& base, const Number& t) {
  Scratch& with = scratch();
  CHECK(EC_POINT_oct2point(tongsuo::curve(), with.base.get(), base.data(), base.size(), with.context.get()) ==
        1);
  CHECK(EC_POINT_mul(tongsuo::curve(), with.out.get(), load(with.a, s), with.base.get(), load(with.b, t),
                     with.context.get()) == 1);
  return affine(with.out.get());
}
std::optional<Point> lift(const Number& x, bool odd) {
  Scratch& with = scratch();
  if (!less(x, prime()) ||
      EC_POINT_set_compressed_coordinates(tongsuo::curve(), with.out.get(), load(with.a, x), odd,
                                          with.context.get()) != 1) {
    (void)tongsuo::last_error();  // empties the queue
    return std::nullopt;
  }
  return affine(with.out.get());
}

}  // namespace chengxin::sm2::agreement
