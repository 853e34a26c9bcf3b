#include "api/platform_for_tests.h"
#include "crypto/ocsp.h"
#include "crypto/signing_request.h"
#include "gateway/gateway.h"

// The certificate authority and the gateway over REST.
namespace chengxin::api {
namespace {

class AuthorityApi : public PlatformTest {
 protected:
  void SetUp() override {
    PlatformTest::SetUp();
    ASSERT_EQ(post("/api/v1/authority", {{"organization", "城信"}, {"country", "CN"}}).status, 201);
    officer = post("/api/v1/tokens", {{"name", "officer"}}).json()["token"];
  }
  Reply as(const std::string& token, const std::string& target, const Json& body) {
    return ask(port(), {.method = "POST",
                        .target = target,
                        .token = token,
                        .type = "application/json",
                        .body = body.dump()});
  }
  Json asked(const std::string& profile = "personal") {
    const auto request = crypto::make_signing_request({"CN", "", "", "张三"}, holder).value();
    return {{"items", {{{"profile", profile}, {"csr", request.to_pem()}}}}};
  }
  // The id of a holder whose pair was issued.
  Json issued() {
    const Json ids = as(officer, "/api/v1/authority/requests", asked()).json();
    EXPECT_EQ(post("/api/v1/authority/approvals", ids).status, 204);
    const Reply made = post("/api/v1/authority/issues", ids);
    EXPECT_EQ(made.status, 201);
    return made.json()["items"][0];
  }
  Reply open(const std::string& target, const std::string& body = "") {
    return ask(port(), {.method = body.empty() ? "GET" : "POST",
                        .target = target,
                        .type = body.empty() ? "" : "application/ocsp-request",
                        .body = body});
  }

  std::string officer;
  crypto::Sm2PrivateKey holder = crypto::Sm2PrivateKey::generate().value();
};

TEST_F(AuthorityApi, OneAsksAndAnotherApproves) {
  EXPECT_EQ(post("/api/v1/authority", {{"organization", "x"}}).reason(), "authority.exists");
  const Json own = post("/api/v1/authority/requests", asked()).json();
  EXPECT_EQ(post("/api/v1/authority/approvals", own).reason(), "authority.four_eyes");
  EXPECT_EQ(as(officer, "/api/v1/authority/approvals", own).reason(), "auth.owner_only");
  EXPECT_EQ(post("/api/v1/authority/issues", own).reason(), "authority.state");
  EXPECT_EQ(as(officer, "/api/v1/authority/requests", asked("king")).reason(), "authority.profile");
  const Json holder_row = issued();
  EXPECT_EQ(holder_row["state"], "issued");
  EXPECT_TRUE(crypto::Certificate::from_pem(holder_row["sign"].get<std::string>()));
  EXPECT_EQ(get("/api/v1/authority/holders/" + holder_row["id"].get<std::string>()).json()["sign"],
            holder_row["sign"]);
  EXPECT_EQ(get("/api/v1/authority/holders?state=issued").json()["items"].size(), 1u);
  EXPECT_EQ(get("/api/v1/authority/holders?state=requested").json()["items"].size(), 1u);
  EXPECT_EQ(get("/api/v1/authority/due?days=400").json()["items"].size(), 1u);
}

TEST_F(AuthorityApi, ListsAndStatusAreForEverybody) {
  const Json row = issued();
  const auto issuing =
      crypto::Certificate::from_der(view(open("/api/v1/authority/certificates/issuing").body)).value();
  const auto sign = crypto::Certificate::from_pem(row["sign"].get<std::string>()).value();
  // Random nonces, so that the base64 in the path has slashes and pluses among them.
  for (int i = 0; i < 50; ++i) {
    crypto::OcspRequest question;
    question.ids = {crypto::OcspId::of(issuing, sign.serial)};
    question.nonce = crypto::random_bytes(32);
    const Bytes der = question.to_der();
    const Reply reply = i % 2 ? open("/api/v1/authority/ocsp", to_string(der))
                              : open("/api/v1/authority/ocsp/" + base64(der));
    ASSERT_EQ(reply.status, 200) << reply.body;
    const auto answer = crypto::verify_ocsp_response(view(reply.body), issuing, now_ms());
    ASSERT_TRUE(answer) << answer.error().to_string();
    EXPECT_EQ(answer->nonce, question.nonce);
    EXPECT_EQ(answer->answers[0].status, crypto::OcspStatus::good);
  }
  EXPECT_EQ(open("/api/v1/authority/ocsp/!!").status, 200) << "an answer that refuses";
  EXPECT_EQ(open("/api/v1/authority/ocsp/%zz").reason(), "api.bad_path");
  EXPECT_EQ(
      post("/api/v1/authority/revocations", {{"ids", {row["id"]}}, {"reason", "key_compromise"}}).status,
      204);
  const auto list = crypto::Crl::from_der(view(open("/api/v1/authority/crl").body)).value();
  EXPECT_EQ(list.revoked.size(), 2u);
  EXPECT_EQ(post("/api/v1/authority/checks", {{"certificates", row["sign"]}}).reason(),
            "crypto.certificate_revoked");
  for (const char* target : {"/api/v1/authority", "/api/v1/authority/holders", "/api/v1/authority/anchors"})
    EXPECT_EQ(open(target).status, 401) << target;
}

TEST_F(AuthorityApi, TheGatewayPassesWhatARouteNames) {
  gateway::Options gateway_options{.seal_key = crypto::to_secret(Bytes(16, 3)), .now_ms = now_ms};
  auto gateway = take(gateway::Gateway::open(*database, std::move(gateway_options)));
  gateway->start();
  Services services;
  services.database = database.get();
  services.gateway = gateway.get();
  Options second = options;
  second.port = 0;
  Server entry(second, services);
  ASSERT_TRUE(entry.start());
  const Json route = {{"upstream", "http://127.0.0.1:" + std::to_string(port())},
                      {"token", kToken},
                      {"applications", {"owner"}},
                      {"paths", {"/api/v1/authority"}},
                      {"writes", true}};
  auto send = [&](const char* method, const std::string& target, const std::string& body = "") {
    return ask(entry.port(), {.method = method,
                              .target = "/api/v1/gateway/" + target,
                              .token = kToken,
                              .type = body.empty() ? "" : "application/json",
                              .body = body});
  };
  ASSERT_EQ(send("PUT", "routes/ca", route.dump()).status, 200);
  EXPECT_EQ(send("GET", "to/ca/api/v1/authority/holders?limit=5").status, 200);
  EXPECT_EQ(send("POST", "to/ca/api/v1/authority/requests", asked().dump()).status, 201);
  EXPECT_EQ(send("GET", "to/ca/api/v1/authority/holders").json()["items"].size(), 1u);
  EXPECT_EQ(send("GET", "to/ca/api/v1/authority/holders/none").reason(), "authority.no_holder");
  EXPECT_EQ(send("GET", "to/ca/api/v1/tokens").reason(), "gateway.path");
  EXPECT_EQ(send("GET", "to/ca/api/v1/authority/%2e%2e/tokens").reason(), "gateway.path");
  EXPECT_EQ(send("GET", "to/nowhere/api/v1/authority").reason(), "gateway.no_route");
  EXPECT_EQ(ask(entry.port(), {.target = "/api/v1/gateway/to/ca/api/v1/authority"}).status, 401);
  EXPECT_EQ(send("GET", "traffic").json()["items"][0]["requests"], 6);
  EXPECT_EQ(send("DELETE", "routes/ca").status, 204);
  entry.stop();
}

}  // namespace
}  // namespace chengxin::api
