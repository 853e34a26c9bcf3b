#include <atomic>
#include <future>

#include "base/base64url.h"
#include "credential/parties_for_tests.h"

namespace chengxin::credential {
namespace {

using VerifierTest = Parties;

TEST_F(VerifierTest, EachFormatWithOneProofAndTwo) {
  for (const auto& signers : {only_sm2, only_p256, both}) {
    const SdJwt sd_jwt = issued(signers);
    auto verdict = verifier->credential(sd_jwt.encode(), policy, kNow);
    EXPECT_TRUE(verdict.valid()) << verdict.json();
    EXPECT_EQ(verdict.claims["name"], "张三");
    EXPECT_FALSE(verdict.claims.contains("cnf"));
    EXPECT_EQ(verdict.holder, holder.public_key().thumbprint());
    const auto token = take(secure_credential(credential(), signers));
    verdict = verifier->credential(token, policy, kNow);
    EXPECT_TRUE(verdict.valid()) << verdict.json();
    EXPECT_EQ(verdict.type, "ResidentCredential");
    EXPECT_EQ(verdict.holder, key_did(holder.public_key()));
  }
}

TEST_F(VerifierTest, PresentationsShowWhatWasChosen) {
  int number = 0;
  for (const auto& signers : {only_sm2, only_p256, both}) {
    expected.nonce = "nonce-" + std::to_string(number++);
    auto verdict = verifier->presentation(shown(issued(signers), {{"birth_year"}}), policy, expected, kNow);
    EXPECT_TRUE(verdict.valid()) << verdict.json();
    EXPECT_EQ(verdict.claims["birth_year"], 1990);
    EXPECT_FALSE(verdict.claims.contains("name"));

    const auto token = take(secure_credential(credential(), signers));
    const std::string did_of_holder = key_did(holder.public_key());
    expected.nonce = "nonce-" + std::to_string(number++);
    const auto vp =
        take(present_credentials({token}, did_of_holder, {holder, key_did_url(holder.public_key())},
                                 {expected.audience, expected.nonce, kNow}));
    verdict = verifier->presentation(vp, policy, expected, kNow);
    EXPECT_TRUE(verdict.valid()) << verdict.json();
    EXPECT_EQ(verdict.claims["name"], "李四");
  }
}

TEST_F(VerifierTest, AlgorithmConfusion) {
  // What the issuer signed with one key, under a header that says the other's algorithm or key.
  const Json payload = issued(only_sm2).jws.payload;
  auto with = [&](const PrivateKey& key, std::string_view algorithm, const std::string& kid) {
    const std::string input =
        base64url(Json({{"alg", algorithm}, {"typ", "dc+sd-jwt"}, {"kid", kid}}).dump()) + "." +
        base64url(payload.dump());
    return input + "." + base64url(*key.sign(view(input))) + "~";
  };
  auto verdict = [&](const std::string& token) { return reason(verifier->credential(token, policy, kNow)); };
  EXPECT_EQ(verdict(with(sm2, "SM2SM3", did + "#sm2")), "valid");
  EXPECT_EQ(verdict(with(sm2, "ES256", did + "#sm2")), "jose.algorithm");
  EXPECT_EQ(verdict(with(p256, "ES256", did + "#sm2")), "jose.algorithm");
  EXPECT_EQ(verdict(with(p256, "SM2SM3", did + "#p256")), "jose.algorithm");
  EXPECT_EQ(verdict(with(sm2, "ES256", did + "#p256")), "jose.signature");
  EXPECT_EQ(verdict(with(p256, "SM2SM3", did + "#sm2")), "jose.signature");
  EXPECT_EQ(verdict(with(sm2, "none", did + "#sm2")), "jose.algorithm");
  EXPECT_EQ(verdict(with(sm2, "HS256", did + "#sm2")), "jose.algorithm");
  EXPECT_EQ(verdict(with(sm2, "SM2SM3", did + "#other")), "jose.kid");
  EXPECT_EQ(verdict(with(sm2, "SM2SM3", "")), "jose.kid");
  EXPECT_EQ(verdict(with(holder, "SM2SM3", key_did_url(holder.public_key()))), "jose.kid");
}

TEST_F(VerifierTest, BothProofsMustHold) {
  Json token = Json::parse(take(secure_credential(credential(), both)));
  auto verdict = [&](const Json& bent) { return reason(verifier->credential(bent.dump(), policy, kNow)); };
  EXPECT_EQ(verdict(token), "valid");
  for (size_t i : {0u, 1u}) {
    Json bent = token;
    bent["signatures"][i]["signature"] = base64url(Bytes(64, 7));
    EXPECT_EQ(verdict(bent), "jose.signature");
    Json alone = token;
    alone["signatures"].erase(i);
    EXPECT_EQ(verdict(alone), "valid");  // who knows one algorithm only checks that one
  }
  Json swapped = token;
  std::swap(swapped["signatures"][0]["signature"], swapped["signatures"][1]["signature"]);
  EXPECT_EQ(verdict(swapped), "jose.signature");
  Json unprotected = token;
  unprotected["signatures"][0]["header"]["kid"] = did + "#p256";
  EXPECT_NE(verdict(unprotected), "valid");
  Json none = token;
  none["signatures"] = Json::array();
  EXPECT_EQ(verdict(none), "jose.malformed");
}

TEST_F(VerifierTest, EveryBentCharacterIsRefused) {
  const std::string sd = shown(issued(both), {{"name"}, {"address", "street"}});
  const std::string compact = shown(issued(only_p256), {{"name"}});
  const std::string vc = take(secure_credential(credential(), only_sm2));
  for (const std::string& text : {sd, compact, vc})
    for (size_t at = 0; at < text.size(); at += 3) {
      std::string bent = text;
      bent[at] = bent[at] == 'A' ? 'B' : 'A';
      if (bent == text) continue;
      const auto verdict = &text == &vc || text == vc ? verifier->credential(bent, policy, kNow)
                                                      : verifier->presentation(bent, policy, expected, kNow);
      EXPECT_FALSE(verdict.valid()) << at << ' ' << bent;
    }
}

TEST_F(VerifierTest, EachClaimOfThePayloadIsSigned) {
  const SdJwt whole = issued(only_sm2);
  for (auto& [name, value] : whole.jws.payload.items()) {
    SdJwt bent = whole;
    bent.jws.payload[name] = "other";
    bent.jws.payload_encoded = base64url(bent.jws.payload.dump());
    EXPECT_FALSE(verifier->credential(bent.encode(), policy, kNow).valid()) << name;
    bent.jws.payload.erase(name);
    bent.jws.payload_encoded = base64url(bent.jws.payload.dump());
    EXPECT_FALSE(verifier->credential(bent.encode(), policy, kNow).valid()) << name;
  }
}

TEST_F(VerifierTest, TimeAndAClockThatIsADayOff) {
  const std::string token = issued(only_sm2).encode();
  auto at = [&](int64_t time) { return reason(verifier->credential(token, policy, time)); };
  EXPECT_EQ(at(kNow), "valid");
  EXPECT_EQ(at(kNow - 59'000), "valid");  // within the error that is allowed
  EXPECT_EQ(at(kNow - 61'000), "credential.not_yet_valid");
  EXPECT_EQ(at(kNow - kDay), "credential.not_yet_valid");
  EXPECT_EQ(at(kNow + 30 * kDay + 59'000), "valid");
  EXPECT_EQ(at(kNow + 30 * kDay + 61'000), "credential.expired");
  EXPECT_EQ(at(kNow + 31 * kDay), "credential.expired");
  const std::string vp = shown(issued(only_sm2));
  EXPECT_EQ(reason(verifier->presentation(vp, policy, expected, kNow + kDay)), "presentation.time");
  EXPECT_EQ(reason(verifier->presentation(vp, policy, expected, kNow - kDay)), "credential.not_yet_valid");
  EXPECT_EQ(reason(verifier->presentation(vp, policy, expected, kNow + 362'000)), "presentation.time");
  Json vc = credential();
  vc["validUntil"] = "2026-09-20T00:00:00Z";
  EXPECT_EQ(reason(verifier->credential(take(secure_credential(vc, only_sm2)), policy, kNow)),
            "credential.expired");
  vc["validUntil"] = "2026-02-30T00:00:00Z";
  EXPECT_EQ(reason(verifier->credential(take(secure_credential(vc, only_sm2)), policy, kNow)),
            "vc.malformed");
}

TEST_F(VerifierTest, WhoseWordItIs) {
  const std::string token = issued(only_sm2).encode();
  Policy other{.issuers = {"did:web:other.example"}}, none, any{.any_issuer = true};
  EXPECT_EQ(reason(verifier->credential(token, other, kNow)), "credential.issuer");
  EXPECT_EQ(reason(verifier->credential(token, none, kNow)), "credential.issuer");
  EXPECT_EQ(reason(verifier->credential(token, any, kNow)), "valid");
  Json document = web->documents[did];
  web->documents[did]["assertionMethod"] = Json::array();
  EXPECT_EQ(reason(verifier->credential(token, policy, kNow)), "jose.kid");  // a login's key issues nothing
  web->documents[did] = document;
  web->deactivated = did;
  EXPECT_EQ(reason(verifier->credential(token, policy, kNow)), "did.deactivated");
  web->documents.clear();
  EXPECT_EQ(reason(verifier->credential(token, policy, kNow)), "did.not_found");
}

TEST_F(VerifierTest, HoldersNoncesAndAudiences) {
  const SdJwt whole = issued(only_sm2);
  auto verdict = [&](const PrivateKey& by, KeyBinding binding) {
    return reason(verifier->presentation(shown(whole, {}, by, binding), policy, expected, kNow));
  };
  const KeyBinding good{expected.audience, expected.nonce, kNow};
  EXPECT_EQ(verdict(*PrivateKey::generate(Algorithm::sm2sm3), good), "jose.signature");  // another holder
  EXPECT_EQ(verdict(p256, good), "jose.algorithm");
  EXPECT_EQ(verdict(holder, {"did:web:elsewhere", expected.nonce, kNow}), "presentation.audience");
  EXPECT_EQ(verdict(holder, {expected.audience, "other", kNow}), "presentation.nonce");
  EXPECT_EQ(reason(verifier->presentation(whole.encode(), policy, expected, kNow)), "sd_jwt.key_binding");
  EXPECT_EQ(verdict(holder, good), "valid");
  EXPECT_EQ(verdict(holder, good), "presentation.replayed");
  Json unbound = claims();
  unbound.erase("cnf");
  EXPECT_EQ(reason(verifier->presentation(shown(issued(only_sm2, unbound)), policy, expected, kNow)),
            "sd_jwt.no_holder");

  // A vp+jwt by somebody else than the credential's subject.
  const auto thief = *PrivateKey::generate(Algorithm::es256);
  const auto token = take(secure_credential(credential(), only_sm2));
  expected.nonce = "another";
  const auto vp =
      take(present_credentials({token}, key_did(thief.public_key()), {thief, key_did_url(thief.public_key())},
                               {expected.audience, expected.nonce, kNow}));
  EXPECT_EQ(reason(verifier->presentation(vp, policy, expected, kNow)), "presentation.holder");
  const auto pretended = take(present_credentials({token}, key_did(holder.public_key()),
                                                  {thief, key_did_url(thief.public_key())},
                                                  {expected.audience, expected.nonce, kNow}));
  EXPECT_EQ(reason(verifier->presentation(pretended, policy, expected, kNow)), "jose.kid");
}

TEST_F(VerifierTest, TypesDoNotPassForEachOther) {
  const auto vc = take(secure_credential(credential(), only_sm2));
  const std::string did_of_holder = key_did(holder.public_key());
  const auto vp = take(present_credentials({vc}, did_of_holder, {holder, key_did_url(holder.public_key())},
                                           {expected.audience, expected.nonce, kNow}));
  EXPECT_EQ(reason(verifier->credential(vp, policy, kNow)), "jose.type");
  EXPECT_EQ(reason(verifier->presentation(vc, policy, expected, kNow)), "jose.type");
  EXPECT_EQ(reason(verifier->credential(vc + "~", policy, kNow)), "jose.type");
  const SdJwt bound = take(SdJwt::parse(shown(issued(only_sm2))));
  EXPECT_EQ(reason(verifier->credential(bound.key_binding + "~", policy, kNow)), "jose.type");
}

TEST_F(VerifierTest, RevokedAndSuspended) {
  const std::string url = "https://issuer.example/status/1", pause = "https://issuer.example/status/2";
  serve(url, StatusPurpose::revocation, {7, 999'999});
  serve(pause, StatusPurpose::suspension, {9});
  auto with = [&](size_t revocation, size_t suspension) {
    Json content = claims();
    content["status"]["bitstring_status_list"] =
        Json::array({status_entry({url, StatusPurpose::revocation, revocation}),
                     status_entry({pause, StatusPurpose::suspension, suspension})});
    return issued(only_sm2, content).encode();
  };
  auto at = [&](const std::string& token, int64_t time = kNow) {
    return reason(verifier->credential(token, policy, time));
  };
  EXPECT_EQ(at(with(1, 1)), "valid");
  EXPECT_EQ(at(with(7, 1)), "credential.revoked");
  EXPECT_EQ(at(with(999'999, 1)), "credential.revoked");
  EXPECT_EQ(at(with(1, 9)), "credential.suspended");
  EXPECT_EQ(at(with(2'000'000, 1)), "status.index");
  EXPECT_EQ(fetched, 2);
  serve(url, StatusPurpose::revocation, {1}, kNow + 300'001);
  EXPECT_EQ(at(with(1, 1), kNow + 299'000), "valid");  // until the time to live is over
  EXPECT_EQ(at(with(1, 1), kNow + 301'000), "credential.revoked");
  serve(url, StatusPurpose::revocation, {}, kNow - 3 * kDay);
  lists->forget(url);
  EXPECT_EQ(at(with(1, 1)), "status.expired");
  served.erase(url);
  lists->forget(url);
  EXPECT_EQ(at(with(1, 1)), "status.unavailable");
  Policy strict = policy;
  strict.status_required = true;
  EXPECT_EQ(reason(verifier->credential(issued(only_sm2).encode(), strict, kNow)), "status.missing");
}

TEST_F(VerifierTest, ListsThatAreNotTheIssuers) {
  const std::string url = "https://issuer.example/status/1";
  Json content = claims();
  content["status"]["bitstring_status_list"] = status_entry({url, StatusPurpose::revocation, 3});
  const std::string token = issued(only_sm2, content).encode();
  auto verdict = [&] {
    lists->forget(url);
    return reason(verifier->credential(token, policy, kNow));
  };
  const StatusListContent list{url, did, StatusPurpose::revocation, kNow, kNow + kDay, 300'000};
  const std::string stranger = key_did(holder.public_key());
  const std::vector<Signer> by_stranger = {{holder, key_did_url(holder.public_key())}};
  StatusListContent other = list;
  other.issuer = stranger;
  served[url] = take(secure_credential(status_list_credential(other, StatusBits()), by_stranger));
  EXPECT_EQ(verdict(), "status.issuer");
  served[url] = take(secure_credential(status_list_credential(list, StatusBits()), by_stranger));
  EXPECT_EQ(verdict(), "jose.kid");
  other = list;
  other.url = "https://issuer.example/status/2";
  served[url] = take(secure_credential(status_list_credential(other, StatusBits()), only_sm2));
  EXPECT_EQ(verdict(), "status.list");
  other = list;
  other.purpose = StatusPurpose::suspension;
  served[url] = take(secure_credential(status_list_credential(other, StatusBits()), only_sm2));
  EXPECT_EQ(verdict(), "status.list");
  served[url] = take(secure_credential(status_list_credential(list, StatusBits(1000)), only_sm2));
  EXPECT_EQ(verdict(), "status.list");
  served[url] = take(secure_credential(credential(), only_sm2));
  EXPECT_EQ(verdict(), "status.list");
  served[url] = take(secure_credential(status_list_credential(list, StatusBits()), only_p256));
  EXPECT_EQ(verdict(), "valid");
}

TEST_F(VerifierTest, SchemasOfTypes) {
  auto schema = std::make_shared<const rules::Schema>(take(rules::Schema::compile(
      {{"type", "object"}, {"properties", {{"birth_year", {{"type", "integer"}, {"maximum", 1980}}}}}})));
  Verifier knowing(resolvers, *lists, *replays, [&](const std::string& of) {
    return of == type ? schema : std::shared_ptr<const rules::Schema>();
  });
  EXPECT_EQ(reason(knowing.credential(issued(only_sm2).encode(), policy, kNow)), "credential.schema");
  EXPECT_EQ(reason(knowing.credential(take(secure_credential(credential(), only_sm2)), policy, kNow)),
            "valid");
}

PresentationTemplate wanted_template(const VerifierTest& test) {
  return take(PresentationTemplate::parse(
      {{"id", "adult"},
       {"title", "成年人"},
       {"credentials",
        {{{"id", "person"},
          {"types", {test.type}},
          {"claims",
           {{{"path", {"birth_year"}}}, {{"path", {"nationalities", nullptr}}, {"values", {"CN"}}}}}}}},
       {"rule", "credentials.person.birth_year <= 2008"}}));
}

TEST_F(VerifierTest, AnswersToATemplate) {
  const auto wanted = wanted_template(*this);
  EXPECT_EQ(wanted.dcql()["credentials"][0]["meta"]["vct_values"], Json::array({type}));
  int number = 0;
  auto answer = [&](const SdJwt& sd_jwt, std::vector<ClaimPath> paths) {
    expected.nonce = "answer-" + std::to_string(number++);
    return verifier->answer({{"person", {shown(sd_jwt, std::move(paths))}}}, wanted, policy, expected, kNow);
  };
  const SdJwt whole = issued(both);
  const auto good = answer(whole, {{"birth_year"}, {"nationalities", 0}});
  EXPECT_TRUE(good.valid()) << good.json();
  EXPECT_EQ(good.claims["person"]["birth_year"], 1990);
  EXPECT_EQ(reason(answer(whole, {{"nationalities", 0}})), "presentation.claim_missing");
  EXPECT_EQ(reason(answer(whole, {{"birth_year"}, {"nationalities", 1}})), "presentation.claim_value");
  Json child = claims();
  child["birth_year"] = 2020;
  EXPECT_EQ(reason(answer(issued(both, child), {{"birth_year"}, {"nationalities", 0}})), "presentation.rule");
  Json other = claims();
  other["vct"] = "urn:other";
  EXPECT_EQ(reason(answer(issued(both, other), {{"birth_year"}, {"nationalities", 0}})), "presentation.type");
  for (const Json& bad : {Json(5), Json::object(), Json({{"person", Json::array()}}), Json({{"person", {1}}}),
                          Json({{"person", {"x", "y"}}})})
    EXPECT_FALSE(verifier->answer(bad, wanted, policy, expected, kNow).valid()) << bad;
}

TEST_F(VerifierTest, TemplatesThatAreRefused) {
  const Json good = wanted_template(*this).json;
  auto refused = [&](auto change) {
    Json bent = good;
    change(bent);
    auto parsed = PresentationTemplate::parse(bent);
    return parsed ? std::string("taken") : parsed.error().reason;
  };
  EXPECT_EQ(refused([](Json& json) { json["id"] = "A b"; }), "template.malformed");
  EXPECT_EQ(refused([](Json& json) { json["more"] = 1; }), "template.malformed");
  EXPECT_EQ(refused([](Json& json) { json["credentials"] = Json::array(); }), "template.malformed");
  EXPECT_EQ(refused([](Json& json) { json["credentials"][0]["claims"][0]["path"] = "x"; }),
            "template.malformed");
  EXPECT_EQ(refused([](Json& json) { json["rule"] = "1 +"; }), "rule.syntax");
  const Json credential = {{"id", "resident"}, {"title", "居民"}, {"type", type}, {"selective", {{"name"}}}};
  EXPECT_TRUE(CredentialTemplate::parse(credential));
  for (auto [member, value] : {std::pair<const char*, Json>{"format", "mso_mdoc"},
                               {"proofs", {"RS256"}},
                               {"proofs", {"ES256", "ES256"}},
                               {"hash", "md5"},
                               {"decoys", 1000},
                               {"selective", {"name"}},
                               {"type", ""},
                               {"validity_days", 0},
                               {"schema", 5},
                               {"format", "vc+jwt"}}) {
    Json bent = credential;
    bent[member] = value;
    EXPECT_FALSE(CredentialTemplate::parse(bent)) << bent;
  }
}

TEST_F(VerifierTest, ForAStrangerNothingIsFetched) {
  const std::string url = "https://issuer.example/lists/1";
  serve(url, StatusPurpose::revocation, {});
  Json content = claims();
  content["status"] = {{"bitstring_status_list", {status_entry({url, StatusPurpose::revocation, 3})}}};
  const std::string token = issued(only_sm2, content).encode();
  EXPECT_EQ(reason(verifier->credential(token, policy, kNow)), "valid");
  EXPECT_EQ(fetched, 1);
  lists->forget(url);
  const int resolved = web->asked;
  const Policy nobody{.issuers = {"did:web:another.example"}};
  const auto outcome = [](const Verdict& verdict, std::string_view check) {
    for (const Check& each : verdict.checks)
      if (each.name == check) return std::string(name(each.outcome));
    return std::string("none");
  };
  auto verdict = verifier->credential(token, nobody, kNow);
  EXPECT_EQ(reason(verdict), "credential.issuer");
  for (const char* check : {"signature", "status"}) EXPECT_EQ(outcome(verdict, check), "skipped") << check;
  EXPECT_EQ(outcome(verdict, "validity"), "passed");

  // Nor for who shows it, when he is not whom the credential names, or nobody believed it.
  const std::string vc = take(secure_credential(credential(), only_sm2));
  const auto vp = take(present_credentials({vc}, did, only_sm2[0], {expected.audience, "nonce", kNow}));
  EXPECT_EQ(reason(verifier->presentation(vp, nobody, expected, kNow)), "credential.issuer");
  EXPECT_EQ(web->asked, resolved);
  EXPECT_EQ(fetched, 1);

  Json own = claims();
  const std::string offline = key_did(sm2.public_key());
  own["iss"] = offline;
  const std::vector<Signer> by_key = {{sm2, key_did_url(sm2.public_key())}};
  EXPECT_EQ(outcome(verifier->credential(issued(by_key, own).encode(), nobody, kNow), "signature"), "passed");
}

TEST_F(VerifierTest, OneListThatIsSlowHoldsUpNoOther) {
  const std::string slow = "https://issuer.example/slow", quick = "https://issuer.example/quick";
  serve(slow, StatusPurpose::revocation, {});
  serve(quick, StatusPurpose::revocation, {1});
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::promise<void> begun;
  std::atomic<int> asked = 0;
  StatusLists own(resolvers, [&](const std::string& url) -> Result<std::string> {
    if (url == slow && ++asked == 1) {
      begun.set_value();
      released.wait();
    }
    return served.at(url);
  });
  const auto look = [&](const std::string& url) {
    return own.is_set({url, StatusPurpose::revocation, 1}, did, kNow).value();
  };
  auto first = std::async(std::launch::async, [&] { return look(slow); });
  begun.get_future().wait();
  auto second = std::async(std::launch::async, [&] { return look(slow); });
  EXPECT_TRUE(look(quick));
  release.set_value();
  EXPECT_FALSE(first.get());
  EXPECT_FALSE(second.get());
  EXPECT_EQ(asked, 1);
}

// What a library throws reaches who asked; who waits for him, and who comes later, are answered.
TEST_F(VerifierTest, AListWhoseReadingThrowsKeepsNobodyWaiting) {
  const std::string url = "https://issuer.example/list";
  serve(url, StatusPurpose::revocation, {1});
  std::future<std::string> waiting;
  const auto look = [&](StatusLists& of) {
    const auto set = of.is_set({url, StatusPurpose::revocation, 1}, did, kNow);
    return set ? std::string("set") : set.error().reason;
  };
  int asked = 0;
  StatusLists own(resolvers, [&](const std::string&) -> Result<std::string> {
    if (++asked > 1) return fail(Code::unavailable, "fetch.unreachable");
    waiting = std::async(std::launch::async, [&] { return look(own); });
    throw std::bad_alloc();
  });
  EXPECT_THROW(look(own), std::bad_alloc);
  EXPECT_EQ(waiting.get(), "status.unavailable") << "of the one that was thrown at, or of his own";
  EXPECT_EQ(look(own), "status.unavailable");
  EXPECT_EQ(look(*lists), "set");
}

}  // namespace
}  // namespace chengxin::credential
