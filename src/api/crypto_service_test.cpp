#include <gtest/gtest.h>

#include <cstdlib>

#include "api/crypto_service.h"
#include "api/server.h"
#include "api/test_client.h"
#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/cms.h"
#include "crypto/hmac.h"
#include "crypto/sm3.h"
#include "crypto/two_party.h"
#include "keys/keystore.h"
#include "sql/database.h"

// The cryptographic service over REST: its own routes, with a real keystore and SQLite.
namespace chengxin::api {
namespace {

const std::string kOwner = "owner-token-of-the-tests-0123456789";

struct CryptoServiceTest : testing::Test {
  fs::path folder;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<keys::Service> service;
  std::unique_ptr<keys::TwoPartyServer> two_party;
  std::unique_ptr<CryptoService> crypto;
  std::unique_ptr<Server> server;
  int64_t time = 1'790'000'000'000;
  std::string caller, caller_id;

  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "chengxin-crypto-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ASSERT_TRUE(keys::Keystore::create(folder / "store", {}));
    std::shared_ptr<keys::Provider> store = *keys::Keystore::open(folder / "store");
    ASSERT_TRUE(store->unlock({}));
    const auto clock = [this] { return ++time; };
    auto ring =
        keys::Ring::open(store, folder / "ring",
                         {.custodians = 1, .journal_key = "journal", .seal_key = "kek", .now_ms = clock});
    ASSERT_TRUE(ring) << ring.error().to_string();
    service = std::make_unique<keys::Service>(std::move(*ring), clock);
    two_party = *keys::TwoPartyServer::open(*service->ring().sealed(), folder / "two-party", clock);
    database = *sql::Database::open({.url = "sqlite:" + (folder / "test.db").string()});
    Options options;
    options.port = 0;
    options.owner_token = kOwner;
    options.io_threads = 1;
    Services services;
    services.database = database.get();
    auto opened = CryptoService::open(*service, two_party.get(), *database);
    ASSERT_TRUE(opened) << opened.error().to_string();
    crypto = std::move(*opened);
    services.crypto = crypto.get();
    server = std::make_unique<Server>(options, services);
    ASSERT_TRUE(server->start());
    const Json token = send("POST", "/api/v1/tokens", {{"name", "app"}}).json();
    caller = token["token"];
    caller_id = "token:" + token["id"].get<std::string>();
  }
  ~CryptoServiceTest() override {
    server.reset();
    crypto.reset();
    database.reset();
    fs::remove_all(folder);
  }

