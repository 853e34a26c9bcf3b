#include "sm2/exceptional.h"

#include <algorithm>

#include "base/check.h"
#include "sm2/impl/ifma_kernel.h"
#include "sm2/impl/number.h"
#include "sm2/sign.h"

namespace chengxin::sm2 {
namespace {

using namespace impl;

// Every digit of s and t is +1 or -1 (impl/number.h). An addition takes up those at `positions`, of t and a
// multiple of P, or of s and a multiple of G.
struct Addition {
  bool of_key;
  std::vector<unsigned> positions;
};
using Additions = std::vector<Addition>;

// Two sums that meet in an addition: what was taken up before, and what comes to it.
struct Encounter {
  Additions before, next;
};
struct Shape {
  unsigned digits_s = 0, digits_t = 0;
  std::vector<Encounter> encounters;
};

struct CombShape {
  unsigned teeth, blocks, columns;
  unsigned digits() const { return teeth * blocks * columns; }
};
struct Combs {
  CombShape base, small, large;
};
constexpr CombShape shape_of(const LaneComb& comb) {
  return {unsigned(comb.teeth), unsigned(comb.blocks), unsigned(comb.columns)};
}
constexpr Combs kLanes = {shape_of(kBaseComb), shape_of(kSmallComb), shape_of(kLargeComb)};
// impl/scalar_engine.h. What is out of date costs the encounter, not the correctness of the signature.
constexpr Combs kScalar = {{13, 4, 5}, {6, 2, 22}, {11, 4, 6}};

void add_column(Additions& out, bool of_key, const CombShape& comb, unsigned column) {
  for (unsigned block = 0; block < comb.blocks; ++block) {
    Addition one{of_key, {}};
    for (unsigned tooth = 0; tooth < comb.teeth; ++tooth)
      one.positions.push_back(column + comb.columns * (block + comb.blocks * tooth));
    out.push_back(std::move(one));
  }
}

void add_window(Additions& out, unsigned window) {
  Addition one{true, {}};
  for (unsigned bit = 0; bit < unsigned(kWindowBits); ++bit)
    one.positions.push_back(window * unsigned(kWindowBits) + bit);
  out.push_back(std::move(one));
}

bool has(const Additions& additions, bool of_key) {
  return std::any_of(additions.begin(), additions.end(),
                     [&](const Addition& one) { return one.of_key == of_key; });
}

// One after the other, from the first that adds something of G to something of P.
void walk(const Additions& additions, std::vector<Encounter>& out) {
  for (size_t i = 1; i < additions.size(); ++i) {
    Encounter one{{additions.begin(), additions.begin() + long(i)}, {additions[i]}};
    if ((has(one.before, true) || has(one.next, true)) && (has(one.before, false) || has(one.next, false)))
      out.push_back(std::move(one));
  }
}

// A single signature whose blocks are spread over eight lanes (impl/ifma_single.h): each lane's own walk,
// then the sums of lanes 4, 2 and 1 apart.
void walk_spread(const std::vector<Additions>& columns, std::vector<Encounter>& out) {
  std::vector<Additions> lanes(8);
  for (const Additions& column : columns)
    for (size_t j = 0; j < column.size(); ++j) lanes[j % 8].push_back(column[j]);
  for (const Additions& lane : lanes) walk(lane, out);
  for (size_t distance = 4; distance > 0; distance /= 2) {
    for (size_t i = 0; i < distance; ++i) {
      out.push_back({lanes[i], lanes[i + distance]});
      lanes[i].insert(lanes[i].end(), lanes[i + distance].begin(), lanes[i + distance].end());
    }
  }
}

Shape shape_of(Path path, Meeting meeting) {
  const bool in_lanes = path == Path::ifma;
  const Combs& combs = in_lanes ? kLanes : kScalar;
  Shape out;
  out.digits_s = combs.base.digits();
  Additions all;
  if (meeting == Meeting::unknown) {
    out.digits_t = unsigned(kWindowBits * kWindows);
    for (unsigned window = unsigned(kWindows) - 1; window > 0; --window) add_window(all, window);
    for (unsigned column = combs.base.columns; column-- > 0;) add_column(all, false, combs.base, column);
    add_window(all, 0);
    walk(all, out.encounters);
    return out;
  }
  const bool small = meeting == Meeting::small_table || meeting == Meeting::small_alone;
  const CombShape& key = small ? combs.small : combs.large;
  out.digits_t = key.digits();
  std::vector<Additions> columns;
  for (unsigned column = key.columns; column-- > 0;) {
    Additions& one = columns.emplace_back();
    add_column(one, true, key, column);
    if (column < combs.base.columns) add_column(one, false, combs.base, column);
    all.insert(all.end(), one.begin(), one.end());
  }
  const bool alone = meeting == Meeting::small_alone || meeting == Meeting::large_alone;
  if (alone && in_lanes)
    walk_spread(columns, out.encounters);
  else
    walk(all, out.encounters);
  return out;
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

// Draws the digits of a scalar anew that have no part in the encounter; the highest stay, for the range.
Number redrawn(const Shape& shape, const Encounter& encounter, bool of_key, const Number& scalar,
               std::mt19937_64& random) {
  const unsigned count = of_key ? shape.digits_t : shape.digits_s;
  std::vector<bool> taken(count);
  for (const Additions* list : {&encounter.before, &encounter.next})
    for (const Addition& addition : *list)
      for (unsigned at : addition.positions)
        if (addition.of_key == of_key) taken[at] = true;
  const Digits before = recode(scalar, int(count));
  for (int attempt = 0; attempt < 1000; ++attempt) {
    Digits digits = before;
    for (unsigned at = 0; at < 250; ++at)
      if (!taken[at] && random() & 1) digits.bits[at / 64] ^= uint64_t(1) << at % 64;
    if (Number out; scalar_of(digits, count, out)) return out;
  }
  return scalar;
}

// s, t and the private key d.
struct Numbers {
  Number d, s, t;
};

// The multiples of G and of P that these additions make.
struct Multiples {
  Number of_g = {}, of_p = {};
};
Multiples sum(const Additions& additions, const Digits& s, const Digits& t) {
  Multiples out;
  for (const Addition& addition : additions) {
    Number& to = addition.of_key ? out.of_p : out.of_g;
    to = add_mod_n(to, contribution(addition.of_key ? t : s, addition));
  }
  return out;
}

// d such that the two sums are the same point, or opposite ones, for drawn s and t.
Numbers collide(const Shape& shape, const Encounter& encounter, std::mt19937_64& random) {
  for (;;) {
    Numbers out{{}, random_scalar(random), random_scalar(random)};
    const Digits s = recode(out.s, int(shape.digits_s)), t = recode(out.t, int(shape.digits_t));
    const Multiples before = sum(encounter.before, s, t);
    Multiples next = sum(encounter.next, s, t);
    if (random() & 1) next = {negative_mod_n(next.of_g), negative_mod_n(next.of_p)};
    const Number left = sub_mod_n(before.of_p, next.of_p), right = sub_mod_n(next.of_g, before.of_g);
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

size_t exceptional_steps(Path path, Meeting meeting) { return shape_of(path, meeting).encounters.size(); }

Exceptional make_exceptional(Path path, Meeting meeting, size_t step, std::mt19937_64& random) {
  const Shape shape = shape_of(path, meeting);
  CHECK(step < shape.encounters.size());
  for (;;)
    if (auto made = craft(collide(shape, shape.encounters[step], random), std::nullopt, step)) return *made;
}

std::vector<Exceptional> more_exceptional(Path path, Meeting meeting, const Exceptional& one, size_t count,
                                          std::mt19937_64& random) {
  const Shape shape = shape_of(path, meeting);
  const Encounter& encounter = shape.encounters.at(one.step);
  const Number r = from_big_endian(one.signature.data()), s = from_big_endian(one.signature.data() + 32);
  const Numbers first{from_big_endian(one.secret.data()), s, add_mod_n(r, s)};
  std::vector<Exceptional> out = {one};
  while (out.size() < count) {
    const Numbers next{first.d, redrawn(shape, encounter, false, first.s, random),
                       redrawn(shape, encounter, true, first.t, random)};
    if (auto made = craft(next, one.key, one.step)) out.push_back(*made);
  }
  return out;
}

}  // namespace chengxin::sm2
