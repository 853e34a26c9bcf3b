#include "crypto/es256.h"

#include <gtest/gtest.h>

#include "base/base64url.h"

namespace chengxin::crypto {
namespace {

P256Point point_of(std::string_view x, std::string_view y) {
  Bytes bytes{4};
  append(bytes, *unbase64url(x));
  append(bytes, *unbase64url(y));
  return *p256_point(bytes);
}

TEST(Es256, ExampleOfRfc7515) {  // appendix A.3
  const auto key =
      point_of("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  const std::string message =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
      "yb290Ijp0cnVlfQ";
  Bytes signature =
      *unbase64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  EXPECT_TRUE(es256_verify(key, view(message), signature));
  EXPECT_FALSE(es256_verify(key, view(message + "x"), signature));
  EXPECT_FALSE(es256_verify(key, view(message), ByteView(signature).first(63)));
  for (size_t i = 0; i < 64; i += 7) {
    Bytes bent = signature;
    bent[i] ^= 1;
    EXPECT_FALSE(es256_verify(key, view(message), bent));
  }
  EXPECT_FALSE(es256_verify(key, view(message), Bytes(64, 0)));
  EXPECT_FALSE(es256_verify(key, view(message), Bytes(64, 0xff)));
  P256Point off = key;
  off[64] ^= 1;
  EXPECT_FALSE(es256_verify(off, view(message), signature));
}

TEST(Es256, SignsAndKeepsItsKey) {
  auto key = *Es256PrivateKey::generate();
  auto again = *Es256PrivateKey::from_pem(*key.to_pem());
  EXPECT_EQ(again.public_key(), key.public_key());
  const Bytes message(100, 3);
  auto signature = *again.sign(message);
  EXPECT_TRUE(es256_verify(key.public_key(), message, signature));
  EXPECT_FALSE(es256_verify(Es256PrivateKey::generate()->public_key(), message, signature));
  auto sm2 = *Sm2PrivateKey::generate();
  EXPECT_EQ(Es256PrivateKey::from_pem(*sm2.to_pem()).error().reason, "crypto.key_format");
  EXPECT_EQ(Es256PrivateKey::from_pem("nothing").error().reason, "crypto.key_format");
}

TEST(Es256, PointsInBothForms) {
  for (int i = 0; i < 20; ++i) {
    const auto p256 = Es256PrivateKey::generate()->public_key();
    const auto sm2 = Sm2PrivateKey::generate()->public_key().point();
    EXPECT_EQ(*p256_point(compressed(p256)), p256);
    EXPECT_EQ(*sm2_point(compressed(sm2)), sm2);
    EXPECT_EQ(*p256_point(p256), p256);
    EXPECT_EQ(sm2_point(p256).error().reason, "crypto.public_key");
    EXPECT_EQ(p256_point(sm2).error().reason, "crypto.public_key");
  }
  Bytes none(33, 0xff);
  none[0] = 2;
  EXPECT_EQ(p256_point(none).error().reason, "crypto.public_key");
  EXPECT_EQ(p256_point(Bytes{0}).error().reason, "crypto.public_key");
}

}  // namespace
}  // namespace chengxin::crypto
