#include "crypto/secret.h"

#include <openssl/crypto.h>

namespace chengxin::crypto {

void secure_zero(void* at, size_t size) { OPENSSL_cleanse(at, size); }

bool constant_time_equal(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace chengxin::crypto
