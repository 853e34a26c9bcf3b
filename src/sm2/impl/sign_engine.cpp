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
  uint8_t below[4096];
  wipe(below, sizeof below);
}

}  // namespace chengxin::sm2::impl
