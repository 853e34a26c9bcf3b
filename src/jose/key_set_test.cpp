#include "jose/key_set.h"

#include <gtest/gtest.h>

#include "base/base64url.h"
#include "crypto/hmac.h"
#include "crypto/sm2.h"

namespace chengxin::jose {
namespace {

constexpr std::string_view kRsa =
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
    "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"
    "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
    "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
constexpr std::string_view kRsaToken =  // RFC 7515 appendix A.2
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"
    "pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Q"
    "c_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARN"
    "PvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I"
    "eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const std::vector<SignedBy> kAll = {SignedBy::rs256, SignedBy::ps256, SignedBy::es256, SignedBy::sm2sm3};

Json ec(const std::string& curve, const std::string& kid, ByteView point) {
  return {{"kty", "EC"},
          {"crv", curve},
          {"kid", kid},
          {"use", "sig"},
          {"x", base64url(point.subspan(1, 32))},
          {"y", base64url(point.subspan(33, 32))}};
}

struct KeySetTest : ::testing::Test {
  crypto::Es256PrivateKey p256 = *crypto::Es256PrivateKey::generate();
  crypto::Sm2PrivateKey sm2 = *crypto::Sm2PrivateKey::generate();
  Json keys = {{"keys",
                {{{"kty", "RSA"}, {"kid", "r"}, {"n", kRsa}, {"e", "AQAB"}},
                 ec("P-256", "e", p256.public_key()),
                 ec("SM2", "s", sm2.public_key().point())}}};

  std::string token(const Json& header, ByteView signature = {}, const Json& payload = {{"a", 1}}) {
    std::string input = base64url(header.dump()) + "." + base64url(payload.dump());
    if (!signature.empty()) return input + "." + base64url(signature);
    if (header.value("alg", "") == "ES256") return input + "." + base64url(*p256.sign(view(input)));
    return input + "." + base64url(*sm2.sign(view(input)));
  }
  std::string reason(const std::string& text, const std::vector<SignedBy>& allowed = kAll) {
    auto set = KeySet::read(keys);
    if (!set) return set.error().reason;
    auto checked = set->check(text, allowed);
    return checked ? "" : checked.error().reason;
  }
};

TEST_F(KeySetTest, EachKindOfKeyChecksItsOwnAlgorithm) {
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"kid", "e"}})), "");
  EXPECT_EQ(reason(token({{"alg", "SM2SM3"}, {"kid", "s"}})), "");
  EXPECT_EQ(reason(token({{"alg", "SM2"}, {"kid", "s"}})), "");
  EXPECT_EQ(reason(token({{"alg", "ES256"}})), "") << "one key of its kind: no kid is needed";
  EXPECT_EQ(reason(std::string(kRsaToken)), "");
  EXPECT_EQ(reason(std::string(kRsaToken), {SignedBy::es256}), "jose.algorithm");
  std::string bent(kRsaToken);
  bent[30] = bent[30] == 'A' ? 'B' : 'A';
  EXPECT_EQ(reason(bent), "jose.signature");
}

TEST_F(KeySetTest, AlgorithmsAreNotConfused) {
  EXPECT_EQ(reason(token({{"alg", "none"}, {"kid", "e"}}, Bytes{1})), "jose.algorithm");
  const std::string none = base64url(R"({"alg":"none"})") + "." + base64url("{}") + ".";
  EXPECT_EQ(reason(none), "jose.algorithm");
  EXPECT_EQ(reason(token({{"alg", "None"}}, Bytes{1})), "jose.algorithm");
  // HMAC under the public key, the oldest trick.
  const std::string input = base64url(R"({"alg":"HS256","kid":"r"})") + "." + base64url("{}");
  EXPECT_EQ(reason(input + "." + base64url(crypto::hmac_sm3(view(kRsa), view(input)))), "jose.algorithm");
  EXPECT_EQ(reason(token({{"alg", "RS256"}, {"kid", "e"}})), "jose.algorithm") << "an EC key under RS256";
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"kid", "r"}})), "jose.algorithm");
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"kid", "s"}})), "jose.algorithm");
  EXPECT_EQ(reason(token({{"alg", "SM2SM3"}, {"kid", "e"}})), "jose.algorithm");
  keys["keys"][0]["alg"] = "PS256";
  EXPECT_EQ(reason(std::string(kRsaToken)), "jose.key_unknown") << "the key is for PS256";
  keys["keys"][1]["use"] = "enc";
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"kid", "e"}})), "jose.key_unknown");
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"jwk", keys["keys"][1]}})), "jose.key_unknown")
      << "a key that the token brings along";
}

TEST_F(KeySetTest, WhatIsMalformedIsNamed) {
  EXPECT_EQ(reason("a.b"), "jose.malformed");
  EXPECT_EQ(reason("a.b.c.d"), "jose.malformed");
  EXPECT_EQ(reason(std::string(kMaxTokenBytes + 1, 'a')), "jose.malformed");
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"crit", {"x"}}})), "jose.critical");
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"b64", false}})), "jose.malformed");
  EXPECT_EQ(reason(token({{"alg", "ES256"}, {"kid", "x"}})), "jose.key_unknown");
  EXPECT_EQ(reason(token({{"alg", 256}}, Bytes{1})), "jose.algorithm");
  const std::string good = token({{"alg", "ES256"}, {"kid", "e"}});
  EXPECT_EQ(reason(good + "="), "jose.malformed");
  EXPECT_EQ(reason(good.substr(0, good.size() - 2)), "jose.signature");
}

TEST_F(KeySetTest, KeysThatMustNotBeTakenArePassedOver) {
  auto with = [&](const char* name, const Json& value) {
    Json copy = keys["keys"][1];
    copy[name] = value;
    return KeySet::read({{"keys", {copy}}})->size();
  };
  EXPECT_EQ(KeySet::read(keys)->size(), 3u);
  EXPECT_EQ(with("d", "AAAA"), 0u) << "a private key";
  EXPECT_EQ(with("x", base64url(Bytes(32, 1))), 0u) << "not on the curve";
  EXPECT_EQ(with("crv", "P-521"), 0u);
  EXPECT_EQ(with("alg", "HS256"), 0u);
  EXPECT_EQ(KeySet::read({{"keys", {{{"kty", "oct"}, {"k", "AAAA"}}}}})->size(), 0u);
  EXPECT_EQ(KeySet::read({{"keys", {1, "a", nullptr}}})->size(), 0u);
  Json many = {{"keys", Json::array()}};
  for (size_t i = 0; i <= KeySet::kMaxKeys; ++i) many["keys"].push_back(keys["keys"][1]);
  EXPECT_EQ(KeySet::read(many).error().reason, "jose.jwk");
  EXPECT_EQ(KeySet::read(Json::array()).error().reason, "jose.jwk");
}

}  // namespace
}  // namespace chengxin::jose
