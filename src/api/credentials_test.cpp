#include <gtest/gtest.h>
#include <stdlib.h>

#include "api/server.h"
#include "api/test_client.h"
#include "audit/log.h"
#include "audit/search.h"
#include "base/clock.h"
#include "credential/service.h"
#include "credential/wallet.h"
#include "crypto/random.h"
#include "sql/database.h"

// Credentials over REST, with a wallet that speaks to the server through its sockets.
namespace chengxin::api {
namespace {

using namespace credential;
const std::string kOwner = "owner-token-of-the-tests-0123456789";

struct CredentialsTest : testing::Test {
  fs::path folder;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<audit::Log> audit;
  std::atomic<Service*> ready = nullptr;
  std::unique_ptr<Server> server;
  std::unique_ptr<Service> service;
  std::string url;

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-api-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    database = std::move(*sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()}));
    Options options;
    options.port = 0;
    options.owner_token = kOwner;
    Services services;
    services.database = database.get();
    services.credentials = &ready;
    audit::Options audit_options = audit::options_for(folder, *crypto::Sm2PrivateKey::generate());
    audit_options.now_ms = now_ms;
    audit = std::move(*audit::Log::open(audit_options));
    services.audit = audit.get();
    server = std::make_unique<Server>(options, services);
    ASSERT_TRUE(server->start());
    EXPECT_EQ(call("GET", "/.well-known/did.json").reason(), "api.starting");
    url = "http://127.0.0.1:" + std::to_string(server->port());
    ServiceOptions own{.url = url,
                       .sm2_key = *PrivateKey::generate(Algorithm::sm2sm3),
                       .p256_key = *PrivateKey::generate(Algorithm::es256)};
    own.data_key = crypto::random_secret(16);
    own.now_ms = now_ms;
    service = std::move(*Service::open(*database, std::move(own)));
    ready = service.get();
    const Json resident = {{"id", "resident"},
                           {"title", "居民"},
                           {"type", "urn:x:resident"},
                           {"selective", {{"name"}, {"birth_year"}}},
                           {"proofs", {"SM2SM3", "ES256"}},
                           {"schema", {{"type", "object"}, {"required", {"name"}}}}};
    const Json adult = {
        {"id", "adult"},
        {"title", "成年"},
        {"credentials",
         {{{"id", "person"}, {"types", {"urn:x:resident"}}, {"claims", {{{"path", {"birth_year"}}}}}}}}};
    EXPECT_EQ(owner("POST", "/api/v1/credential-templates", resident).status, 201);
    EXPECT_EQ(owner("POST", "/api/v1/presentation-templates", adult).status, 201);
  }
  void TearDown() override {
    server->stop();
    audit.reset();
    fs::remove_all(folder);
  }

  Reply call(const std::string& method, const std::string& target, const std::string& body = {},
             const std::string& type = {}, const std::string& token = {}) {
    return ask(server->port(),
               {.method = method, .target = target, .token = token, .type = type, .body = body});
  }
  Reply owner(const std::string& method, const std::string& target, const Json& body = {}) {
    return body.is_null() ? call(method, target, {}, {}, kOwner)
                          : call(method, target, body.dump(), "application/json", kOwner);
  }
  Reply form(const std::string& target, const std::string& body) {
    return call("POST", target, body, "application/x-www-form-urlencoded");
  }
  Http http() {
    return [this](const HttpRequest& request) -> Result<std::string> {
      EXPECT_TRUE(request.url.starts_with(url)) << request.url;
      const Reply reply = call(request.method, request.url.substr(url.size()), request.body,
                               request.content_type, request.bearer);
      if (reply.status == 200) return reply.body;
      return fail(Code::invalid_argument, reply.reason(), "{}", reply.body);
    };
  }
  Json offered(bool with_code = false) {
    return owner("POST", "/api/v1/credential-offers",
                 {{"template", "resident"},
                  {"claims", {{"name", "张三"}, {"birth_year", 1990}}},
                  {"with_code", with_code}})
        .json();
  }
  std::string show(const Wallet& wallet, const Json& request) {
    auto asked = read_request(request["uri"], service->resolvers(), now_ms(), http());
    if (!asked) return asked.error().reason;
    auto shown = answer_request(wallet, *asked, {{}, now_ms()}, http());
    return shown ? "done" : shown.error().reason;
  }
};

