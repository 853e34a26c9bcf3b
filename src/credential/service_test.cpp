#include "credential/service.h"

#include <thread>

#include "credential/parties_for_tests.h"
#include "credential/wallet.h"
#include "crypto/authority.h"
#include "crypto/random.h"
#include "sql/database.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kPassphrase = "correct horse battery";

// A platform and a wallet; the addresses lead to the service without a network.
struct ServiceTest : testing::Test {
  const std::string url = "https://platform.example";
  fs::path folder;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<Service> service;
  PrivateKey sm2 = *PrivateKey::generate(Algorithm::sm2sm3), p256 = *PrivateKey::generate(Algorithm::es256);
  const crypto::Secret data_key = crypto::random_secret(16);
  int64_t now = kNow;
  std::vector<std::string> anchored;
  std::vector<crypto::Certificate> certificates;
  const Caller owner{"owner", true};

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-credential-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    database = take(sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()}));
    open();
    ASSERT_TRUE(service->put_template(owner, "credential", resident()));
    ASSERT_TRUE(service->put_template(owner, "presentation", adult()));
  }
  void open() {
    ServiceOptions options{.url = url, .sm2_key = sm2, .p256_key = p256};
    options.certificates = certificates;
    options.data_key = data_key;
    options.now_ms = [this] { return now; };
    options.anchor = [this](const Digest&, const std::string& title) { anchored.push_back(title); };
    service = take(Service::open(*database, std::move(options)));
  }
  void TearDown() override {
    service.reset();
    database.reset();
    fs::remove_all(folder);
  }

  static Json resident() {
    return {{"id", "resident"},
            {"title", "居民"},
            {"type", "urn:x:resident"},
            {"selective", {{"name"}, {"birth_year"}}},
            {"proofs", {"SM2SM3", "ES256"}},
            {"schema", {{"type", "object"}, {"required", {"name"}}}}};
  }
  static Json adult() {
    return {{"id", "adult"},
            {"title", "成年"},
            {"credentials",
             {{{"id", "person"}, {"types", {"urn:x:resident"}}, {"claims", {{{"path", {"birth_year"}}}}}}}}};
  }
  static Json claims() { return {{"name", "张三"}, {"birth_year", 1990}}; }

  Http http() {
    return [this](const HttpRequest& request) -> Result<std::string> {
      auto text = [](Result<Json> json) { return json.map([](const Json& value) { return value.dump(); }); };
      if (!request.url.starts_with(url)) return fail(Code::unavailable, "fetch.unreachable");
      const std::string path = request.url.substr(url.size());
      auto id = [&] { return path.substr(path.rfind('/') + 1); };
      if (path == "/.well-known/openid-credential-issuer") return text(service->issuer_metadata());
      if (path == "/.well-known/oauth-authorization-server") return service->server_metadata().dump();
      if (path == "/api/v1/openid/token") return text(service->token(request.body));
      if (path == "/api/v1/openid/nonce") return text(service->nonce());
      if (path == "/api/v1/openid/credential")
        return text(service->credential(request.bearer, Json::parse(request.body)));
      if (path.starts_with("/api/v1/openid/offers/")) return text(service->find_offer(id()));
      if (path.starts_with("/api/v1/openid/requests/")) return service->request_object(id());
      if (path.starts_with("/api/v1/openid/responses/")) return text(service->answer(id(), request.body));
      return fail(Code::not_found, "fetch.not_found");
    };
  }
  Wallet wallet(const char* name = "wallet.json") {
    auto out = take(Wallet::create(folder / name, kPassphrase));
    EXPECT_TRUE(out.add_key("holder", Algorithm::sm2sm3));
    return out;
  }
  Wallet::Held held(Wallet& wallet) {
    const Json offer = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, false));
    return take(accept_offer(wallet, {offer["uri"], "", "", now}, http()));
  }
  Result<std::vector<Shown>> show(const Wallet& wallet, const Json& request) {
    auto asked = read_request(request["uri"], service->resolvers(), now, http());
    if (!asked) return tl::unexpected(asked.error());
    return answer_request(wallet, *asked, {{}, now}, http());
  }
  template <typename T>
  static std::string reason(const Result<T>& result) {
    return result ? "done" : result.error().reason;
  }
  std::string issued() { return take(service->list_issued({}, "", 1))["items"][0]["id"]; }
};

