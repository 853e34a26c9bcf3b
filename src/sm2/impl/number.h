#pragma once
#include "sm2/impl/engine.h"

// 256-bit integers for everything around the curve that is not a field operation: ranges, arithmetic mod n,
// and the digits of a scalar. Public values only: nothing here is constant-time. All functions are static, so
// that a copy compiled for one processor can never stand in for another's.
namespace chengxin::sm2::impl {

// sm2p256v1, GB/T 32918.5-2017. a = p - 3.
static constexpr Number kP = {
    {0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFEFFFFFFFF}};
static constexpr Number kN = {
    {0x53BBF40939D54123, 0x7203DF6B21C6052B, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFEFFFFFFFF}};
static constexpr Number kB = {
    {0xDDBCBD414D940E93, 0xF39789F515AB8F92, 0x4D5A9E4BCF6509A7, 0x28E9FA9E9D9F5E34}};
static constexpr Affine kG = {
    {{0x715A4589334C74C7, 0x8FE30BBFF2660BE1, 0x5F9904466A39C994, 0x32C4AE2C1F198119}},
    {{0x02DF32E52139F0A0, 0xD0A9877CC62A4740, 0x59BDCEE36B692153, 0xBC3736A2F4F6779C}}};

static inline bool is_zero(const Number& a) { return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0; }

static inline bool equal(const Number& a, const Number& b) {
  return ((a.limb[0] ^ b.limb[0]) | (a.limb[1] ^ b.limb[1]) | (a.limb[2] ^ b.limb[2]) |
          (a.limb[3] ^ b.limb[3])) == 0;
}

// out = a + b mod 2^256; the carry.
static inline bool add(Number& out, const Number& a, const Number& b) {
  uint64_t carry = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned __int128 sum = (unsigned __int128)a.limb[i] + b.limb[i] + carry;
    out.limb[i] = uint64_t(sum);
    carry = uint64_t(sum >> 64);
  }
  return carry != 0;
}

// out = a - b mod 2^256; the borrow.
static inline bool sub(Number& out, const Number& a, const Number& b) {
  uint64_t borrow = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned __int128 difference = (unsigned __int128)a.limb[i] - b.limb[i] - borrow;
    out.limb[i] = uint64_t(difference);
    borrow = uint64_t(difference >> 64) & 1;
  }
  return borrow != 0;
}

static inline bool less(const Number& a, const Number& b) {
  Number ignored;
  return sub(ignored, a, b);
}

// 1 <= a < n
static inline bool is_scalar(const Number& a) { return !is_zero(a) && less(a, kN); }

// Any 256-bit number mod n (2^256 < 2n).
static inline Number mod_n(const Number& a) {
  Number reduced;
  return sub(reduced, a, kN) ? a : reduced;
}

// a + b and a - b mod n, of numbers below n.
static inline Number add_mod_n(const Number& a, const Number& b) {
  Number sum, reduced;
  const bool carry = add(sum, a, b);
  const bool borrow = sub(reduced, sum, kN);
  return carry || !borrow ? reduced : sum;
}
static inline Number sub_mod_n(const Number& a, const Number& b) {
  Number difference;
  if (sub(difference, a, b)) add(difference, difference, kN);
  return difference;
}

static inline Number from_big_endian(const uint8_t* bytes) {
  Number out;
  for (int i = 0; i < 4; ++i) {
    uint64_t limb;
    __builtin_memcpy(&limb, bytes + 8 * (3 - i), 8);
    out.limb[i] = __builtin_bswap64(limb);
  }
  return out;
}
static inline void to_big_endian(const Number& a, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    const uint64_t limb = __builtin_bswap64(a.limb[3 - i]);
    __builtin_memcpy(bytes + 8 * i, &limb, 8);
  }
}

// What a verification needs of r, s and e besides the points: t = r + s mod n, and r - e mod n, to which the
// abscissa of sG + tP must be congruent mod n. valid is false when r or s is out of range or t = 0; the other
// members are then 1, so that the arithmetic may go on harmlessly.
struct Scalars {
  bool valid;
  Number s, t, target;
};
static inline Scalars scalars_of(const Number& r, const Number& s, const Number& e) {
  constexpr Number one = {{1, 0, 0, 0}};
  if (!is_scalar(r) || !is_scalar(s)) return {false, one, one, one};
  const Number t = add_mod_n(r, s);
  if (is_zero(t)) return {false, one, one, one};
  return {true, s, t, sub_mod_n(r, mod_n(e))};
}

// A scalar k, 1 <= k < n, in odd signed digits: k = sum over i of digit_i 2^(w i) mod n, each digit odd and
// below 2^w in magnitude. There are no zero digits, so a sum of table entries never starts at infinity. An
// even k is taken as -(n - k). The digits of an odd k are read from the bits of (k + 2^total - 1) / 2, where
// total = w * (number of digits) >= 256: digit_i = 2 * (its w bits) - (2^w - 1).
struct Digits {
  uint64_t bits[6];  // two above, so that a digit may be read across the end
  bool negative;     // of the whole scalar
};
static inline Digits recode(const Number& k, int total) {
  Number odd = k;
  const bool negative = !(k.limb[0] & 1);
  if (negative) sub(odd, kN, k);
  Digits out = {{}, negative};
  for (int i = 0; i < 4; ++i) out.bits[i] = odd.limb[i] >> 1 | (i < 3 ? odd.limb[i + 1] << 63 : 0);
  out.bits[(total - 1) / 64] |= uint64_t(1) << (total - 1) % 64;
  return out;
}

// Digit i of windows of w bits: its magnitude is 2 * index + 1, so that index runs over 0 .. 2^(w-1) - 1. The
// sign of the whole scalar is in negative already.
struct Digit {
  uint32_t index;
  bool negative;
};
static inline Digit digit(const Digits& digits, int i, int w) {
  const int at = i * w, shift = at % 64;
  uint64_t value = digits.bits[at / 64] >> shift;
  if (shift + w > 64) value |= digits.bits[at / 64 + 1] << (64 - shift);
  const uint32_t half = uint32_t(1) << (w - 1);
  const bool positive = value & half;
  return {uint32_t(positive ? value : ~value) & (half - 1), positive == digits.negative};
}

}  // namespace chengxin::sm2::impl