  Reply send(const std::string& method, const std::string& target, const Json& body = {},
             std::string token = kOwner) {
    return ask(server->port(), {.method = method,
                                .target = target,
                                .token = token,
                                .type = body.is_null() ? "" : "application/json",
                                .body = body.is_null() ? "" : body.dump(),
                                .headers = {}});
  }
  Reply use(const std::string& path, const Json& body, std::string token = kOwner) {
    return send("POST", "/api/v1/crypto" + path, body, token);
  }
  void make(const std::string& name, const std::string& algorithm = "sm2", Json policy = Json::object()) {
    const Reply made = use("/keys", {{"name", name}, {"algorithm", algorithm}, {"policy", policy}});
    ASSERT_EQ(made.status, 201) << made.body;
  }
  static Json items(std::initializer_list<Json> list) { return {{"items", Json(list)}}; }
};

TEST_F(CryptoServiceTest, SignsAndVerifiesInBatchesOverRotations) {
  make("stamp");
  Json batch = Json::array();
  for (int i = 0; i < 300; ++i) batch.push_back({{"message", base64(view(std::to_string(i)))}});
  batch.push_back({{"digest", hex(crypto::sm3(view("e")))}});
  const Json made = use("/keys/stamp/sign", {{"items", batch}}).json();
  ASSERT_EQ(made["signatures"].size(), 301u) << made;
  const Json key = send("GET", "/api/v1/crypto/keys/stamp").json();
  auto point = unhex(key["versions"][0]["public_key"].get<std::string>());
  auto public_key = crypto::Sm2PublicKey::from_point(*point);
  EXPECT_TRUE(public_key->verify(view("7"), *unhex(made["signatures"][7].get<std::string>())));
  ASSERT_EQ(send("POST", "/api/v1/crypto/keys/stamp/rotate").status, 200);
  for (size_t i = 0; i < batch.size(); ++i) batch[i]["signature"] = made["signatures"][i];
  batch[5]["message"] = base64(view("bent"));
  const Json verdicts = use("/keys/stamp/verify", {{"items", batch}}).json()["verdicts"];
  for (size_t i = 0; i < batch.size(); ++i) EXPECT_EQ(verdicts[i], i != 5) << i;
  EXPECT_EQ(use("/keys/stamp/sign", items({{{"message", ""}}})).json()["version"], 2);
  ASSERT_EQ(use("/keys/stamp/versions/1/revoke", {{"why", "lost"}}).status, 200);
  EXPECT_EQ(use("/keys/stamp/verify", {{"items", batch}}).json()["verdicts"][0], false);
  EXPECT_EQ(use("/keys/stamp/sign", items({{{"message", ""}, {"digest", std::string(64, '0')}}})).reason(),
            "crypto.item");
  EXPECT_EQ(use("/keys/stamp/sign", items({{{"message", "?"}}})).status, 400);
  EXPECT_EQ(use("/keys/stamp/sign", {{"items", Json::array()}}).reason(), "api.out_of_range");
  EXPECT_EQ(use("/keys/nowhere/sign", items({{{"message", ""}}})).reason(), "keys.not_found");
}

TEST_F(CryptoServiceTest, EnvelopesOfBothKinds) {
  for (std::string algorithm : {"sm2", "sm4"}) {
    make(algorithm + "-key", algorithm);
    const std::string path = "/keys/" + algorithm + "-key";
    const std::string context = base64(view("row 5"));
    const Json made = use(path + "/encrypt",
                          items({{{"plain", base64(view("张三"))}, {"context", context}}, {{"plain", ""}}}))
                          .json();
    const Json opened =
        use(path + "/decrypt",
            items({{{"cipher", made["ciphers"][0]}, {"context", context}}, {{"cipher", made["ciphers"][1]}}}))
            .json();
    EXPECT_EQ(opened["plain"], (Json{base64(view("张三")), ""})) << opened;
    EXPECT_EQ(use(path + "/decrypt", items({{{"cipher", made["ciphers"][0]}}})).reason(), "crypto.decrypt");
    Bytes bytes = *unbase64(made["ciphers"][0].get<std::string>());
    for (size_t at = 8; at < bytes.size(); at += 9) {
      Bytes bent = bytes;
      bent[at] ^= 1;
      EXPECT_EQ(use(path + "/decrypt", items({{{"cipher", base64(bent)}, {"context", context}}})).reason(),
                "crypto.decrypt")
          << at;
    }
    ASSERT_EQ(send("POST", "/api/v1/crypto" + path + "/rotate").status, 200);
    EXPECT_EQ(use(path + "/decrypt", items({{{"cipher", made["ciphers"][1]}}})).status,
              200);  // the old still opens
    ASSERT_EQ(send("DELETE", "/api/v1/crypto" + path + "/versions/1").status, 200);
    const Reply gone = use(path + "/decrypt", items({{{"cipher", made["ciphers"][1]}}}));
    EXPECT_EQ(gone.status, 410) << gone.body;
  }
  EXPECT_EQ(use("/keys/sm4-key/sign", items({{{"message", ""}}})).reason(), "crypto.key_kind");
  EXPECT_EQ(use("/keys/sm2-key/hmac", items({{{"message", ""}}})).reason(), "crypto.key_kind");
}

TEST_F(CryptoServiceTest, CmsEnvelopesToAKeyOfOurs) {
  make("mailbox");
  const Json key = send("GET", "/api/v1/crypto/keys/mailbox").json();
  auto public_key =
      *crypto::Sm2PublicKey::from_point(*unhex(key["versions"][0]["public_key"].get<std::string>()));
  const int64_t now = now_ms();
  const crypto::Validity validity{now - 1000, now + 1'000'000};
  auto root = *crypto::Authority::create_root({"CN", "Test", "", "Root"}, {now - 5000, now + 2'000'000});
  crypto::CertificateRequest request;
  request.purpose = crypto::Purpose::tls_encrypt;
  request.subject = {"CN", "Test", "", "Mailbox"};
  request.validity = validity;
  const auto issued = root.issue(request, public_key);
  ASSERT_TRUE(issued) << issued.error().to_string();
  const std::string pem = issued->to_pem();
  const Json made = use("/envelopes", {{"items", Json::array({{{"plain", base64(view("公文"))}}})},
                                       {"certificates", {pem}}})
                        .json();
  ASSERT_EQ(made["ciphers"].size(), 1u) << made;
  const Json opened = use("/keys/mailbox/decrypt",
                          {{"items", Json::array({{{"cipher", made["ciphers"][0]}}})}, {"certificate", pem}})
                          .json();
  EXPECT_EQ(opened["plain"], Json{base64(view("公文"))}) << opened;
}

TEST_F(CryptoServiceTest, MacsHashesAndRandomBytes) {
  make("mac", "sm4");
  const Json request = items({{{"message", base64(view("a"))}}, {{"message", base64(view("b"))}}});
  const Json macs = use("/keys/mac/hmac", request).json();
  EXPECT_NE(macs["macs"][0], macs["macs"][1]);
  send("POST", "/api/v1/crypto/keys/mac/rotate");
  EXPECT_NE(use("/keys/mac/hmac", request).json()["macs"], macs["macs"]);
  Json old_one = request;
  old_one["version"] = 1;
  EXPECT_EQ(use("/keys/mac/hmac", old_one).json()["macs"], macs["macs"]);
  EXPECT_EQ(use("/hash", request).json()["digests"][0], hex(crypto::sm3(view("a"))));
  const Json random = use("/random", {{"bytes", 40}}).json();
  EXPECT_EQ(unbase64(random["random"].get<std::string>())->size(), 40u);
}

// crypto-13: who may use what, limits, and what was used: 密码配置管理, 密码服务审计管理.
TEST_F(CryptoServiceTest, APolicySaysWhoMayDoWhat) {
  const Json one = items({{{"message", base64(view("m"))}}});
  make("closed");
  EXPECT_EQ(use("/keys/closed/sign", one, caller).reason(), "keys.not_found");  // nor that it exists
  make("open", "sm2", {{"users", {caller_id}}, {"operations", {"sign"}}, {"limit_per_minute", 3}});
  EXPECT_EQ(use("/keys/open/sign", one, caller).status, 200);
  EXPECT_EQ(use("/keys/open/encrypt", items({{{"plain", ""}}}), caller).reason(), "crypto.not_allowed");
  EXPECT_EQ(send("GET", "/api/v1/crypto/keys", {}, caller).json()["items"].size(), 1u);
  EXPECT_EQ(use("/keys/open/sign", one, caller).status, 200);
  const Json three = items({one["items"][0], one["items"][0], one["items"][0]});
  const Reply limited = use("/keys/open/sign", three, caller);
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.reason(), "crypto.limit");
  time += 60'000;
  EXPECT_EQ(use("/keys/open/sign", three, caller).status, 200);
  for (std::string path : {"/keys", "/settings", "/journal", "/uses", "/provider"})
    if (path != "/keys" && path != "/settings") {
      EXPECT_EQ(send("GET", "/api/v1/crypto" + path, {}, caller).status, 403) << path;
    }
  EXPECT_EQ(use("/keys", {{"name", "x"}}, caller).status, 403);
  EXPECT_EQ(send("PUT", "/api/v1/crypto/keys/open/policy", {{"users", {"*"}}}, caller).status, 403);
  EXPECT_EQ(send("PUT", "/api/v1/crypto/keys/open/policy", {{"users", {"*"}}, {"enabled", false}}).status,
            200);
  EXPECT_EQ(use("/keys/open/sign", one).reason(), "crypto.not_allowed");
  EXPECT_EQ(send("PUT", "/api/v1/crypto/keys/open/policy", {{"operations", {"fly"}}}).status, 400);