TEST_F(ServiceTest, FromAnOfferToAVerdictAndARevocation) {
  Wallet holder = wallet();
  const auto credential = held(holder);
  EXPECT_EQ(take(claims_of(credential))["name"], "张三");
  const Json request = take(service->ask("adult", Algorithm::es256));
  ASSERT_EQ(reason(show(holder, request)), "done");
  const Json state = take(service->find_request(request["id"]));
  EXPECT_EQ(state["state"], "verified");
  EXPECT_EQ(state["verdict"]["claims"]["person"], Json({{"birth_year", 1990}}));
  EXPECT_EQ(reason(show(holder, request)), "presentation.closed");

  for (auto [to, expected] : {std::pair{"suspended", "credential.suspended"}, std::pair{"active", "done"},
                              std::pair{"revoked", "credential.revoked"}}) {
    ASSERT_TRUE(service->set_state(owner, issued(), to, "why"));
    EXPECT_EQ(reason(show(holder, take(service->ask("adult", Algorithm::sm2sm3)))), expected);
  }
  EXPECT_EQ(reason(service->set_state(owner, issued(), "active", "")), "credential.state");
  service.reset();
  open();  // what was revoked stays so
  EXPECT_EQ(reason(show(holder, take(service->ask("adult", Algorithm::sm2sm3)))), "credential.revoked");
  EXPECT_EQ(anchored.front(), service->issuer());  // the document once, the lists as they changed
  EXPECT_EQ(std::count(anchored.begin(), anchored.end(), service->issuer()), 1);
  EXPECT_GT(anchored.size(), 2u);
}

// An offer opens with its code, what was shown with the key of the installation: neither stands in the
// tables.
TEST_F(ServiceTest, ClaimsAreSealedInTheDatabase) {
  Wallet holder = wallet();
  held(holder);
  const Json offer = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, false));
  const Json request = take(service->ask("adult", Algorithm::sm2sm3));
  ASSERT_EQ(reason(show(holder, request)), "done");
  ASSERT_TRUE(database->read([&](sql::Session& session) -> Status {
    for (const char* query : {"select body from credential_once", "select verdict from credential_request"}) {
      ASSIGN(const auto rows, session.rows(query));
      EXPECT_FALSE(rows.empty()) << query;
      for (const auto& row : rows) {
        const std::string kept = row.text(0);
        EXPECT_EQ(kept.find("birth_year"), kept.npos) << query;
        EXPECT_TRUE(kept == "{}" || kept.find('{') == kept.npos) << query;  // "{}": shown once
      }
    }
    return {};
  }));
  ASSERT_TRUE(database->transaction([&](sql::Session& session) {
    return session.run("update credential_request set verdict = replace(verdict, 'A', 'B')").map([](int64_t) {
    });
  }));
  EXPECT_EQ(reason(service->find_request(request["id"])), "credential.row_damaged");
}

TEST_F(ServiceTest, EachCodeServesOneOfManyAtOnce) {
  const Json offer = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, false));
  std::atomic<int> won = 0, lost = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      Wallet own = wallet(("wallet" + std::to_string(i)).c_str());
      auto got = accept_offer(own, {offer["uri"], "", "", now}, http());
      got ? ++won : ++lost;
      EXPECT_EQ(got ? "openid.invalid_grant" : got.error().reason, "openid.invalid_grant");
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 7);
  EXPECT_EQ(take(service->list_issued({}, "", 100))["items"].size(), 1u);
}

TEST_F(ServiceTest, TransactionCodesEndWithTheFifthGuess) {
  Wallet holder = wallet();
  auto accept = [&](const Json& offer, const std::string& code) {
    return reason(accept_offer(holder, {offer["uri"], code, "", now}, http()));
  };
  const Json first = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, true));
  EXPECT_EQ(accept(first, ""), "wallet.tx_code");
  EXPECT_EQ(accept(first, "x"), "openid.invalid_grant");
  EXPECT_EQ(accept(first, first["tx_code"]), "done");
  const Json second = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, true));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(accept(second, "x"), "openid.invalid_grant");
  EXPECT_EQ(accept(second, second["tx_code"]), "openid.invalid_grant");
  const Json third = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, false));
  now += 25 * 3'600'000;
  EXPECT_EQ(accept(third, ""), "credential.offer");
}

