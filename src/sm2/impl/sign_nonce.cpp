#include "sm2/impl/sign_nonce.h"

#include <cstring>

#include "sm2/impl/number.h"
#include "sm2/impl/order.h"
#include "sm2/impl/sign_engine.h"
#include "sm3/compress.h"

namespace chengxin::sm2::impl {
namespace {

constexpr char kTag[33] = "chengxin SM2 nonce, version 1   ";

void put_words(const uint32_t* words, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const uint32_t word = __builtin_bswap32(words[i]);
    std::memcpy(out + 4 * i, &word, 4);
  }
}

}  // namespace

NonceSource::NonceSource(const uint8_t* key) {
  uint8_t block[64];
  std::memcpy(block, kTag, 32);
  std::memcpy(block + 32, key, 32);
  std::memcpy(after_key_, sm3::kInitial, sizeof after_key_);
  sm3::compress(after_key_, block, 1);
  wipe(block, sizeof block);
}

void NonceSource::draw(const uint8_t* e, const uint8_t* entropy, uint32_t refused, Number& nonce) const {
  uint8_t block[64];
  std::memcpy(block, e, 32);
  std::memcpy(block + 32, entropy, 32);
  uint32_t common[8], half[2][8];
  std::memcpy(common, after_key_, sizeof common);
  sm3::compress(common, block, 1);

  std::memset(block, 0, sizeof block);
  put_words(&refused, 1, block);
  block[5] = 0x80;
  const uint32_t bits = (64 + 64 + 5) * 8;
  put_words(&bits, 1, block + 60);
  uint8_t wide[64];
  for (int i = 0; i < 2; ++i) {
    block[4] = uint8_t(i);
    std::memcpy(half[i], common, sizeof common);
    sm3::compress(half[i], block, 1);
    put_words(half[i], 8, wide + 32 * i);
  }
  nonce = order::reduce_wide(from_big_endian(wide), from_big_endian(wide + 32));
  wipe(common, sizeof common);
  wipe(half, sizeof half);
  wipe(wide, sizeof wide);
}

}  // namespace chengxin::sm2::impl