TEST_F(CredentialsTest, FromAnOfferToAVerdictAndARevocation) {
  Wallet wallet = *Wallet::create(folder / "wallet", "correct horse");
  ASSERT_TRUE(wallet.add_key("holder", Algorithm::es256));
  auto held = accept_offer(wallet, {offered()["uri"], "", "", now_ms()}, http());
  ASSERT_TRUE(held) << held.error().to_string();
  auto asked = [&] { return owner("POST", "/api/v1/presentation-requests", {{"template", "adult"}}).json(); };
  const Json request = asked();
  const std::string state = "/api/v1/presentation-requests/" + request["id"].get<std::string>();
  EXPECT_EQ(owner("GET", state).json()["state"], "open");
  EXPECT_EQ(show(wallet, request), "done");
  const Json outcome = owner("GET", state).json();
  EXPECT_EQ(outcome["state"], "verified");
  EXPECT_EQ(outcome["verdict"]["claims"]["person"], Json({{"birth_year", 1990}}));
  EXPECT_EQ(show(wallet, request), "presentation.closed");

  const Json listed = owner("GET", "/api/v1/credentials?template=resident").json();
  ASSERT_EQ(listed["items"].size(), 1u);
  const std::string path = "/api/v1/credentials/" + listed["items"][0]["id"].get<std::string>() + "/state";
  EXPECT_EQ(owner("PUT", path, {{"state", "suspended"}, {"why", "测试"}}).json()["state"], "suspended");
  EXPECT_EQ(show(wallet, asked()), "credential.suspended");
  EXPECT_EQ(owner("PUT", path, {{"state", "revoked"}}).status, 200);
  EXPECT_EQ(show(wallet, asked()), "credential.revoked");
  EXPECT_EQ(owner("PUT", path, {{"state", "active"}}).reason(), "credential.state");
  EXPECT_EQ(owner("PUT", path, {{"state", "gone"}}).status, 400);
  const Json verdict = owner("POST", "/api/v1/credentials/verification", {{"credential", held->text}}).json();
  EXPECT_EQ(verdict["valid"], false);
  EXPECT_EQ(verdict["reason"], "credential.revoked");
}

TEST_F(CredentialsTest, ProtocolErrorsHaveTheFormsOfTheStandards) {
  const std::string grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";
  Reply reply = form("/api/v1/openid/token", grant + "&pre-authorized_code=guess");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "invalid_grant");
  EXPECT_EQ(reply.header("cache-control"), "no-store");
  EXPECT_EQ(form("/api/v1/openid/token", "grant_type=password").json()["error"], "unsupported_grant_type");
  EXPECT_EQ(form("/api/v1/openid/token", grant).json()["error"], "invalid_request");
  EXPECT_EQ(form("/api/v1/openid/token", "a=1&a=2").json()["error"], "invalid_request");
  reply = call("POST", "/api/v1/openid/credential", "{}", "application/json");
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.json()["error"], "invalid_token");
  EXPECT_NE(reply.header("www-authenticate").find("Bearer"), std::string::npos);
  const std::string code = offered()["offer"]["grants"].front()["pre-authorized_code"];
  const Json token = form("/api/v1/openid/token", grant + "&pre-authorized_code=" + code).json();
  EXPECT_EQ(token["token_type"], "Bearer");
  reply = call("POST", "/api/v1/openid/credential",
               R"({"credential_configuration_id":"resident","proofs":{"jwt":["x"]}})", "application/json",
               token["access_token"]);
  EXPECT_EQ(reply.json()["error"], "invalid_proof");
  EXPECT_FALSE(call("POST", "/api/v1/openid/nonce").json()["c_nonce"].get<std::string>().empty());
}