TEST_F(ServiceTest, ProofsOfAnotherNonceIssuerOrKey) {
  const PrivateKey key = *PrivateKey::generate(Algorithm::es256),
                   other = *PrivateKey::generate(Algorithm::es256);
  auto token = [&] {
    const Json offer = take(service->offer(owner, {"resident", claims(), {}, {}, {}}, false))["offer"];
    const Json grant = offer["grants"].front();
    const std::string code = grant["pre-authorized_code"];
    const Json answer = take(service->token(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code&pre-authorized_code=" +
        code));
    return answer["access_token"].get<std::string>();
  };
  std::string access = token();
  auto with = [&](Json header, const Json& payload, const PrivateKey& by) {
    header["typ"] = header.value("typ", "openid4vci-proof+jwt");
    const std::string proof = take(sign_compact(header, payload, {by, {}}));
    return reason(service->credential(
        access, {{"credential_configuration_id", "resident"}, {"proofs", {{"jwt", {proof}}}}}));
  };
  const Json jwk = {{"jwk", key.public_key().jwk()}};
  auto payload = [&](const std::string& nonce) {
    return Json{{"aud", url}, {"iat", now / 1000}, {"nonce", nonce}};
  };
  auto nonce = [&] { return take(service->nonce())["c_nonce"].get<std::string>(); };
  EXPECT_EQ(with(jwk, payload("made up"), key), "openid.invalid_nonce");
  EXPECT_EQ(with(jwk, payload(nonce()), other), "openid.invalid_proof");
  EXPECT_EQ(with({{"typ", "jwt"}, {"jwk", key.public_key().jwk()}}, payload(nonce()), key),
            "openid.invalid_proof");
  EXPECT_EQ(with(Json::object(), payload(nonce()), key), "openid.invalid_proof");
  Json elsewhere = payload(nonce());
  elsewhere["aud"] = "https://other.example";
  EXPECT_EQ(with(jwk, elsewhere, key), "openid.invalid_proof");
  Json old = payload(nonce());
  old["iat"] = now / 1000 - 86'400;
  EXPECT_EQ(with(jwk, old, key), "openid.invalid_proof");
  const std::string once = nonce();
  EXPECT_EQ(with(jwk, payload(once), key), "done");
  EXPECT_EQ(with(jwk, payload(nonce()), key), "openid.invalid_token");  // a token serves once
  access = token();
  EXPECT_EQ(with(jwk, payload(once), key), "openid.invalid_nonce") << "and a nonce, whoever shows it";
  std::string longer = nonce();
  longer[4] = longer[4] == '7' ? '6' : '7';  // another end than the one under the MAC
  EXPECT_EQ(with(jwk, payload(longer), key), "openid.invalid_nonce");
  EXPECT_EQ(with(jwk, payload(once.substr(0, 20)), key), "openid.invalid_nonce");
  const std::string late = nonce(), before = nonce();
  now += 300'000;
  EXPECT_EQ(with(jwk, payload(late), key), "openid.invalid_nonce");
  now -= 300'000;
  open();
  EXPECT_EQ(with(jwk, payload(before), key), "openid.invalid_nonce") << "of a process that is gone";
  EXPECT_EQ(with(jwk, payload(nonce()), key), "done");
}

// A nonce is for everybody who asks: what strangers ask for must not fill the database.
TEST_F(ServiceTest, NoncesLeaveNothingBehind) {
  const auto rows = [&] {
    int64_t out = -1;
    EXPECT_TRUE(database->read([&](sql::Session& session) -> Status {
      ASSIGN(auto row, session.row("select count(*) from credential_once"));
      out = row->integer(0);
      return {};
    }));
    return out;
  };
  const int64_t before = rows();
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) all.insert(take(service->nonce())["c_nonce"].get<std::string>());
  EXPECT_EQ(all.size(), 100u);
  EXPECT_EQ(rows(), before);
}

