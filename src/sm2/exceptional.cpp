#include "sm2/exceptional.h"

#include "base/check.h"
#include "sm2/impl/number.h"
#include "sm2/sign.h"

namespace chengxin::sm2 {
namespace {

using namespace impl;

// The order in which a path takes up the digits of s and t. Every digit is +1 or -1 (impl/number.h); an
// addition takes those at `positions`, of t and a multiple of P, or of s and a multiple of G.
struct Addition {
  bool of_key;
  std::vector<unsigned> positions;
};
struct Shape {
  unsigned digits_s, digits_t;
  std::vector<Addition> additions;
};

struct CombShape {
  unsigned teeth, blocks, columns;
  unsigned digits() const { return teeth * blocks * columns; }
};
// What the engines have. One that is out of date costs the collision, not the correctness of the signature.
struct Combs {
  CombShape base, small, large;
};
constexpr Combs kLanes = {{13, 5, 4}, {6, 4, 11}, {8, 8, 4}};    // impl/ifma_kernel.h
constexpr Combs kScalar = {{13, 4, 5}, {6, 2, 22}, {11, 4, 6}};  // impl/scalar_engine.h
constexpr unsigned kWindow = 5, kWindows = 52;                   // of both

void add_column(std::vector<Addition>& out, bool of_key, const CombShape& comb, unsigned column) {
  for (unsigned block = 0; block < comb.blocks; ++block) {
    Addition one{of_key, {}};
    for (unsigned tooth = 0; tooth < comb.teeth; ++tooth)
      one.positions.push_back(column + comb.columns * (block + comb.blocks * tooth));
    out.push_back(std::move(one));
  }
}

void add_window(std::vector<Addition>& out, unsigned window) {
  Addition one{true, {}};
  for (unsigned bit = 0; bit < kWindow; ++bit) one.positions.push_back(window * kWindow + bit);
  out.push_back(std::move(one));
}

Number random_scalar(std::mt19937_64& random) {
  for (;;) {
    const Number out = {{random(), random(), random(), random()}};
    if (is_scalar(out)) return out;
  }
}

Number negative_mod_n(const Number& a) { return sub_mod_n({}, a); }

Number multiply_mod_n(const Number& a, const Number& b) {
  Number out = {};
  for (int bit = 255; bit >= 0; --bit) {
    out = add_mod_n(out, out);
    if (b.limb[bit / 64] >> bit % 64 & 1) out = add_mod_n(out, a);
  }
  return out;
}

// a^(n-2)
Number inverse_mod_n(const Number& a) {
  Number exponent, out = {{1, 0, 0, 0}};
  sub(exponent, kN, {{2, 0, 0, 0}});
  for (int bit = 255; bit >= 0; --bit) {
    out = multiply_mod_n(out, out);
    if (exponent.limb[bit / 64] >> bit % 64 & 1) out = multiply_mod_n(out, a);
  }
  return out;
}

Number power_of_two(unsigned exponent) {  // mod n
  Number out = {{1, 0, 0, 0}};
  for (unsigned i = 0; i < exponent; ++i) out = add_mod_n(out, out);
  return out;
}

bool positive(const Digits& digits, unsigned at) {
  return bool(digits.bits[at / 64] >> at % 64 & 1) != digits.negative;
}

// What an addition contributes to the multiple of its point, mod n.
Number contribution(const Digits& digits, const Addition& addition) {
  Number out = {};
  for (unsigned at : addition.positions) {
    const Number one = power_of_two(at);
    out = positive(digits, at) ? add_mod_n(out, one) : sub_mod_n(out, one);
  }
  return out;
}

// The scalar of a set of digits; false where it is out of range, and recoding would give other digits.
bool scalar_of(const Digits& digits, unsigned count, Number& out) {
  // (k + 2^count - 1) / 2 is in the bits, and k is odd.
  Number half = {{digits.bits[0], digits.bits[1], digits.bits[2], digits.bits[3]}};
  const uint64_t above = digits.bits[4];
  const bool top = (count > 256 ? above : half.limb[3]) >> (count - 1) % 64 & 1;
  if (!top) return false;  // k would be negative
  if (count > 256 ? above != uint64_t(1) << (count - 1) % 64 : false) return false;
  if (count <= 256) half.limb[3] &= ~(uint64_t(1) << (count - 1) % 64);
  if (half.limb[3] >> 63) return false;
  for (int i = 3; i >= 0; --i) out.limb[i] = half.limb[i] << 1 | (i > 0 ? half.limb[i - 1] >> 63 : 1);
  if (!is_scalar(out)) return false;
  if (digits.negative) out = negative_mod_n(out);
  return true;
}

// Draws the digits of a scalar anew that no addition up to and with `step` has taken; the highest stay, for
// the range.
Number redrawn(const Shape& shape, size_t step, bool of_key, const Number& scalar, std::mt19937_64& random) {
  const unsigned count = of_key ? shape.digits_t : shape.digits_s;
  const Digits before = recode(scalar, int(count));
  std::vector<unsigned> open;
  for (size_t i = step + 1; i < shape.additions.size(); ++i)
    if (shape.additions[i].of_key == of_key)
      for (unsigned at : shape.additions[i].positions)
        if (at < 250) open.push_back(at);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    Digits digits = before;
    for (unsigned at : open)
      if (random() & 1) digits.bits[at / 64] ^= uint64_t(1) << at % 64;
    if (Number out; scalar_of(digits, count, out)) return out;
  }
  return scalar;
}

Shape shape_of(Path path, Meeting meeting) {
  const Combs& combs = path == Path::ifma ? kLanes : kScalar;
  Shape out{combs.base.digits(), kWindow * kWindows, {}};
  if (meeting == Meeting::unknown) {
    for (unsigned window = kWindows - 1; window > 0; --window) add_window(out.additions, window);
    for (unsigned column = combs.base.columns; column-- > 0;)
      add_column(out.additions, false, combs.base, column);
    add_window(out.additions, 0);
    return out;
  }
  const CombShape& key = meeting == Meeting::small_table ? combs.small : combs.large;
  out.digits_t = key.digits();
  for (unsigned column = key.columns; column-- > 0;) {
    add_column(out.additions, true, key, column);
    if (column < combs.base.columns) add_column(out.additions, false, combs.base, column);
  }
  return out;
}

// s, t and the private key d.
struct Numbers {
  Number d, s, t;
};

// d such that the addition `step` collides, for drawn s and t.
Numbers collide(const Shape& shape, size_t step, std::mt19937_64& random) {
  for (;;) {
    Numbers out{{}, random_scalar(random), random_scalar(random)};
    const Digits s = recode(out.s, int(shape.digits_s)), t = recode(out.t, int(shape.digits_t));
    Number of_g = {}, of_p = {};  // the sum before the step is of_g·G + of_p·P
    for (size_t i = 0; i < step; ++i) {
      const Addition& addition = shape.additions[i];
      Number& sum = addition.of_key ? of_p : of_g;
      sum = add_mod_n(sum, contribution(addition.of_key ? t : s, addition));
    }
    const Addition& addition = shape.additions[step];
    Number next = contribution(addition.of_key ? t : s, addition);
    if (random() & 1) next = negative_mod_n(next);
    // of_g + of_p·d = next, or next·d
    const Number left = addition.of_key ? sub_mod_n(of_p, next) : of_p;
    const Number right = addition.of_key ? negative_mod_n(of_g) : sub_mod_n(next, of_g);
    if (is_zero(left) || is_zero(right)) continue;
    out.d = multiply_mod_n(right, inverse_mod_n(left));
    return out;
  }
}

Digest bytes_of(const Number& number) {
  Digest bytes;
  to_big_endian(number, bytes.data());
  return bytes;
}

std::optional<Exceptional> craft(const Numbers& numbers, const std::optional<Point>& key, size_t step) {
  // The nonce is (s + t·d)·G; 0 and n-1, which no signer takes, are left out.
  const Number k = add_mod_n(numbers.s, multiply_mod_n(numbers.t, numbers.d));
  const auto nonce = Signer::from_scalar(bytes_of(k)),
             holder = key ? std::nullopt : Signer::from_scalar(bytes_of(numbers.d));
  const Number r = sub_mod_n(numbers.t, numbers.s);
  if (!nonce || !(key || holder) || is_zero(r)) return std::nullopt;
  Exceptional out;
  out.key = key ? *key : holder->public_key();
  out.secret = bytes_of(numbers.d);
  out.step = step;
  to_big_endian(r, out.signature.data());
  to_big_endian(numbers.s, out.signature.data() + 32);
  out.e = bytes_of(sub_mod_n(r, mod_n(from_big_endian(nonce->public_key().data() + 1))));
  return out;
}

}  // namespace