// The token's endpoint refuses by RFC 6749, a nonce is for everybody: neither fills the audit log.
TEST_F(CredentialsTest, StrangersDoNotFillTheAuditLog) {
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(form("/api/v1/openid/token", "grant_type=x").status, 400);
    EXPECT_EQ(call("POST", "/api/v1/openid/nonce").status, 200);
  }
  owner("POST", "/api/v1/trusted-domains", Json::object());  // its entry is durable, so those before it are
  audit::Query query;
  query.limit = 10'000;
  std::map<std::string, int> count;
  const auto page = audit::search(folder / "audit", query).value();
  for (const auto& one : page.items) {
    ++count[one.entry.action];
    if (one.entry.action != "openidToken") continue;
    EXPECT_EQ(one.entry.outcome, "openid.unsupported_grant_type");
    EXPECT_EQ(one.entry.status, 400);
  }
  EXPECT_EQ(count["putTrustedDomain"], 1);
  EXPECT_EQ(count["openidNonce"], 0);
  EXPECT_GT(count["openidToken"], 0);
  EXPECT_LT(count["openidToken"], 40);
}

TEST_F(CredentialsTest, WhatIsOpenAndWhatIsNot) {
  const Json document = call("GET", "/.well-known/did.json").json();
  EXPECT_EQ(document["id"], service->issuer());
  EXPECT_EQ(call("GET", "/.well-known/openid-credential-issuer").json()["credential_issuer"], url);
  EXPECT_EQ(call("GET", "/.well-known/oauth-authorization-server").json()["issuer"], url);
  EXPECT_EQ(call("GET", "/1.0/identifiers/" + service->issuer()).json()["didResolutionMetadata"]["error"],
            "methodNotSupported");  // its %3A was taken for an escape of the path's
  std::string escaped = service->issuer();
  escaped.replace(escaped.find('%'), 1, "%25");
  EXPECT_EQ(call("GET", "/1.0/identifiers/" + escaped).json()["didDocument"], document);
  EXPECT_EQ(call("GET", "/1.0/identifiers/did:web:example.com").json()["didResolutionMetadata"]["error"],
            "methodNotSupported");  // nobody makes the platform ask for him
  EXPECT_EQ(call("GET", "/api/v1/dids/did:web:example.com").status, 401);
  EXPECT_EQ(call("GET", "/api/v1/status-lists/revocation/0").header("content-type"), "application/vc+jwt");
  EXPECT_EQ(call("GET", "/api/v1/status-lists/revocation/9").status, 404);
  EXPECT_EQ(call("GET", "/api/v1/status-lists/other/0").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/credential-schemas/resident/1").json()["required"], Json::array({"name"}));
  for (const char* path : {"/api/v1/credentials", "/api/v1/credential-templates", "/api/v1/trusted-domains"})
    EXPECT_EQ(call("GET", path).status, 401) << path;
  EXPECT_EQ(
      owner("POST", "/api/v1/trusted-domains", {{"id", "x"}, {"title", "x"}, {"dids", {"no"}}}).reason(),
      "domain.malformed");
  EXPECT_EQ(
      owner("POST", "/api/v1/trusted-domains", {{"id", "x"}, {"title", "x"}, {"dids", {service->issuer()}}})
          .status,
      201);
  const Json report = owner("POST", "/api/v1/trusted-domains/x/check").json();
  EXPECT_EQ(report["consistent"], true) << report;
  EXPECT_EQ(owner("DELETE", "/api/v1/trusted-domains/x").status, 204);
  EXPECT_EQ(owner("DELETE", "/api/v1/trusted-domains/x").reason(), "domain.not_found");
}

}  // namespace
}  // namespace chengxin::api