TEST_F(ServiceTest, WhoMayIssueAndWhat) {
  const Json by = key_did(p256.public_key());
  auto issue = [&](const Caller& caller, Issuance issuance) {
    return reason(service->issue(caller, issuance));
  };
  EXPECT_EQ(issue(owner, {"resident", claims(), by, {}, {}}), "done");
  EXPECT_EQ(issue({"clerk"}, {"resident", claims(), by, {}, {}}), "credential.delegate");
  EXPECT_EQ(issue(owner, {"nothing", claims(), by, {}, {}}), "template.not_found");
  EXPECT_EQ(issue(owner, {"resident", {{"birth_year", 1}}, by, {}, {}}), "credential.schema");
  EXPECT_EQ(issue(owner, {"resident", {{"name", "x"}, {"cnf", 1}}, by, {}, {}}), "credential.claim");
  EXPECT_EQ(issue(owner, {"resident", claims(), nullptr, {}, {}}), "credential.holder");
  EXPECT_EQ(issue(owner, {"resident", claims(), by, now + 1, now}), "credential.time");
  EXPECT_EQ(issue(owner, {"resident", claims(), by, {}, now + 400 * kDay}), "credential.time");
  Json second = resident();
  second["version"] = 2;
  second["delegates"] = {"clerk"};
  EXPECT_EQ(reason(service->put_template({"clerk"}, "credential", second)), "template.author");
  EXPECT_EQ(reason(service->put_template({""}, "credential", second)), "template.author");
  ASSERT_TRUE(service->put_template(owner, "credential", second));
  EXPECT_EQ(reason(service->put_template(owner, "credential", second)), "template.exists");
  EXPECT_EQ(issue({"clerk"}, {"resident", claims(), by, {}, {}}), "done");
  second["version"] = 3;
  EXPECT_EQ(reason(service->put_template({"clerk"}, "credential", second)), "template.author")
      << "a delegate issues, and no more";
  second["id"] = "of-clerk", second["type"] = "urn:x:of-clerk";
  ASSERT_TRUE(service->put_template({"clerk"}, "credential", second));
  second["version"] = 4;
  EXPECT_EQ(reason(service->put_template({"stranger"}, "credential", second)), "template.author");
  EXPECT_EQ(reason(service->put_template({"clerk"}, "credential", second)), "done");
  second["version"] = 5;
  EXPECT_EQ(reason(service->put_template(owner, "credential", second)), "done");
  EXPECT_EQ(take(service->find_template("credential", "resident", 1))["version"], 1);
  EXPECT_EQ(reason(service->set_state({"stranger"}, issued(), "revoked", "")), "credential.delegate");
  EXPECT_EQ(take(service->set_state({"clerk"}, issued(), "revoked", ""))["state"], "revoked");
}

TEST_F(ServiceTest, PlacesInTheListAreAPermutation) {
  std::set<std::string> places;
  const Json by = key_did(p256.public_key());
  for (int i = 0; i < 50; ++i) {
    const Json made = take(service->issue(owner, {"resident", claims(), by, {}, {}}));
    const auto sd_jwt = take(SdJwt::parse(made["credential"].get<std::string>()));
    places.insert(
        sd_jwt.jws.payload["status"]["bitstring_status_list"][0]["statusListIndex"].get<std::string>());
  }
  EXPECT_EQ(places.size(), 50u);
  EXPECT_FALSE(places.contains("0") && places.contains("1") && places.contains("2"));  // and tell no order
}

TEST_F(ServiceTest, TheWalletsFile) {
  Wallet made = wallet();
  held(made);
  EXPECT_EQ(reason(Wallet::create(folder / "wallet.json", kPassphrase)), "wallet.exists");
  EXPECT_EQ(reason(Wallet::create(folder / "short", "short")), "wallet.passphrase_short");
  EXPECT_EQ(reason(Wallet::open(folder / "wallet.json", "incorrect horse")), "wallet.passphrase");
  Wallet again = take(Wallet::open(folder / "wallet.json", kPassphrase));
  EXPECT_EQ(again.keys()[0].did(), made.keys()[0].did());
  EXPECT_EQ(again.held().size(), 1u);
  EXPECT_EQ(reason(show(again, take(service->ask("adult", Algorithm::sm2sm3)))), "done");
  const Bytes bytes = take(read_file(folder / "wallet.json", 1 << 20));
  EXPECT_EQ(text(bytes).find("PRIVATE KEY"), std::string_view::npos);
  for (size_t at = bytes.size() / 2; at < bytes.size(); at += bytes.size() / 7) {
    Bytes bent = bytes;
    bent[at] = bent[at] == 'A' ? 'B' : 'A';
    ASSERT_TRUE(write_durable(folder / "bent", bent, 0600));
    EXPECT_FALSE(Wallet::open(folder / "bent", kPassphrase));
  }
}