  EXPECT_EQ(send("PUT", "/api/v1/crypto/settings", {{"disabled_operations", {"random"}}}).status, 200);
  EXPECT_EQ(use("/random", {{"bytes", 8}}).reason(), "crypto.operation_disabled");
  EXPECT_EQ(use("/hash", one).status, 200);
  EXPECT_EQ(send("PUT", "/api/v1/crypto/settings", {{"enabled", false}}).status, 200);
  EXPECT_EQ(use("/hash", one).reason(), "crypto.service_disabled");
  EXPECT_EQ(send("GET", "/api/v1/crypto/settings").json()["disabled_operations"], Json{"random"});

  const Json uses = send("GET", "/api/v1/crypto/uses?key=open&caller=" + caller_id).json();
  EXPECT_EQ(uses["totals"], (Json{{"calls", 5}, {"items", 9}, {"refused", 2}})) << uses;
  const Json refused = send("GET", "/api/v1/crypto/uses?outcome=crypto.limit").json();
  ASSERT_EQ(refused["items"].size(), 1u);
  EXPECT_EQ(refused["items"][0]["caller"], caller_id);
  EXPECT_EQ(send("GET", "/api/v1/crypto/uses?limit=1").json()["items"].size(), 1u);
  std::vector<std::string> actions;
  const Json journal = send("GET", "/api/v1/crypto/journal").json();
  for (const Json& line : journal["items"]) actions.push_back(line["record"]["action"]);
  EXPECT_EQ(actions,
            (std::vector<std::string>{"begin", "generate", "generate", "configure", "settings", "settings"}));
  EXPECT_EQ(send("GET", "/api/v1/crypto/provider").json()["kind"], "software");
}

