#include "oidc/relying_party.h"

#include <filesystem>
#include <fstream>

#include "crypto/random.h"
#include "net/form.h"
#include "oidc/issuer_for_tests.h"

namespace chengxin::oidc {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kHere = "https://platform.example";

// A platform and a provider on loopback. The clock stands.
struct RelyingPartyTest : ::testing::Test {
  int64_t now = 1'790'000'000'000;
  WebServer web;
  Issuer issuer{web.url()};
  Json discovery = {{"issuer", web.url()},
                    {"authorization_endpoint", web.url() + "/authorize"},
                    {"token_endpoint", web.url() + "/token"},
                    {"jwks_uri", web.url() + "/keys"},
                    {"userinfo_endpoint", web.url() + "/userinfo"}};
  Json userinfo = {{"sub", "u-1"}, {"uuid", "7"}, {"iss", "bent"}};
  std::string nonce, token, keys;
  std::map<std::string, std::string> asked;  // of the token endpoint
  config::OidcProvider city, other;
  std::unique_ptr<RelyingParty> party;
  fs::path folder;

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-oidc-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    web.pages["/.well-known/openid-configuration"] = [&](auto&) { return discovery.dump(); };
    web.pages["/keys"] = [&](auto&) { return keys.empty() ? issuer.jwks().dump() : keys; };
    web.pages["/userinfo"] = [&](auto&) { return userinfo.dump(); };
    web.pages["/token"] = [&](const std::string& body) {
      asked = *net::parse_form(body);
      if (asked["code"] != "good") return std::string("400");
      Json claims = issuer.claims("chengxin", nonce, now / 1000);
      claims["at_hash"] = Issuer::at_hash("access");
      return Json{{"id_token", token.empty() ? issuer.sign(claims) : token}, {"access_token", "access"}}
          .dump();
    };
    web.start();
    city.name = "city";
    city.issuer = web.url();
    city.client_id = "chengxin";
    city.allow_private = true;
    other = city;
    other.name = "other";
    other.issuer = "https://other.example";
    open();
  }
  void TearDown() override { fs::remove_all(folder); }
  void open(size_t most_kept = 20'000) {
    auto made = RelyingParty::open({{city, other}, folder.string(), crypto::random_secret(32), most_kept});
    ASSERT_TRUE(made) << made.error().to_string();
    party = std::move(*made);
    party->serve_at(std::string(kHere));
  }
  // Begins, and remembers what the provider is told.
  struct Browser {
    std::string cookie, state, challenge, address, nonce;
  };
  Browser begin(const RelyingParty::Return& back = {}) {
    auto begun = party->begin("city", back, now);
    EXPECT_TRUE(begun) << begun.error().to_string();
    if (!begun) return {};
    auto told = *net::parse_form(begun->address.substr(begun->address.find('?') + 1));
    EXPECT_EQ(told["response_type"], "code");
    EXPECT_EQ(told["code_challenge_method"], "S256");
    EXPECT_EQ(told["redirect_uri"], std::string(kHere) + "/api/v1/sessions/outside/city/callback");
    nonce = told["nonce"];
    return {begun->cookie, told["state"], told["code_challenge"], begun->address, nonce};
  }
  std::string back(const Browser& browser, const std::string& code = "good", const std::string& iss = {},
                   const std::string& provider = "city") {
    auto come = party->come_back(provider, browser.cookie, {code, browser.state, iss, ""}, now);
    return come ? come->identity.account : come.error().reason;
  }
  const std::string account = web.url() + " u-1";
};