TEST_F(ServiceTest, RequestsOfOthersAreNotAnswered) {
  Wallet holder = wallet();
  held(holder);
  const Json request = take(service->ask("adult", Algorithm::sm2sm3));
  std::string renamed = request["uri"];
  renamed.replace(renamed.find("platform"), 8, "attacker");
  EXPECT_NE(reason(read_request(renamed, service->resolvers(), now, http())), "done");
  now += 3'600'000;
  EXPECT_EQ(reason(show(holder, request)), "presentation.closed");
  Wallet empty = wallet("empty.json");
  EXPECT_EQ(reason(show(empty, take(service->ask("adult", Algorithm::sm2sm3)))), "wallet.nothing_fits");
}

TEST_F(ServiceTest, DocumentsThatDiffer) {
  const Json shown = service->did_document();
  EXPECT_EQ(document_differences(shown, shown), Json::array());
  Json other = shown;
  other["verificationMethod"][0]["publicKeyJwk"]["x"] = "AA";
  other.erase("service");
  const Json found = document_differences(shown, other);
  ASSERT_EQ(found.size(), 2u);
  std::set<std::string> paths = {found[0]["path"], found[1]["path"]};
  EXPECT_TRUE(paths.contains("/service"));
  EXPECT_TRUE(paths.contains("/verificationMethod/0/publicKeyJwk/x"));
  EXPECT_EQ(reason(service->domains().put({{"id", "x"}}, now)), "domain.malformed");
  ASSERT_TRUE(service->domains().put({{"id", "own"}, {"title", "本域"}, {"dids", {service->issuer()}}}, now));
  EXPECT_TRUE(take(service->domains().check("own", now))["consistent"].get<bool>());
  EXPECT_EQ(reason(service->domains().check("none", now)), "domain.not_found");
}

TEST_F(ServiceTest, CertificatesOfADomain) {
  const crypto::Validity validity{kNow - kDay, kNow + 300 * kDay};
  auto root = take(crypto::Authority::create_root({"CN", "City", "", "Root"}, validity));
  auto other = take(crypto::Authority::create_root({"CN", "Other", "", "Root"}, validity));
  const auto key = take(crypto::Sm2PublicKey::from_point(sm2.public_key().point));
  auto outcome = [&](const crypto::Authority& believed) {
    const Json entry = {{"id", "own"},
                        {"title", "本域"},
                        {"dids", {service->issuer()}},
                        {"roots", believed.certificate().to_pem()}};
    EXPECT_TRUE(service->domains().put(entry, now));
    const Json report = take(service->domains().check("own", now));
    for (const Json& check : report["dids"][0]["checks"])
      if (check["check"] == "certificate") return check.value("reason", "passed");
    return std::string("none");
  };
  EXPECT_EQ(outcome(root), "domain.certificate");
  certificates = {
      take(root.issue({crypto::Purpose::client, {"CN", "City", "", "Issuer"}, {}, validity}, key))};
  service.reset();
  open();
  EXPECT_EQ(outcome(root), "passed");
  EXPECT_EQ(outcome(other), "crypto.certificate_untrusted");
  now += 400 * kDay;
  EXPECT_EQ(outcome(root), "crypto.certificate_expired");
  now -= 400 * kDay;
  const auto stranger = crypto::Sm2PrivateKey::generate()->public_key();
  certificates = {
      take(root.issue({crypto::Purpose::client, {"CN", "City", "", "Issuer"}, {}, validity}, stranger))};
  service.reset();
  open();
  EXPECT_EQ(outcome(root), "domain.certificate");  // a certificate of another key
}

}  // namespace
}  // namespace chengxin::credential
