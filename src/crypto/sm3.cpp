#include "crypto/sm3.h"

#include <algorithm>

#include "sm3/compress.h"

namespace chengxin::crypto {
namespace {

inline void store_be(uint8_t* at, uint32_t word) {
  word = __builtin_bswap32(word);
  std::memcpy(at, &word, 4);
}

}  // namespace

Sm3::Sm3() : state_{} { std::memcpy(state_.words, sm3::kInitial, sizeof sm3::kInitial); }

Sm3& Sm3::update(ByteView bytes) {
  if (bytes.empty()) return *this;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  state_.length += left;
  if (state_.buffered > 0) {
    size_t taken = std::min<size_t>(left, 64 - state_.buffered);
    std::memcpy(state_.block + state_.buffered, at, taken);
    state_.buffered += uint32_t(taken);
    at += taken;
    left -= taken;
    if (state_.buffered < 64) return *this;
    sm3::compress(state_.words, state_.block, 1);
  }
  sm3::compress(state_.words, at, left / 64);
  state_.buffered = uint32_t(left % 64);
  std::memcpy(state_.block, at + left - state_.buffered, state_.buffered);
  return *this;
}

Digest Sm3::finish() {
  uint8_t* block = state_.block;
  uint32_t used = state_.buffered;
  block[used++] = 0x80;
  if (used > 56) {
    std::memset(block + used, 0, 64 - used);
    sm3::compress(state_.words, block, 1);
    used = 0;
  }
  std::memset(block + used, 0, 56 - used);
  uint64_t bits = state_.length * 8;
  store_be(block + 56, uint32_t(bits >> 32));
  store_be(block + 60, uint32_t(bits));
  sm3::compress(state_.words, block, 1);
  Digest digest;
  for (int i = 0; i < 8; ++i) store_be(digest.data() + 4 * i, state_.words[i]);
  *this = Sm3();
  return digest;
}

Digest sm3(std::initializer_list<ByteView> parts) {
  Sm3 hash;
  for (ByteView part : parts) hash.update(part);
  return hash.finish();
}

}  // namespace chengxin::crypto
