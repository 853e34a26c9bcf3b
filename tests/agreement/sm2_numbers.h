#pragma once
#include <optional>

#include "sm2/sm2.h"

// Arithmetic for making cases, by Tongsuo's big numbers and its general curve code: nothing of src/sm2 takes
// part.
namespace chengxin::sm2::agreement {

using Number = std::array<uint8_t, 32>;  // big-endian

// A stream of random numbers that is cheap to begin, so that each case can have its own (SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t operator()() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t limit) { return (*this)() % limit; }
  Number bits() {
    Number out;
    for (uint8_t& byte : out) byte = uint8_t((*this)());
    return out;
  }
  Number scalar();  // 1 … n-1

 private:
  uint64_t state_;
};

const Number& prime();  // p of GB/T 32918.5
const Number& order();  // n
Number small(uint64_t value);
Number power(unsigned exponent);  // 2^exponent
bool less(const Number& a, const Number& b);
bool is_zero(const Number& a);
// Modulo n; the operands may be any 256-bit numbers.
Number plus(const Number& a, const Number& b);
Number minus(const Number& a, const Number& b);
Number times(const Number& a, const Number& b);
Number inverse(const Number& a);
inline Number negative(const Number& a) { return minus(small(0), a); }
// As integers: nullopt above 2^256-1, or below zero.
std::optional<Number> sum(const Number& a, const Number& b);
std::optional<Number> difference(const Number& a, const Number& b);

Number x_of(const Point& point);
Number y_of(const Point& point);
Point point_of(const Number& x, const Number& y);
const Point& generator();
std::optional<Point> multiply(const Number& s);  // s·G; nullopt: the point at infinity
std::optional<Point> multiply(const Number& s, const Point& base, const Number& t);  // s·G + t·base
std::optional<Point> lift(const Number& x, bool odd);  // the point of the curve with this x, if there is one

}  // namespace chengxin::sm2::agreement
