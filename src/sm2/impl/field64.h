#pragma once
#include <cstdint>

// The field of sm2p256v1 in four words of 64 bits, Montgomery form (x stands for x / 2^256), the least word
// first. p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
//
// An implementation (PortableField, AdxField) is a class of static functions over these two types. What a
// value may be is its type; nothing here branches or indexes by a value.
//   Tight mul(Loose, Tight), sqr(Tight)   the Montgomery product
//   Loose add(Tight, Tight)
//   Tight sub(Tight, Tight)
//   Tight three_halves(Tight)             x * 3/2
namespace chengxin::sm2::impl {

struct Loose {  // any 256-bit number; stands for its residue modulo p
  uint64_t limb[4];
};
struct Tight : Loose {};  // below p: one representation for each residue

inline constexpr uint64_t kPrime[4] = {0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff,
                                       0xfffffffeffffffff};
// 2^256 - p, also the Montgomery form of 1.
inline constexpr Tight kOne{{{1, 0xffffffff, 0, 0x100000000}}};
inline constexpr Tight kZero{{{0, 0, 0, 0}}};
inline constexpr Tight kMontgomerySquare{
    // 2^512 mod p: a product with it enters Montgomery form
    {{0x0000000200000003, 0x00000002ffffffff, 0x0000000100000001, 0x0000000400000002}}};
inline constexpr Loose kPlainOne{{1, 0, 0, 0}};  // a product with it leaves Montgomery form
// The coefficient b of the curve and the generator, in Montgomery form.
inline constexpr Tight kCurveB{
    {{0x90d230632bc0dd42, 0x71cf379ae9b537ab, 0x527981505ea51c3c, 0x240fe188ba20e2c8}}};
inline constexpr Tight kGeneratorX{
    {{0x61328990f418029e, 0x3e7981eddca6c050, 0xd6a1ed99ac24c3c3, 0x91167a5ee1c13b05}}};
inline constexpr Tight kGeneratorY{
    {{0xc1354e593c2d0ddd, 0xc1f5e5788d3295fa, 0x8d4cfb066e2a48f8, 0x63cd65d481d735bd}}};

inline bool is_zero(const Tight& a) { return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0; }
inline bool equal(const Tight& a, const Tight& b) {
  return ((a.limb[0] ^ b.limb[0]) | (a.limb[1] ^ b.limb[1]) | (a.limb[2] ^ b.limb[2]) |
          (a.limb[3] ^ b.limb[3])) == 0;
}

template <class F>
Tight negate(const Tight& a) {
  return F::sub(kZero, a);
}

template <class F>
Tight sqr_times(Tight a, int times) {
  for (int i = 0; i < times; ++i) a = F::sqr(a);
  return a;
}

// a^(p-2) by a fixed chain: 1/a, and 0 for 0. In binary p-2 is 31 ones, 0, 128 ones, 32 zeros, 62 ones, 01.
template <class F>
Tight invert(const Tight& a) {
  const Tight ones2 = F::mul(F::sqr(a), a);
  const Tight ones4 = F::mul(sqr_times<F>(ones2, 2), ones2);
  const Tight ones6 = F::mul(sqr_times<F>(ones4, 2), ones2);
  const Tight ones8 = F::mul(sqr_times<F>(ones4, 4), ones4);
  const Tight ones14 = F::mul(sqr_times<F>(ones8, 6), ones6);
  const Tight ones16 = F::mul(sqr_times<F>(ones8, 8), ones8);
  const Tight ones30 = F::mul(sqr_times<F>(ones16, 14), ones14);
  const Tight ones31 = F::mul(F::sqr(ones30), a);
  const Tight ones32 = F::mul(F::sqr(ones31), a);
  const Tight ones62 = F::mul(sqr_times<F>(ones32, 30), ones30);
  const Tight ones64 = F::mul(sqr_times<F>(ones32, 32), ones32);
  const Tight ones128 = F::mul(sqr_times<F>(ones64, 64), ones64);
  Tight power = F::mul(sqr_times<F>(ones31, 129), ones128);
  power = F::mul(sqr_times<F>(power, 94), ones62);
  return F::mul(sqr_times<F>(power, 2), a);
}

// y^2 - (x^3 - 3x + b): zero for points of the curve.
template <class F>
Tight curve_error(const Tight& x, const Tight& y) {
  const Tight cube = F::mul(F::sqr(x), x);
  const Tight linear = F::sub(F::sub(F::sub(cube, x), x), x);
  return F::sub(F::sub(F::sqr(y), linear), kCurveB);
}

}  // namespace chengxin::sm2::impl
