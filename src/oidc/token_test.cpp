#include "oidc/token.h"

#include <gtest/gtest.h>

#include "oidc/issuer_for_tests.h"

namespace chengxin::oidc {
namespace {

struct TokenTest : ::testing::Test {
  static constexpr int64_t kNow = 1'790'000'000;
  Issuer issuer{"https://id.example"};
  Expected expected{"https://id.example", "chengxin", "n-1", "access", {jose::SignedBy::es256}, 60, kNow};
  Json claims = issuer.claims("chengxin", "n-1", kNow);

  std::string reason(const Json& claims_of_token) {
    auto checked = check_id_token(issuer.sign(claims_of_token), *jose::KeySet::read(issuer.jwks()), expected);
    return checked ? "" : checked.error().reason;
  }
  std::string with(const char* name, const Json& value) {
    Json changed = claims;
    if (value.is_null())
      changed.erase(name);
    else
      changed[name] = value;
    return reason(changed);
  }
};

TEST_F(TokenTest, EachClaimIsChecked) {
  EXPECT_EQ(reason(claims), "");
  EXPECT_EQ(with("iss", "https://id.example/"), "oidc.issuer");
  EXPECT_EQ(with("iss", nullptr), "oidc.issuer");
  EXPECT_EQ(with("aud", "another"), "oidc.audience");
  EXPECT_EQ(with("aud", nullptr), "oidc.token_form");
  EXPECT_EQ(with("aud", Json::array({"chengxin"})), "");
  EXPECT_EQ(with("aud", Json::array({"chengxin", "another"})), "oidc.audience") << "no azp";
  EXPECT_EQ(with("azp", "another"), "oidc.audience");
  EXPECT_EQ(with("azp", "chengxin"), "");
  EXPECT_EQ(with("nonce", "n-2"), "oidc.nonce");
  EXPECT_EQ(with("nonce", nullptr), "oidc.nonce");
  EXPECT_EQ(with("sub", nullptr), "oidc.token_form");
  EXPECT_EQ(with("sub", std::string(256, 'a')), "oidc.token_form");
  EXPECT_EQ(with("exp", nullptr), "oidc.token_form");
  EXPECT_EQ(with("exp", "soon"), "oidc.token_form");
  EXPECT_EQ(with("exp", kNow - 61), "oidc.expired");
  EXPECT_EQ(with("exp", kNow - 59), "") << "within the skew";
  EXPECT_EQ(with("iat", nullptr), "oidc.token_form");
  EXPECT_EQ(with("nbf", kNow + 61), "oidc.clock");
  EXPECT_EQ(with("iat", kNow + 0.5), "") << "a fraction is a NumericDate too";
}

TEST_F(TokenTest, AClockThatIsOffByADayIsCalledThat) {
  for (int64_t off : {-86'400, 86'400}) {
    Json shifted = claims;
    shifted["iat"] = kNow + off;
    shifted["exp"] = kNow + off + 300;
    EXPECT_EQ(reason(shifted), "oidc.clock") << off;
  }
  expected.nonce = "";
  EXPECT_EQ(with("nonce", ""), "oidc.nonce") << "no nonce is never enough";
}

TEST_F(TokenTest, TheAccessTokenBelongsToIt) {
  // base64url of the left half of SHA-256("access")
  EXPECT_EQ(with("at_hash", issuer.at_hash("access")), "");
  EXPECT_EQ(with("at_hash", issuer.at_hash("another")), "oidc.access_token");
  EXPECT_EQ(with("at_hash", 1), "oidc.access_token");
}

TEST_F(TokenTest, ALogoutTokenIsNoIdTokenAndViceVersa) {
  const auto keys = *jose::KeySet::read(issuer.jwks());
  Json logout = claims;
  logout.erase("nonce");
  logout["sid"] = "s-1";
  logout["events"] = {{"http://schemas.openid.net/event/backchannel-logout", Json::object()}};
  const auto check = [&](const Json& token) {
    auto checked = check_logout_token(issuer.sign(token), keys, expected);
    return checked ? checked->sid : checked.error().reason;
  };
  EXPECT_EQ(check(logout), "s-1");
  EXPECT_EQ(check(claims), "oidc.token_form");
  EXPECT_EQ(reason(logout), "oidc.nonce");
  Json with_nonce = logout;
  with_nonce["nonce"] = "n-1";
  EXPECT_EQ(check(with_nonce), "oidc.token_form");
  Json nobody = logout;
  nobody.erase("sid");
  nobody.erase("sub");
  EXPECT_EQ(check(nobody), "oidc.token_form");
  logout["iat"] = kNow - 86'400;
  EXPECT_EQ(check(logout), "oidc.clock") << "an old one";
}

struct IdentityTest : ::testing::Test {
  config::OidcProvider provider;
  Json claims = {{"sub", "u-1"}, {"preferred_username", "li.na"}};
  IdentityTest() {
    provider.name = "city";
    provider.issuer = "https://id.example";
  }
  std::string account() {
    auto made = identity_of(provider, claims);
    return made ? made->account : made.error().reason;
  }
};

TEST_F(IdentityTest, TheConfiguredClaimNamesTheAccount) {
  EXPECT_EQ(account(), "https://id.example u-1");
  provider.account_claim = "data.uuid";
  EXPECT_EQ(account(), "oidc.account_claim");
  claims["data"] = {{"uuid", 4711}};
  EXPECT_EQ(account(), "https://id.example 4711");
  for (const Json& bad :
       {Json("two words"), Json(""), Json("李娜"), Json(1.5), Json::array({"a"}), Json("legal/91310000/1")}) {
    claims["data"]["uuid"] = bad;
    EXPECT_EQ(account(), "oidc.account_claim") << bad;
  }
}

TEST_F(IdentityTest, TheLevelOfAssuranceHasToBeEnough) {
  provider.assurance_claim = "authLevel";
  provider.assurance = "L3 L4";
  EXPECT_EQ(account(), "oidc.assurance") << "none is not enough";
  claims["authLevel"] = "L2";
  EXPECT_EQ(account(), "oidc.assurance");
  claims["authLevel"] = "L3 L4";
  EXPECT_EQ(account(), "oidc.assurance");
  claims["authLevel"] = "L4";
  EXPECT_EQ(account(), "https://id.example u-1");
  provider.assurance = "3";
  claims["authLevel"] = 3;
  EXPECT_EQ(account(), "https://id.example u-1") << "numbers too";
}

TEST_F(IdentityTest, ACompanysAccountIsWhoActsForIt) {
  provider.legal_claim = "creditCode";
  EXPECT_EQ(account(), "https://id.example u-1");
  claims["creditCode"] = "91310000MA1FL0000X";
  EXPECT_EQ(account(), "oidc.legal_refused");
  provider.agent_claim = "agent.id";
  EXPECT_EQ(account(), "oidc.legal_agent");
  claims["agent"] = {{"id", "7/8"}};
  EXPECT_EQ(account(), "oidc.legal_agent");
  claims["agent"] = {{"id", "78"}};
  EXPECT_EQ(account(), "https://id.example legal/91310000MA1FL0000X/78");
}

TEST(Claims, AreFoundByPathAndAmongOthers) {
  const Json claims = {{"roles", {"a", "b"}},
                       {"realm_access", {{"roles", {"c"}}}},
                       {"https://city.example/level", "L3"},
                       {"empty", ""}};
  EXPECT_TRUE(claim_has(claims, "roles", "b"));
  EXPECT_FALSE(claim_has(claims, "roles", "c"));
  EXPECT_TRUE(claim_has(claims, "realm_access.roles", "c"));
  EXPECT_TRUE(claim_has(claims, "https://city.example/level", "L3"));
  EXPECT_FALSE(claim_has(claims, "empty", ""));
  EXPECT_FALSE(claim_has(claims, "none.at.all", "c"));
}

}  // namespace
}  // namespace chengxin::oidc