Steps exceptional_steps(Path path, Meeting meeting) {
  const Shape shape = shape_of(path, meeting);
  size_t first = 0;
  while (shape.additions[first].of_key) ++first;
  return {first, shape.additions.size()};
}

Exceptional make_exceptional(Path path, Meeting meeting, size_t step, std::mt19937_64& random) {
  const Shape shape = shape_of(path, meeting);
  const Steps steps = exceptional_steps(path, meeting);
  CHECK(step >= steps.first && step < steps.end);
  for (;;)
    if (auto made = craft(collide(shape, step, random), std::nullopt, step)) return *made;
}

std::vector<Exceptional> more_exceptional(Path path, Meeting meeting, const Exceptional& one, size_t count,
                                          std::mt19937_64& random) {
  const Shape shape = shape_of(path, meeting);
  const Number r = from_big_endian(one.signature.data()), s = from_big_endian(one.signature.data() + 32);
  const Numbers first{from_big_endian(one.secret.data()), s, add_mod_n(r, s)};
  std::vector<Exceptional> out = {one};
  while (out.size() < count) {
    const Numbers next{first.d, redrawn(shape, one.step, false, first.s, random),
                       redrawn(shape, one.step, true, first.t, random)};
    if (auto made = craft(next, one.key, one.step)) out.push_back(*made);
  }
  return out;
}

}  // namespace chengxin::sm2
