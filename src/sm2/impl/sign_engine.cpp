#include "sm2/impl/sign_engine.h"

#include <cstring>

#include "sm2/impl/order.h"

namespace chengxin::sm2::impl {

SigningKey signing_key(const Number& d) {
  SigningKey key;
  key.d = order::to_montgomery(d);
  key.one_plus_d = order::to_montgomery(order::add(d, order::kOne));
  key.inverse = order::invert(key.one_plus_d);
  return key;
}

Digits recode_secret(const Number& k, int total) {
  const uint64_t even = (k.limb[0] & 1) - 1;
  Number odd;
  order::subtract(odd, order::kOrder, k);
  odd = order::choose(even, odd, k);
  Digits out = {{}, bool(even & 1)};
  for (int i = 0; i < 4; ++i) out.bits[i] = odd.limb[i] >> 1 | (i < 3 ? odd.limb[i + 1] << 63 : 0);
  out.bits[(total - 1) / 64] |= uint64_t(1) << (total - 1) % 64;
  wipe(&odd, sizeof odd);
  return out;
}

// s = (k - r d) / (1 + d) is (k + r) / (1 + d) - r.
Attempt complete(const SigningKey& key, const Number& e, const Number& k, const Number& x,
                 uint64_t on_curve) {
  Attempt out;
  out.r = order::add(order::reduce(e), order::reduce(x));
  const Number sum = order::add(k, out.r);
  out.s = order::sub(order::mul(sum, key.inverse), out.r);
  const Number again = order::add(order::mul(out.s, key.one_plus_d), order::mul(out.r, key.d));
  out.refused = order::is_zero(k) | order::is_zero(out.r) | order::is_zero(sum) | order::is_zero(out.s);
  out.broken = ~(on_curve & order::equal(again, k));
  return out;
}

void select(const TablePoint* row, size_t count, uint32_t index, TablePoint& out) {
  using Pair [[gnu::vector_size(16), gnu::may_alias]] = uint64_t;
  Pair sum[4] = {};
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t same = 0 - ((uint64_t(i ^ index) - 1) >> 63);
    const Pair mask = {same, same};
    const Pair* entry = reinterpret_cast<const Pair*>(row + i);
    for (int j = 0; j < 4; ++j) sum[j] |= entry[j] & mask;
  }
  std::memcpy(&out, sum, sizeof out);
}

void wipe(void* bytes, size_t count) {
  std::memset(bytes, 0, count);
  asm volatile("" : : "r"(bytes) : "memory");
}

[[gnu::noinline]] void wipe_stack() {
  uint8_t below[16384];
  wipe(below, sizeof below);
#if defined(__x86_64__)
  asm volatile(
      "pxor %%xmm0, %%xmm0\n pxor %%xmm1, %%xmm1\n pxor %%xmm2, %%xmm2\n pxor %%xmm3, %%xmm3\n"
      "pxor %%xmm4, %%xmm4\n pxor %%xmm5, %%xmm5\n pxor %%xmm6, %%xmm6\n pxor %%xmm7, %%xmm7\n"
      "pxor %%xmm8, %%xmm8\n pxor %%xmm9, %%xmm9\n pxor %%xmm10, %%xmm10\n pxor %%xmm11, %%xmm11\n"
      "pxor %%xmm12, %%xmm12\n pxor %%xmm13, %%xmm13\n pxor %%xmm14, %%xmm14\n pxor %%xmm15, %%xmm15"
      :
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15");
#endif
}

}  // namespace chengxin::sm2::impl
