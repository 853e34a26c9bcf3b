#include <random>

#include "base/base64url.h"
#include "credential/parties_for_tests.h"

namespace chengxin::credential {
namespace {

using SdJwtTest = Parties;

TEST_F(SdJwtTest, DigestsOfTheStandard) {  // RFC 9901 sections 4.2.1 and 4.2.2
  EXPECT_EQ(
      sd_digest(SdHash::sha256, "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"),
      "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
  EXPECT_EQ(sd_digest(SdHash::sha256, "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0"),
            "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs");
}

TEST_F(SdJwtTest, HidesAndPutsBack) {
  for (const auto& signers : {only_sm2, only_p256, both})
    for (auto hash : {SdHash::sha256, SdHash::sm3}) {
      Frame own = frame();
      own.hash = hash;
      const SdJwt whole = take(issue_sd_jwt({{"typ", "dc+sd-jwt"}}, claims(), own, signers));
      const Json& payload = whole.jws.payload;
      EXPECT_EQ(payload["_sd_alg"], name(hash));
      for (const char* hidden : {"name", "birth_year", "address"}) EXPECT_FALSE(payload.contains(hidden));
      EXPECT_EQ(payload["_sd"].size(), 3u + 2u);  // and two decoys
      EXPECT_EQ(payload.dump().find("人民路"), std::string::npos);
      EXPECT_EQ(whole.disclosures.size(), 6u);
      EXPECT_EQ(take(unfold(whole)).claims, claims());
      const SdJwt again = take(SdJwt::parse(whole.encode()));
      EXPECT_EQ(take(unfold(again)).claims, claims());
      EXPECT_EQ(again.encode(), whole.encode());
      EXPECT_EQ(again.jws.general, signers.size() == 2);

      const std::vector<ClaimPath> wanted = {{"address", "street"}};
      const SdJwt some = take(select(whole, wanted));
      Json shown = take(unfold(some)).claims;
      EXPECT_EQ(some.disclosures.size(), 2u);  // the street and the address that it is in
      EXPECT_EQ(shown["address"], claims()["address"]);
      EXPECT_FALSE(shown.contains("name"));
      EXPECT_EQ(shown["nationalities"], Json::array());
      EXPECT_EQ(take(unfold(take(select(whole, {})))).claims.size(), 7u);
    }
}

TEST_F(SdJwtTest, ElementsAreShownOneByOne) {
  const SdJwt whole = issued(only_sm2);
  const std::vector<ClaimPath> second = {{"nationalities", 1}}, each = {{"nationalities", nullptr}},
                               none = {{"nationalities", 2}}, unknown = {{"shoe_size"}};
  EXPECT_EQ(take(unfold(take(select(whole, second)))).claims["nationalities"], Json::array({"FR"}));
  EXPECT_EQ(take(unfold(take(select(whole, each)))).claims["nationalities"], Json::array({"CN", "FR"}));
  EXPECT_EQ(select(whole, none).error().reason, "sd_jwt.no_claim");
  EXPECT_EQ(select(whole, unknown).error().reason, "sd_jwt.no_claim");
}

TEST_F(SdJwtTest, RandomClaimsComeBack) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::function<Json(int)> value = [&](int depth) -> Json {
    switch (random() % (depth > 3 ? 3 : 5)) {
      case 0:
        return random() % 1000;
      case 1:
        return "text " + std::to_string(random() % 1000);
      case 2:
        return random() % 2 == 0;
      case 3: {
        Json out = Json::array();
        for (size_t i = random() % 4; i > 0; --i) out.push_back(value(depth + 1));
        return out;
      }
      default: {
        Json out = Json::object();
        for (size_t i = random() % 4; i > 0; --i) out["m" + std::to_string(random() % 6)] = value(depth + 1);
        return out;
      }
    }
  };
  for (int round = 0; round < 200; ++round) {
    Json content = Json::object();
    for (int i = 0; i < 4; ++i) content["c" + std::to_string(i)] = value(0);
    Frame own;
    std::function<void(const Json&, ClaimPath)> choose = [&](const Json& at, ClaimPath path) {
      if (!path.empty() && random() % 2 == 0) own.selective.push_back(path);
      if (at.is_object())
        for (auto& [key, member] : at.items()) {
          ClaimPath inner = path;
          inner.emplace_back(key);
          choose(member, inner);
        }
      if (at.is_array())
        for (size_t i = 0; i < at.size(); ++i) {
          ClaimPath inner = path;
          inner.emplace_back(i);
          choose(at[i], inner);
        }
    };
    choose(content, {});
    own.decoys = random() % 3;
    const SdJwt whole = take(issue_sd_jwt({{"typ", "dc+sd-jwt"}}, content, own, only_sm2));
    Json back = take(unfold(take(SdJwt::parse(whole.encode())))).claims;
    EXPECT_EQ(back, content);
    // Whatever is left out, what is left holds together when each disclosure keeps those it stands in.
    SdJwt some = whole;
    const auto all = take(unfold(whole));
    std::vector<bool> keep(whole.disclosures.size());
    for (size_t i = 0; i < keep.size(); ++i)
      if (random() % 2)
        for (size_t at = i; at != SIZE_MAX; at = all.disclosed[at].parent) keep[at] = true;
    some.disclosures.clear();
    for (size_t i = 0; i < keep.size(); ++i)
      if (keep[i]) some.disclosures.push_back(whole.disclosures[i]);
    EXPECT_TRUE(unfold(some));
  }
}

// A payload with these digests, by the issuer himself: what must be refused even then.
struct Forged {
  const SdJwtTest& test;
  SdJwt make(const Json& payload, std::vector<std::string> disclosures) const {
    const Signer signer = test.only_sm2[0];
    SdJwt out = take(SdJwt::parse(take(sign_compact({{"typ", "dc+sd-jwt"}}, payload, signer)) + "~"));
    out.disclosures = std::move(disclosures);
    return out;
  }
  std::string reason(const Json& payload, std::vector<std::string> disclosures) const {
    auto unfolded = unfold(make(payload, std::move(disclosures)));
    return unfolded ? "taken" : unfolded.error().reason;
  }
};

TEST_F(SdJwtTest, WhatMayNotBeDisclosed) {
  const Forged forged{*this};
  auto disclosure = [](const Json& content) { return base64url(content.dump()); };
  auto digest = [](const std::string& text) { return sd_digest(SdHash::sha256, text); };
  const std::string name = disclosure({"salt", "name", "x"}), element = disclosure({"salt", "x"});
  EXPECT_EQ(forged.reason({{"_sd", {digest(name)}}}, {name}), "taken");
  EXPECT_EQ(forged.reason({{"_sd", {digest(name), digest(name)}}}, {name}), "sd_jwt.digest_twice");
  EXPECT_EQ(forged.reason({{"_sd", {digest(name)}}, {"a", {{"_sd", {digest(name)}}}}}, {name}),
            "sd_jwt.digest_twice");
  EXPECT_EQ(forged.reason({{"_sd", {digest(name)}}, {"a", {{"_sd", {digest(name)}}}}}, {}),
            "sd_jwt.digest_twice");  // also when nothing is shown
  EXPECT_EQ(forged.reason({{"_sd", {digest(name)}}}, {name, name}), "sd_jwt.digest_twice");
  EXPECT_EQ(forged.reason({{"_sd", Json::array()}}, {name}), "sd_jwt.unreferenced");
  EXPECT_EQ(forged.reason({{"_sd", {digest(name)}}, {"name", "y"}}, {name}), "sd_jwt.disclosure");
  EXPECT_EQ(forged.reason({{"_sd", {digest(element)}}}, {element}), "sd_jwt.disclosure");
  EXPECT_EQ(forged.reason({{"a", {{{"...", digest(name)}}}}}, {name}), "sd_jwt.disclosure");
  for (const char* reserved : {"_sd", "...", "_sd_alg"}) {
    const std::string bad = disclosure({"salt", reserved, "x"});
    EXPECT_EQ(forged.reason({{"_sd", {digest(bad)}}}, {bad}), "sd_jwt.disclosure");
  }
  for (const Json& bad : {Json(5), Json::array({"salt"}), Json::array({1, "name", "x"}),
                          Json::array({"salt", 5, "x"}), Json::array({"salt", "name", "x", "y"})}) {
    const std::string text = disclosure(bad);
    EXPECT_EQ(forged.reason({{"_sd", {digest(text)}}}, {text}), "sd_jwt.disclosure") << bad;
  }
  EXPECT_EQ(forged.reason({{"_sd", 5}}, {}), "sd_jwt.disclosure");
  EXPECT_EQ(forged.reason({{"_sd", {5}}}, {}), "sd_jwt.disclosure");
}

TEST_F(SdJwtTest, UnknownHashesAndNone) {
  const Signer& signer = only_sm2[0];
  for (const char* hash : {"md5", "sha-1", "sha-512", "SM3", ""}) {
    const auto token = take(sign_compact({{"typ", "dc+sd-jwt"}}, {{"_sd_alg", hash}}, signer));
    EXPECT_EQ(SdJwt::parse(token + "~").error().reason, "sd_jwt.hash") << hash;
  }
  for (const char* algorithm : {"none", "None", "HS256", "RS256", "ES384", "EdDSA", ""}) {
    const std::string header = base64url(Json({{"alg", algorithm}, {"typ", "dc+sd-jwt"}}).dump());
    const std::string token = header + "." + base64url("{}") + "." + base64url(Bytes(64, 1));
    EXPECT_EQ(SdJwt::parse(token + "~").error().reason, "jose.algorithm") << algorithm;
    EXPECT_EQ(SdJwt::parse(header + "." + base64url("{}") + ".~").error().reason, "jose.algorithm");
  }
}

TEST_F(SdJwtTest, BindingsAreForOnePresentation) {
  const SdJwt whole = issued(both);
  const std::vector<ClaimPath> one = {{"name"}};
  SdJwt some = take(select(whole, one));
  ASSERT_TRUE(bind(some, holder, {"aud", "nonce", kNow}));
  const auto key = holder.public_key();
  auto checked = take(check_binding(take(SdJwt::parse(some.encode())), key));
  EXPECT_EQ(checked.audience, "aud");
  EXPECT_EQ(checked.nonce, "nonce");
  EXPECT_EQ(checked.issued_ms, kNow);
  SdJwt more = whole;
  more.key_binding = some.key_binding;
  EXPECT_EQ(check_binding(more, key).error().reason, "sd_jwt.sd_hash");
  SdJwt none = whole;
  EXPECT_EQ(check_binding(none, key).error().reason, "sd_jwt.key_binding");
  const auto other = PrivateKey::generate(Algorithm::sm2sm3)->public_key();
  EXPECT_EQ(check_binding(some, other).error().reason, "jose.signature");
  EXPECT_EQ(check_binding(some, p256.public_key()).error().reason, "jose.algorithm");
  none.key_binding = take(sign_compact({{"typ", "jwt"}}, {{"aud", "a"}}, {holder, {}}));
  EXPECT_EQ(check_binding(none, key).error().reason, "sd_jwt.key_binding");
  EXPECT_EQ(holder_key(Json::object()).error().reason, "sd_jwt.no_holder");
}

}  // namespace
}  // namespace chengxin::credential
