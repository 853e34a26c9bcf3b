#include "crypto/rsa.h"

#include <gtest/gtest.h>

#include "base/base64url.h"

namespace chengxin::crypto {
namespace {

const Bytes kExponent = {1, 0, 1};

// RFC 7515 appendix A.2.
constexpr std::string_view kRfcModulus =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
    "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"
    "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
    "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
constexpr std::string_view kRfcMessage =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"
    "pc19yb290Ijp0cnVlfQ";
constexpr std::string_view kRfcSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG"
    "bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6"
    "LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

// Made with another library (pyca/cryptography) over "chengxin"; the second with a salt of 20 bytes.
constexpr std::string_view kModulus =
    "3MqSl_p3WMwNgeZ3SRzhzNoE6Ms0wx-UH21v2w7OadcnS56ACp-LG8xI2u87jdJrf1QktPWXYbKZYKvGaV5WMVJU3-fY6hBV"
    "_M8cnrkQZ0el15nAQvQ2908KcfQVWzQb4n1ZiOIgqu5cWTKfnQ3gYJ0-5m6nbubxBBfuksD9gNErzzC9ONioYq6BtwrCUKlm"
    "LNXsQxBarTf1JQu9YNUGNRyGgtugsZuwpeAAL7nUmA9jxTujzwPT7uzgMHLAZMLK8teFwihjmuFUZZqiTBFGRIUr8S-GobCc"
    "wETmUVbY8SPcvVDDHYy2dN9YGmJYryG5wagHq6xwIHZWH1YvB6w4jw";
constexpr std::string_view kPss =
    "EArWBmln6OLHnvdcPwd9m3pYn_4Ks_gw9FlQ7mnxXcW9t4t0619d9lcImLCOxFu6JYH1Mh9ohUf6Xijk86djEzFQPNB6_bxw"
    "Pl0MbJAKbIE3xEiNa-lH7PIMIdxcVkjCacB3n1H_7DiOj9irn8P6uDVnT6GAl5CyFhfJn8MXEF1YOG_8eaf3Fjl5Y7HGeyMD"
    "mkRYH0vQwBGaEjyAws0m0lLcy0NH7FngOvpzVE4239GKdKwEM2oDupJQLCriFUtlSmia-dMrbtnf8T2agi0GvEs-Ezqe2rgW"
    "N3Zy56p3UgLHNvsoOyeofJO7BZ4edWo8hNMQUz_2x18T4G4gC3mlYA";
constexpr std::string_view kShortSalt =
    "JcpEpGXHWLF3K-p2odI_nltv1wso90E5DywFf6tptEz2-lJWNHKQDN-9KmDK1qZtGyveZtm5ecF7vamFSkYqBptCwx08LIUB"
    "y2KOb4AhmsUeJ-q4IO4xt-YrzfKS-yt1s6_PgIL5K_6wv0cBw5KnGoXWZwdFH27A_0-qSjTzz-3SBZ9r9dnUfLDWtXfvtHM1"
    "Aq9KMNxpg0dyATjUIDCeM7XntI4wd2-xl3-G-tbLkHkF67h6jBe61PWgGE8SK7N2zlwZfkZn7CrOLHSVxZLKYs3NvzAMiErN"
    "-R2Nr6GL0c_D-014HPqo2BnUG3qmeSgDuWZDntUoQQgC8CRnshvVeg";

RsaPublicKey key(std::string_view modulus) { return *rsa_public_key(*unbase64url(modulus), kExponent); }

TEST(Rsa, VectorOfRfc7515) {
  const auto own = key(kRfcModulus);
  Bytes signature = *unbase64url(kRfcSignature);
  EXPECT_TRUE(rsa_verify(own, RsaPadding::pkcs1, view(kRfcMessage), signature));
  EXPECT_FALSE(rsa_verify(own, RsaPadding::pss, view(kRfcMessage), signature));
  EXPECT_FALSE(rsa_verify(own, RsaPadding::pkcs1, view("another"), signature));
  EXPECT_FALSE(rsa_verify(key(kModulus), RsaPadding::pkcs1, view(kRfcMessage), signature));
  signature.back() ^= 1;
  EXPECT_FALSE(rsa_verify(own, RsaPadding::pkcs1, view(kRfcMessage), signature));
  signature.push_back(0);
  EXPECT_FALSE(rsa_verify(own, RsaPadding::pkcs1, view(kRfcMessage), signature));
  EXPECT_FALSE(rsa_verify(own, RsaPadding::pkcs1, view(kRfcMessage), {}));
}

TEST(Rsa, PssTakesTheSaltOfItsStandardOnly) {
  EXPECT_TRUE(rsa_verify(key(kModulus), RsaPadding::pss, view("chengxin"), *unbase64url(kPss)));
  EXPECT_FALSE(rsa_verify(key(kModulus), RsaPadding::pkcs1, view("chengxin"), *unbase64url(kPss)));
  EXPECT_FALSE(rsa_verify(key(kModulus), RsaPadding::pss, view("chengxin"), *unbase64url(kShortSalt)));
}

TEST(Rsa, WeakKeysAreRefused) {
  const Bytes good = *unbase64url(kModulus);
  const auto reason = [](ByteView modulus, Bytes exponent) {
    auto made = rsa_public_key(modulus, exponent);
    return made ? "" : made.error().reason;
  };
  EXPECT_EQ(reason(good, {1, 0, 1}), "");
  EXPECT_EQ(reason(ByteView(good).first(128), {1, 0, 1}), "crypto.public_key") << "1024 bits";
  EXPECT_EQ(reason(good, {1}), "crypto.public_key");
  EXPECT_EQ(reason(good, {1, 0, 0}), "crypto.public_key") << "even";
  EXPECT_EQ(reason(good, {1, 0, 0, 0, 1}), "crypto.public_key");
  EXPECT_EQ(reason(good, {}), "crypto.public_key");
  Bytes padded = {0};
  append(padded, good);
  EXPECT_EQ(reason(padded, {1, 0, 1}), "crypto.public_key");
  EXPECT_EQ(reason(Bytes(1024, 0xff), {1, 0, 1}), "crypto.public_key") << "8192 bits";
}

}  // namespace
}  // namespace chengxin::crypto
