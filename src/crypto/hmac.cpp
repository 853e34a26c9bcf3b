#include "crypto/hmac.h"

#include <openssl/hmac.h>

#include "base/check.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {

// Both passes of HMAC with the padded key already hashed in, so that PBKDF2 does that once.
struct KeyedHash {
  Sm3 inner, outer;

  explicit KeyedHash(ByteView key) {
    Secret block(64);
    if (key.size() > block.size()) {
      Digest digest = sm3(key);
      std::copy(digest.begin(), digest.end(), block.begin());
    } else {
      std::copy(key.begin(), key.end(), block.begin());
    }
    for (uint8_t& byte : block) byte ^= 0x36;
    inner.update(block);
    for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
    outer.update(block);
  }
  ~KeyedHash() {
    secure_zero(&inner, sizeof inner);
    secure_zero(&outer, sizeof outer);
  }

  Digest operator()(std::initializer_list<ByteView> parts) const {
    Sm3 first = inner, second = outer;
    for (ByteView part : parts) first.update(part);
    return second.update(first.finish()).finish();
  }
};

}  // namespace

Digest hmac_sm3(ByteView key, std::initializer_list<ByteView> parts) { return KeyedHash(key)(parts); }

Bytes hmac_foreign(ForeignHash hash, ByteView key, ByteView message) {
  const EVP_MD* kind = hash == ForeignHash::sha1 ? EVP_sha1() : EVP_sha256();
  Bytes out(size_t(EVP_MD_size(kind)));
  unsigned size = 0;
  CHECK(HMAC(kind, key.data(), int(key.size()), message.data(), message.size(), out.data(), &size));
  CHECK(size == out.size());
  return out;
}

Secret kdf(ByteView input, size_t size) {
  Secret out;
  out.reserve(size + 32);
  for (uint32_t counter = 1; out.size() < size; ++counter) {
    Bytes number;
    put_be(number, counter);
    Digest block = sm3({input, number});
    out.insert(out.end(), block.begin(), block.end());
    secure_zero(block.data(), block.size());
  }
  out.resize(size);
  return out;
}

Secret pbkdf2(ByteView passphrase, ByteView salt, uint32_t iterations, size_t size) {
  CHECK(iterations > 0);
  KeyedHash prf(passphrase);
  Secret out;
  for (uint32_t index = 1; out.size() < size; ++index) {
    Bytes number;
    put_be(number, index);
    Digest block = prf({salt, number}), sum = block;
    for (uint32_t i = 1; i < iterations; ++i) {
      block = prf({block});
      for (size_t k = 0; k < sum.size(); ++k) sum[k] ^= block[k];
    }
    out.insert(out.end(), sum.begin(), sum.end());
  }
  out.resize(size);
  return out;
}

}  // namespace chengxin::crypto
