#pragma once
#include "sm2/impl/field64.h"

// The field in plain C++ with 128-bit products (field64.h says what each function takes and gives).
namespace chengxin::sm2::impl {
namespace {  // compiled by several files with different flags: no copy may stand in for another

class PortableField {
 public:
  static constexpr int lanes = 1;

  [[gnu::noinline]] static Tight mul(const Loose& a, const Tight& b) { return tight(product(a, b)); }
  [[gnu::noinline]] static Tight sqr(const Tight& a) { return tight(square(a)); }

  static Loose add(const Tight& a, const Tight& b) {
    Sum sum;
    Wide carry = 0;
    for (int i = 0; i < 4; ++i) {
      carry += Wide(a.limb[i]) + b.limb[i];
      sum.limb[i] = uint64_t(carry);
      carry >>= 64;
    }
    sum.top = uint64_t(carry);
    return loose(sum);
  }

  // a - b, plus p where that is negative.
  static Tight sub(const Tight& a, const Tight& b) {
    Tight out;
    Signed borrow = 0;
    for (int i = 0; i < 4; ++i) {
      borrow += Signed(a.limb[i]) - b.limb[i];
      out.limb[i] = uint64_t(borrow);
      borrow >>= 64;
    }
    const uint64_t under = uint64_t(borrow);
    borrow = 0;
    for (int i = 0; i < 4; ++i) {
      borrow += Signed(out.limb[i]) - (kOne.limb[i] & under);
      out.limb[i] = uint64_t(borrow);
      borrow >>= 64;
    }
    return out;
  }

  // (3a + p, where that is odd) / 2 < 2p.
  static Tight three_halves(const Tight& a) {
    uint64_t twice[5];
    Wide carry = 0;
    const uint64_t odd = 0 - (a.limb[0] & 1);
    for (int i = 0; i < 4; ++i) {
      carry += Wide(a.limb[i]) + a.limb[i] + a.limb[i] + (kPrime[i] & odd);
      twice[i] = uint64_t(carry);
      carry >>= 64;
    }
    twice[4] = uint64_t(carry);
    Sum sum;
    for (int i = 0; i < 4; ++i) sum.limb[i] = twice[i] >> 1 | twice[i + 1] << 63;
    sum.top = twice[4] >> 1;
    return tight(sum);
  }

 private:
  using Wide = unsigned __int128;
  using Signed = __int128;

  struct Sum {  // below 2p
    uint64_t limb[4];
    uint64_t top;  // 0 or 1
  };

  // Subtracts p where the sum has a fifth word: adds 2^256 - p = kOne.
  static Loose loose(const Sum& sum) {
    Loose out;
    const uint64_t over = 0 - sum.top;
    Wide carry = 0;
    for (int i = 0; i < 4; ++i) {
      carry += Wide(sum.limb[i]) + (kOne.limb[i] & over);
      out.limb[i] = uint64_t(carry);
      carry >>= 64;
    }
    return out;
  }

  static Tight tight(const Sum& sum) {
    Tight out;
    Signed borrow = 0;
    for (int i = 0; i < 4; ++i) {
      borrow += Signed(sum.limb[i]) - kPrime[i];
      out.limb[i] = uint64_t(borrow);
      borrow >>= 64;
    }
    const uint64_t keep = uint64_t(borrow + sum.top);  // all ones where the sum is below p, else 0
    for (int i = 0; i < 4; ++i) out.limb[i] ^= (out.limb[i] ^ sum.limb[i]) & keep;
    return out;
  }

  // t[0..4] += a * b[0..3]; t[4] is written, not read.
  static void add_row(uint64_t* t, uint64_t a, const uint64_t* b) {
    uint64_t carry = 0;
    for (int j = 0; j < 4; ++j) {
      const Wide x = Wide(a) * b[j] + t[j] + carry;
      t[j] = uint64_t(x);
      carry = uint64_t(x >> 64);
    }
    t[4] = carry;
  }

  static Sum product(const Loose& a, const Tight& b) {
    uint64_t t[8] = {};
    for (int i = 0; i < 4; ++i) add_row(t + i, a.limb[i], b.limb);
    return reduce(t);
  }

  static Sum square(const Tight& a) {
    const uint64_t* x = a.limb;
    uint64_t t[8];
    Wide c = Wide(x[0]) * x[1];
    t[1] = uint64_t(c);
    c = Wide(x[0]) * x[2] + uint64_t(c >> 64);
    t[2] = uint64_t(c);
    c = Wide(x[0]) * x[3] + uint64_t(c >> 64);
    t[3] = uint64_t(c);
    t[4] = uint64_t(c >> 64);
    c = Wide(x[1]) * x[2] + t[3];
    t[3] = uint64_t(c);
    c = Wide(x[1]) * x[3] + t[4] + uint64_t(c >> 64);
    t[4] = uint64_t(c);
    c = Wide(x[2]) * x[3] + uint64_t(c >> 64);
    t[5] = uint64_t(c);
    t[6] = uint64_t(c >> 64);
    t[7] = t[6] >> 63;
    for (int i = 6; i > 1; --i) t[i] = t[i] << 1 | t[i - 1] >> 63;
    t[1] <<= 1;
    t[0] = 0;
    Wide carry = 0;
    for (int i = 0; i < 4; ++i) {
      const Wide xx = Wide(x[i]) * x[i];
      carry += Wide(t[2 * i]) + uint64_t(xx);
      t[2 * i] = uint64_t(carry);
      carry = (carry >> 64) + t[2 * i + 1] + uint64_t(xx >> 64);
      t[2 * i + 1] = uint64_t(carry);
      carry >>= 64;
    }
    return reduce(t);
  }

  // t / 2^256, below 2p for t < 2^256 p.
  static Sum reduce(uint64_t* t) {
    const uint64_t first = reduce_two(t, 0);
    const uint64_t second = reduce_two(t + 2, first);
    return {{t[4], t[5], t[6], t[7]}, second};
  }

  // Adds m p to t[0..5] so that t[0] and t[1] become zero, m = m0 + 2^64 m1. With p = -1 modulo 2^64, m0 is
  // t[0]; then m (2^256 - 2^224 - 2^96 + 2^64 - 1) is laid out by words, its shifted parts joined where they
  // fill one word together. `over` is what the step before left above t[3]; the same above t[5] is returned.
  static uint64_t reduce_two(uint64_t* t, uint64_t over) {
    const uint64_t m0 = t[0];
    Signed sum = Signed(t[1]) + m0 - (m0 << 32);
    const uint64_t m1 = uint64_t(sum);
    const uint64_t middle = m1 << 32 | m0 >> 32, crossed = m0 << 32 | m1 >> 32;
    sum = (sum >> 64) + t[2] + m1 - middle;
    t[2] = uint64_t(sum);
    sum = (sum >> 64) + t[3] - crossed;
    t[3] = uint64_t(sum);
    sum = (sum >> 64) + t[4] + m0 - middle + over;
    t[4] = uint64_t(sum);
    sum = (sum >> 64) + t[5] + m1 - (m1 >> 32);
    t[5] = uint64_t(sum);
    return uint64_t(sum >> 64);
  }
};

}  // namespace
}  // namespace chengxin::sm2::impl
