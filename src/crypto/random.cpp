#include "crypto/random.h"

#include <openssl/rand.h>

#include "base/check.h"

namespace chengxin::crypto {

void random_fill(std::span<uint8_t> out) {
  CHECK(out.empty() || RAND_bytes_ex(nullptr, out.data(), out.size(), 0) == 1);
}

Bytes random_bytes(size_t count) {
  Bytes bytes(count);
  random_fill(bytes);
  return bytes;
}

Secret random_secret(size_t count) {
  Secret bytes(count);
  CHECK(count == 0 || RAND_priv_bytes_ex(nullptr, bytes.data(), count, 0) == 1);
  return bytes;
}

}  // namespace chengxin::crypto
