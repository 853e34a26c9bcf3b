#include "crypto/hmac.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {

TEST(Hmac, AgreesWithTongsuoForKeysAroundTheBlockSize) {
  for (size_t size : {0, 1, 31, 32, 63, 64, 65, 100, 1000}) {
    Bytes key = random_bytes(size), message = random_bytes(size * 3 % 257);
    Digest expected;
    unsigned length = 0;
    ASSERT_TRUE(HMAC(EVP_sm3(), key.data() ? key.data() : expected.data(), int(key.size()), message.data(),
                     message.size(), expected.data(), &length));
    EXPECT_EQ(hmac_sm3(key, message), expected) << size;
    size_t cut = message.size() / 2;
    EXPECT_EQ(hmac_sm3(key, {ByteView(message).first(cut), ByteView(message).subspan(cut)}), expected);
  }
}

TEST(Hmac, Pbkdf2AgreesWithTongsuo) {
  for (size_t size : {1, 16, 32, 33, 100}) {
    Bytes salt = random_bytes(size), expected(size);
    ASSERT_EQ(PKCS5_PBKDF2_HMAC("passphrase", 10, salt.data(), int(salt.size()), 100, EVP_sm3(), int(size),
                                expected.data()),
              1);
    EXPECT_TRUE(equal(pbkdf2(view("passphrase"), salt, 100, size), expected)) << size;
  }
}

TEST(Hmac, KdfIsBlocksOfCountedHashes) {
  Bytes input = random_bytes(40), counted = input;
  put_be(counted, uint32_t(1));
  Secret whole = kdf(input, 100);
  EXPECT_TRUE(equal(ByteView(whole).first(32), sm3(counted)));
  counted.back() = 4;
  EXPECT_TRUE(equal(ByteView(whole).subspan(96), ByteView(sm3(counted)).first(4)));
  for (size_t size = 0; size < 100; ++size) EXPECT_TRUE(equal(kdf(input, size), ByteView(whole).first(size)));
}

TEST(Hmac, ConstantTimeEqualIsEquality) {
  Bytes a = random_bytes(33), b = a;
  EXPECT_TRUE(constant_time_equal(a, b));
  b[32] ^= 1;
  EXPECT_FALSE(constant_time_equal(a, b));
  EXPECT_FALSE(constant_time_equal(a, ByteView(a).first(32)));
  EXPECT_TRUE(constant_time_equal({}, {}));
}

}  // namespace
}  // namespace chengxin::crypto
