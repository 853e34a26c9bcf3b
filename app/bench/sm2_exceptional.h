#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "sm2/impl/number.h"

// Signatures made by somebody who knows his private key and how a path adds up sG + tP, such that one
// addition meets a point and the same point, or its negative: the formulas that suffice for everybody else
// give no answer there.
namespace chengxin::app::bench {

using sm2::impl::Number;

// The order in which a path takes up the digits of s and t. Every digit is +1 or -1 (sm2/impl/number.h); an
// addition takes those at `positions`, of t and a multiple of P, or of s and a multiple of G.
struct Addition {
  bool of_key;
  std::vector<unsigned> positions;
};
struct Shape {
  unsigned digits_s, digits_t;
  std::vector<Addition> additions;
};
enum class Kind { unknown, small, large };
Shape shape_of(sm2::Path path, Kind kind);

struct Collision {
  Number d, s, t;  // the key's scalar, and the signature's: r = t - s
  size_t step;     // the addition that fails
};
// Numbers for a collision at the addition with this number, at the first one of G where it is 0. The private
// key follows from the rest, so there is a new one each time.
Collision collide(const Shape& shape, size_t step, std::mt19937_64& random);
// Another signature of the same key with the same collision: the digits that come later are drawn anew.
Collision again(const Shape& shape, const Collision& first, std::mt19937_64& random);

Number multiply_mod_n(const Number& a, const Number& b);

}  // namespace chengxin::app::bench