TEST_F(CryptoServiceTest, TheServersHalfOfTwoPartySignatures) {
  auto mine = *crypto::Sm2PrivateKey::generate();
  const Json made =
      use("/two-party", {{"partial", hex(*crypto::two_party::partial_key(mine))}, {"label", "phone"}}, caller)
          .json();
  auto joint = *crypto::two_party::joint_key(mine, *unhex(made["partial"].get<std::string>()));
  EXPECT_EQ(hex(joint.point()), made["public_key"]);
  const std::string path = "/two-party/" + made["id"].get<std::string>();
  auto request = *crypto::two_party::begin(joint, view("pay 5"));
  const Json body = {{"point", hex(request.point)}, {"digest", hex(request.e)}};
  const Json answer = use(path + "/sign", body, caller).json();
  auto signature =
      crypto::two_party::finish(mine, joint, request, *unhex(answer["answer"].get<std::string>()));
  ASSERT_TRUE(signature) << answer;
  EXPECT_TRUE(joint.verify(view("pay 5"), *signature));
  EXPECT_EQ(use(path + "/sign", body).reason(), "keys.not_found");  // another credential, were it the owner's
  EXPECT_EQ(
      use(path + "/sign", {{"point", std::string(130, '0')}, {"digest", body["digest"]}}, caller).reason(),
      "crypto.public_key");
  EXPECT_EQ(send("GET", "/api/v1/crypto/two-party", {}, caller).json()["items"].size(), 1u);
  EXPECT_EQ(send("DELETE", "/api/v1/crypto" + path).status, 200);
  EXPECT_EQ(use(path + "/sign", body, caller).reason(), "keys.revoked");
}

}  // namespace
}  // namespace chengxin::api
