#pragma once
#include "sm2/impl/engine.h"

// Nonces: k = SM3(T || d || e || entropy || i || 0) || SM3(T || d || e || entropy || i || 1), 512 bits,
// modulo n, so its distance from uniform is below 2^-256. T: 32 bytes that name this use; i: 4 bytes,
// big-endian, how often a nonce was refused; then one byte. In constant time.
namespace chengxin::sm2::impl {

class NonceSource {
 public:
  NonceSource() = default;                   // holds nothing
  explicit NonceSource(const uint8_t* key);  // d, 32 bytes
  // e and entropy: 32 bytes each. Not returned, for a result would leave a copy with who calls.
  void draw(const uint8_t* e, const uint8_t* entropy, uint32_t refused, Number& nonce) const;

 private:
  uint32_t after_key_[8];  // SM3's state after T || d
};

}  // namespace chengxin::sm2::impl
