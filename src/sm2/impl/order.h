#pragma once
#include "sm2/impl/engine.h"

// Arithmetic modulo n, the order of the generator, in constant time: for signing. Numbers are below n unless
// said otherwise. A mask is all ones for true, 0 for false. All functions are static, as in number.h.
namespace chengxin::sm2::impl::order {

inline constexpr Number kOrder = {
    {0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff}};
inline constexpr Number kOne = {{1, 0, 0, 0}};
// 2^512 mod n: a product with it enters Montgomery form.
inline constexpr Number kMontgomerySquare = {
    {0x901192af7c114f20, 0x3464504ade6fa2fa, 0x620fc84c3affe0d4, 0x1eb5e412a22b3d3b}};

static inline uint64_t is_zero(const Number& a) {
  const uint64_t any = a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3];
  return ((any | (0 - any)) >> 63) - 1;
}
static inline uint64_t equal(const Number& a, const Number& b) {
  return is_zero(
      {{a.limb[0] ^ b.limb[0], a.limb[1] ^ b.limb[1], a.limb[2] ^ b.limb[2], a.limb[3] ^ b.limb[3]}});
}
static inline Number choose(uint64_t mask, const Number& a, const Number& b) {  // a where the mask is set
  Number out;
  for (int i = 0; i < 4; ++i) out.limb[i] = b.limb[i] ^ (mask & (a.limb[i] ^ b.limb[i]));
  return out;
}

// a - b, and the mask of its being negative.
static inline uint64_t subtract(Number& out, const Number& a, const Number& b) {
  __int128 sum = 0;
  for (int i = 0; i < 4; ++i) {
    sum += __int128(a.limb[i]) - b.limb[i];
    out.limb[i] = uint64_t(sum);
    sum >>= 64;
  }
  return uint64_t(sum);
}
// top 2^256 + a below 2n, modulo n.
static inline Number reduce(const Number& a, uint64_t top) {
  Number less;
  const uint64_t below = subtract(less, a, kOrder);
  return choose(below & ~(0 - top), a, less);
}
static inline Number reduce(const Number& a) { return reduce(a, 0); }  // of any number: 2^256 < 2n

static inline Number add(const Number& a, const Number& b) {
  Number sum;
  unsigned __int128 carry = 0;
  for (int i = 0; i < 4; ++i) {
    carry += (unsigned __int128)a.limb[i] + b.limb[i];
    sum.limb[i] = uint64_t(carry);
    carry >>= 64;
  }
  return reduce(sum, uint64_t(carry));
}
static inline Number sub(const Number& a, const Number& b) {
  Number difference, more;
  const uint64_t below = subtract(difference, a, b);
  unsigned __int128 carry = 0;
  for (int i = 0; i < 4; ++i) {
    carry += (unsigned __int128)difference.limb[i] + kOrder.limb[i];
    more.limb[i] = uint64_t(carry);
    carry >>= 64;
  }
  return choose(below, more, difference);
}

// a * b / 2^256. One of the two may be any number of 256 bits.
static inline Number mul(const Number& a, const Number& b) {
  constexpr uint64_t kNegativeInverse = 0x327f9e8872350975;  // -1/n modulo 2^64
  uint64_t t[6] = {};
  for (int i = 0; i < 4; ++i) {
    unsigned __int128 sum = 0;
    for (int j = 0; j < 4; ++j) {
      sum += (unsigned __int128)a.limb[i] * b.limb[j] + t[j];
      t[j] = uint64_t(sum);
      sum >>= 64;
    }
    sum += t[4];
    t[4] = uint64_t(sum);
    t[5] = uint64_t(sum >> 64);
    const uint64_t m = t[0] * kNegativeInverse;
    sum = (unsigned __int128)m * kOrder.limb[0] + t[0];
    for (int j = 1; j < 4; ++j) {
      sum = (sum >> 64) + (unsigned __int128)m * kOrder.limb[j] + t[j];
      t[j - 1] = uint64_t(sum);
    }
    sum = (sum >> 64) + t[4];
    t[3] = uint64_t(sum);
    t[4] = t[5] + uint64_t(sum >> 64);
  }
  return reduce({{t[0], t[1], t[2], t[3]}}, t[4]);
}

// high 2^256 + low, of any two numbers of 256 bits, modulo n.
static inline Number reduce_wide(const Number& high, const Number& low) {
  return add(mul(high, kMontgomerySquare), reduce(low));
}

static inline Number to_montgomery(const Number& a) { return mul(a, kMontgomerySquare); }

// a^(n-2) for a in Montgomery form: its inverse, in Montgomery form.
static inline Number invert(const Number& a) {
  constexpr uint64_t kExponent[4] = {kOrder.limb[0] - 2, kOrder.limb[1], kOrder.limb[2], kOrder.limb[3]};
  Number power = a;
  for (int bit = 254; bit >= 0; --bit) {
    power = mul(power, power);
    if (kExponent[bit / 64] >> bit % 64 & 1) power = mul(power, a);
  }
  return power;
}

}  // namespace chengxin::sm2::impl::order