TEST_F(RelyingPartyTest, AWholeSignIn) {
  const Browser one = begin();
  EXPECT_EQ(back(one), account);
  EXPECT_EQ(asked["grant_type"], "authorization_code");
  EXPECT_EQ(asked["client_id"], "chengxin");
  EXPECT_EQ(challenge_of(asked["code_verifier"]), one.challenge) << "PKCE";
  EXPECT_EQ(challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
      << "RFC 7636 appendix B";
  EXPECT_EQ(one.cookie.find(nonce), std::string::npos);
  EXPECT_EQ(back(begin()), account);
  EXPECT_EQ(web.asked["/keys"], 1) << "kept";
  EXPECT_TRUE(one.address.starts_with(web.url() + "/authorize?response_type=code&")) << one.address;
  discovery["authorization_endpoint"] = web.url() + "/authorize?app=7";
  open();
  const std::string more = begin().address;
  EXPECT_TRUE(more.starts_with(web.url() + "/authorize?app=7&response_type=code&")) << more;
}

TEST_F(RelyingPartyTest, AnswersOfOthersAreRefused) {
  const Browser one = begin(), two = begin();
  EXPECT_EQ(back({two.cookie, one.state, "", ""}), "oidc.state");
  EXPECT_EQ(back({"", one.state, "", ""}), "oidc.no_flow");
  EXPECT_EQ(back({one.cookie.substr(0, 60), one.state, "", ""}), "oidc.no_flow");
  std::string bent = one.cookie;
  bent[40] = bent[40] == 'A' ? 'B' : 'A';
  EXPECT_EQ(back({bent, one.state, "", ""}), "oidc.no_flow");
  EXPECT_EQ(back(one, "good", "", "other"), "oidc.mixed_up");
  EXPECT_EQ(back(one, "good", "https://evil.example"), "oidc.mixed_up");
  EXPECT_EQ(back(two, "good", "", "nobody"), "oidc.no_provider");
  EXPECT_EQ(back(two, "good", web.url()), account) << "it may name itself";
  EXPECT_EQ(back(two), "oidc.replayed");
  const Browser three = begin();
  nonce = "of another sign-in";
  EXPECT_EQ(back(three), "oidc.nonce");
  const Browser four = begin();
  EXPECT_EQ(back(four, "stolen"), "oidc.code");
  EXPECT_EQ(back(four), "oidc.replayed") << "one try only";
  const Browser five = begin();
  now += kFlowMs;
  EXPECT_EQ(back(five), "oidc.flow_expired");
  const Browser six = begin();
  open();
  EXPECT_EQ(back(six), "oidc.no_flow") << "of another installation";
  auto denied = party->come_back("city", begin().cookie, {"", "", "", "access_denied"}, now);
  EXPECT_EQ(denied.error().reason, "oidc.state") << "an error counts with its state only";
  const Browser seven = begin();
  denied = party->come_back("city", seven.cookie, {"", seven.state, "", "access_denied"}, now);
  EXPECT_EQ(denied.error().reason, "oidc.denied");
}

TEST_F(RelyingPartyTest, WhoSaysThatItNamesItselfHasTo) {
  discovery["authorization_response_iss_parameter_supported"] = true;
  EXPECT_EQ(back(begin()), "oidc.mixed_up");
  EXPECT_EQ(back(begin(), "good", web.url()), account);
}

TEST_F(RelyingPartyTest, KeysThatChangeAreFetchedAnewOnceAMinute) {
  EXPECT_EQ(back(begin()), account);
  issuer.rotate("k-2");
  EXPECT_EQ(back(begin()), "jose.key_unknown") << "asked less than a minute ago";
  EXPECT_EQ(web.asked["/keys"], 1);
  now += 60'000;
  EXPECT_EQ(back(begin()), account);
  EXPECT_EQ(web.asked["/keys"], 2);
  now += 60'000;
  keys = issuer.jwks().dump();
  issuer.kid = "k-3";  // which nobody publishes: garbage does not make a flood
  for (int i = 0; i < 5; ++i) EXPECT_EQ(back(begin()), "jose.key_unknown");
  EXPECT_EQ(web.asked["/keys"], 3);
}

TEST_F(RelyingPartyTest, DocumentsThatAreNotWhatTheyShouldBe) {
  const auto reason = [&] {
    auto begun = party->begin("city", {}, now);
    return begun ? "" : begun.error().reason;
  };
  const Json good = discovery;
  for (auto [member, value] : {std::pair("issuer", "https://another.example"), std::pair("issuer", ""),
                               std::pair("token_endpoint", "file:///etc/passwd"),
                               std::pair("jwks_uri", "http://user:pass@127.0.0.1/")}) {
    discovery = good;
    discovery[member] = value;
    EXPECT_EQ(reason(), "oidc.discovery") << member;
  }
  discovery = good;
  discovery["filler"] = std::string(64 << 10, 'x');
  EXPECT_EQ(reason(), "oidc.too_large");
  web.pages["/.well-known/openid-configuration"] = [](auto&) { return "[1, 2]"; };
  EXPECT_EQ(reason(), "oidc.discovery");
  web.pages["/.well-known/openid-configuration"] = [](auto&) { return "503"; };
  EXPECT_EQ(reason(), "oidc.discovery");
  discovery = good;
  web.pages["/.well-known/openid-configuration"] = [&](auto&) { return discovery.dump(); };
  keys = Json{{"keys", Json::array()}, {"filler", std::string(256 << 10, 'x')}}.dump();
  EXPECT_EQ(back(begin()), "oidc.too_large");
  keys = "{\"keys\": 1}";
  EXPECT_EQ(back(begin()), "jose.jwk");
}

TEST_F(RelyingPartyTest, AProviderThatIsDownIsCalledThat) {
  web.pages["/token"] = [](auto&) { return "502"; };
  EXPECT_EQ(back(begin()), "oidc.unreachable");
  city.issuer = "http://127.0.0.1:1";
  open();
  EXPECT_EQ(party->begin("city", {}, now).error().reason, "oidc.unreachable");
  city.allow_private = false;
  open();
  EXPECT_EQ(party->begin("city", {}, now).error().reason, "oidc.address_forbidden");
}

TEST_F(RelyingPartyTest, UserinfoAddsWhatTheTokenDoesNotSay) {
  city.claims_from = "userinfo";
  city.account_claim = "uuid";
  open();
  EXPECT_EQ(back(begin()), web.url() + " 7");
  userinfo["sub"] = "u-2";
  EXPECT_EQ(back(begin()), "oidc.token_form") << "about somebody else";
}

TEST_F(RelyingPartyTest, TheSecretIsReadFromAFileOfItsOwnersOnly) {
  city.client_secret_file = "secret";
  open();
  EXPECT_EQ(back(begin()), "oidc.secret_file");
  std::ofstream(folder / "secret") << "s3cret\n";
  fs::permissions(folder / "secret", fs::perms::owner_read | fs::perms::group_read);
  EXPECT_EQ(back(begin()), "oidc.secret_file");
  fs::permissions(folder / "secret", fs::perms::owner_read);
  EXPECT_EQ(back(begin()), account);
  const std::string header = "Authorization: Basic " + base64(view("chengxin:s3cret"));
  EXPECT_NE(web.head_of["/token"].find("\r\n" + header), std::string::npos);
  EXPECT_FALSE(asked.contains("client_secret")) << "once, in the header";
  discovery["token_endpoint_auth_methods_supported"] = {"client_secret_post"};
  open();
  EXPECT_EQ(back(begin()), account);
  EXPECT_EQ(asked["client_secret"], "s3cret");
  EXPECT_EQ(web.head_of["/token"].find("Authorization"), std::string::npos);
}

TEST_F(RelyingPartyTest, ATicketIsForWhoBeganAndOnce) {
  const std::string verifier(43, 'v');
  const RelyingParty::Return home{challenge_of(verifier), 40'000};
  const Browser one = begin(home);
  auto come = party->come_back("city", one.cookie, {"good", one.state, "", ""}, now);
  ASSERT_TRUE(come) << come.error().to_string();
  EXPECT_EQ(come->back.port, 40'000);
  const std::string ticket = party->keep(come->identity, come->back.challenge, now).value();
  const std::string another = party->keep(come->identity, come->back.challenge, now).value();
  EXPECT_EQ(party->take(another, std::string(43, 'w'), now).error().reason, "oidc.ticket");
  EXPECT_EQ(party->take(another, verifier, now).error().reason, "oidc.ticket") << "one try";
  EXPECT_EQ(party->take(ticket, verifier, now)->account, account);
  EXPECT_EQ(party->take(ticket, verifier, now).error().reason, "oidc.ticket");
  const std::string old = party->keep(come->identity, come->back.challenge, now).value();
  EXPECT_EQ(party->take(old, verifier, now + kTicketMs).error().reason, "oidc.ticket");
}

TEST_F(RelyingPartyTest, WhoComesWhenTooManyCameIsToldToComeAgain) {
  open(1);
  const Browser one = begin(), two = begin();
  nonce = one.nonce;
  EXPECT_EQ(back(one), account);
  nonce = two.nonce;
  EXPECT_EQ(back(two), "oidc.busy");
  EXPECT_EQ(back(one), "oidc.replayed") << "that is still known";
  now += kFlowMs - 1;
  const Browser three = begin();
  EXPECT_EQ(back(three), "oidc.busy");
  ++now;
  EXPECT_EQ(back(three), account) << "the same answer, later";

  open(1);
  EXPECT_EQ(back(begin(), "stolen"), "oidc.code");
  EXPECT_EQ(back(begin(), "stolen"), "oidc.code") << "what brought nobody in makes room";
  const Browser four = begin();
  nonce = four.nonce;
  EXPECT_EQ(back(four), account);

  ASSERT_TRUE(party->keep({}, "c", now));
  const auto full = party->keep({}, "c", now);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason, "oidc.busy");
  EXPECT_EQ(full.error().code, Code::busy);
  EXPECT_GT(full.error().retry_after_ms, 0);
  EXPECT_TRUE(party->keep({}, "c", now + kTicketMs));
}

TEST_F(RelyingPartyTest, SettingsThatAreNotSafeAreRefused) {
  const config::OidcProvider good = city;
  const auto reason = [&](auto change) {
    config::OidcProvider one = good;
    change(one);
    auto made = RelyingParty::open({{one}, folder.string(), crypto::random_secret(32)});
    return made ? "" : made.error().reason;
  };
  using P = config::OidcProvider;
  EXPECT_EQ(reason([](P&) {}), "");
  const std::vector<std::function<void(P&)>> bad = {
      [](P& p) { p.name = ""; },
      [](P& p) { p.name = "City"; },
      [](P& p) { p.issuer = ""; },
      [](P& p) { p.issuer += "/"; },
      [](P& p) { p.issuer = "ftp://id.example"; },
      [](P& p) { p.client_id = ""; },
      [](P& p) { p.scopes = "profile"; },
      [](P& p) { p.algorithms = "none"; },
      [](P& p) { p.algorithms = "RS256 HS256"; },
      [](P& p) { p.algorithms = ""; },
      [](P& p) { p.account_claim = "email"; },
      [](P& p) { p.account_claim = "phone_number"; },
      [](P& p) { p.legal_claim = "code", p.agent_claim = "mobile"; }};
  for (size_t i = 0; i < bad.size(); ++i) EXPECT_EQ(reason(bad[i]), "oidc.configuration") << i;
  EXPECT_EQ(RelyingParty::open({{good, good}, folder.string(), crypto::random_secret(32)}).error().reason,
            "oidc.configuration");
}

}  // namespace
}  // namespace chengxin::oidc
