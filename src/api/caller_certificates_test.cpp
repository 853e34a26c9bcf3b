#include "api/access_rig_for_tests.h"
#include "audit/search.h"
#include "client/client.h"
#include "crypto/tls_for_tests.h"

namespace chengxin::api {
namespace {

// What is wrong with a pair, or not.
struct Kind {
  crypto::Purpose sign = crypto::Purpose::client, encrypt = crypto::Purpose::tls_encrypt;
  int64_t from_ms = -1000, to_ms = AccessPlatformTest::kDayMs;
};

// TLCP with certificates of clients: which service calls is what its signing certificate's key says.
struct CallerCertificates : AccessPlatformTest {
  const crypto::Authority servers = crypto::test_root("Servers");
  const crypto::TlsIdentity own = crypto::test_identity(servers, "platform");

  void SetUp() override {
    AccessPlatformTest::SetUp();
    protect(ClientCertificates::asked);
  }
  void protect(ClientCertificates mode) {
    server.reset();
    options.tls = crypto::TlsContext::create(crypto::TlsProtocol::tlcp, own).value();
    options.client_certificates = mode;
    start_server();
  }

  crypto::TlsIdentity pair(const crypto::Authority& by, const Person& of, const Kind& kind = {}) {
    crypto::TlsIdentity out;
    out.sign_key = of.key;
    out.encrypt_key = crypto::Sm2PrivateKey::generate().value();
    const crypto::Validity validity{now_ms() + kind.from_ms, now_ms() + kind.to_ms};
    const auto issue = [&](crypto::Purpose purpose, const std::string& name,
                           const crypto::Sm2PublicKey& holder) {
      return by.issue({purpose, {"CN", "", "", name}, {}, validity}, holder).value();
    };
    out.sign = issue(kind.sign, of.name, out.sign_key.public_key());
    out.encrypt = issue(kind.encrypt, of.name, out.encrypt_key.public_key());
    return out;
  }
  client::Client with(const std::optional<crypto::TlsIdentity>& identity, const std::string& token = {}) {
    client::Options to;
    to.url = fmt::format("tlcp://127.0.0.1:{}", port());
    to.root_pem = servers.certificate().to_pem();
    to.token = token;
    if (identity) {
      to.certificates = {identity->sign.to_pem(), identity->sign_key.to_pem().value(),
                         identity->encrypt.to_pem(), identity->encrypt_key.to_pem().value()};
      for (const auto& one : identity->chain) to.certificates.sign += one.to_pem();
    }
    return client::Client(to);
  }
  static std::string reason(const Result<Json>& answer) { return answer ? "" : answer.error().reason; }
  std::string call_as(const std::optional<crypto::TlsIdentity>& identity, const std::string& token = {}) {
    return reason(with(identity, token).get("/api/v1/chains"));
  }
  // The newest entry of an action, once there are so many in the log.
  audit::Entry noted(const std::string& action, size_t count = 1) {
    audit::Query query;
    query.action = action;
    query.limit = 100;
    for (int i = 0; i < 500; ++i) {
      auto items = audit::search(folder / "audit", query).value().items;
      if (items.size() >= count) return items[0].entry;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
  }
  // Four eyes, not over the wire: the platform takes no call in clear here.
  void take_key_away(const Person& one) {
    const Json document = next_policy([&](Json& all) { all["users"][one.id].erase("key"); });
    const auto by = [&](const std::string& who, const std::string& kind) {
      return unhex(signature(who, kind, document)).value();
    };
    const auto usable = access->usable_check();
    auto& policies = access->policies();
    const auto proposal =
        take(policies.propose(people.at("security-administrator").id, document,
                              by("security-administrator", "propose"), "", usable, now_ms()));
    take(policies.approve(people.at("audit-administrator").id, proposal.id,
                          by("audit-administrator", "approve"), usable, now_ms()));
  }
  void revoke(const crypto::Certificate& one) {
    crls = {authority.issue_crl({{one.serial, now_ms() - 5000, 0}}, 1, {now_ms() - 10'000, now_ms() + kDayMs})
                .value()};
  }
};

TEST_F(CallerCertificates, AServiceCallsByThemAlone) {
  const Person& service = people.at("service");
  auto platform = with(pair(authority, service));
  const Json me = platform.get("/api/v1/me").value();
  EXPECT_EQ(me["id"], "service:" + service.id);
  EXPECT_EQ(me["roles"], Json::array({"integrator"}));
  auto added = platform.post("/api/v1/evidence", {{"digest", std::string(64, 'a')}});
  ASSERT_TRUE(added) << added.error().to_string();
  EXPECT_EQ(noted("addEvidence").subject, "service:" + service.id);
  EXPECT_EQ(platform.get("/api/v1/evidence/" + (*added)["id"].get<std::string>()).value()["id"],
            (*added)["id"]);
  EXPECT_EQ(reason(platform.post("/api/v1/tokens", {{"name", "x"}})), "access.not_allowed");
}

TEST_F(CallerCertificates, WithoutThemEverythingIsAsBefore) {
  EXPECT_EQ(call_as(std::nullopt, kToken), "");
  EXPECT_EQ(call_as(std::nullopt, people.at("official").token), "");
  EXPECT_EQ(call_as(std::nullopt), "auth.missing");
}

TEST_F(CallerCertificates, BadOnesEndTheHandshakeWithTheirReasonInTheLog) {
  const Person& service = people.at("service");
  const auto elsewhere = crypto::test_root("Elsewhere");
  crypto::TlsIdentity made = pair(elsewhere, service);
  crypto::TlsIdentity selfmade = made;
  selfmade.chain = {elsewhere.certificate()};
  crypto::TlsIdentity revoked = pair(authority, service), revoked_encryption = pair(authority, service);
  crls = {authority
              .issue_crl({{revoked.sign.serial, now_ms() - 5000, 0},
                          {revoked_encryption.encrypt.serial, now_ms() - 5000, 0}},
                         1, {now_ms() - 10'000, now_ms() + kDayMs})
              .value()};
  const std::vector<std::pair<std::string, crypto::TlsIdentity>> bad = {
      {"crypto.certificate_expired", pair(authority, service, {.from_ms = -9000, .to_ms = -1000})},
      {"crypto.certificate_not_yet_valid", pair(authority, service, {.from_ms = 60'000})},
      {"crypto.certificate_usage", pair(authority, service, {.sign = crypto::Purpose::timestamp})},
      {"crypto.certificate_untrusted", made},
      {"crypto.certificate_untrusted", selfmade},
      {"crypto.certificate_revoked", revoked},
      {"crypto.certificate_revoked", revoked_encryption},
  };
  size_t refused = 0;
  for (const auto& [reason, identity] : bad) {
    EXPECT_NE(call_as(identity), "") << reason;
    const audit::Entry entry = noted("handshake", ++refused);
    EXPECT_EQ(entry.outcome, reason);
    EXPECT_EQ(entry.source, "127.0.0.1");
  }
  EXPECT_EQ(call_as(pair(authority, service)), "");
}

TEST_F(CallerCertificates, ARevocationCountsAtTheNextCallOfAnOpenConnection) {
  const auto identity = pair(authority, people.at("service"));
  auto platform = with(identity);
  ASSERT_EQ(reason(platform.get("/api/v1/chains")), "");
  revoke(identity.encrypt);
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "crypto.certificate_revoked");
  EXPECT_EQ(noted("listChains").subject, "service:" + people.at("service").id);
  crls.clear();
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "") << "the same connection";
  revoke(identity.sign);
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "crypto.certificate_revoked");
  EXPECT_NE(call_as(identity), "") << "nor does a new one begin";
  crls = {authority.issue_crl({}, 2, {now_ms() - 2 * kDayMs, now_ms() - kDayMs}).value()};
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "crypto.crl_expired");
}

TEST_F(CallerCertificates, OneUsersCertificateDoesNotGoWithAnothersCredential) {
  const auto service = pair(authority, people.at("service")), person = pair(authority, people.at("official"));
  Person stranger;
  stranger.name = "stranger";
  stranger.key = *crypto::Sm2PrivateKey::generate();
  const auto nobody = pair(authority, stranger);
  const std::string official = people.at("official").token, reader = people.at("reader").token;
  EXPECT_EQ(call_as(service, official), "access.certificate_mixed");
  EXPECT_EQ(call_as(service, kToken), "access.certificate_mixed");
  EXPECT_EQ(call_as(person, reader), "access.certificate_mixed");
  EXPECT_EQ(call_as(person, official), "") << "his own";
  EXPECT_EQ(call_as(person), "access.certificate_person");
  EXPECT_EQ(call_as(nobody), "access.certificate_nobody");
  EXPECT_EQ(call_as(nobody, kToken), "") << "that of a machine, which only opens the connection";
  EXPECT_EQ(call_as(service, "cxt_wrong"), "auth.invalid");
}

TEST_F(CallerCertificates, AnAccountThatIsLockedOutOrWithoutItsKeyCallsNoMore) {
  const auto identity = pair(authority, people.at("service"));
  auto platform = with(identity);
  ASSERT_EQ(reason(platform.get("/api/v1/chains")), "");
  ASSERT_TRUE(access->lock(people.at("service").id));
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "access.disabled");
  ASSERT_TRUE(access->unlock(people.at("service").id));
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "");
  take_key_away(people.at("service"));
  EXPECT_EQ(reason(platform.get("/api/v1/chains")), "access.certificate_nobody");
  EXPECT_EQ(call_as(identity), "access.certificate_nobody") << "on a new connection too";
}

TEST_F(CallerCertificates, RequiredOnesAreNeededToConnect) {
  protect(ClientCertificates::required);
  EXPECT_NE(call_as(std::nullopt, kToken), "");
  EXPECT_EQ(call_as(pair(authority, people.at("service"))), "");
}

TEST_F(CallerCertificates, SignedMessagesMayCarryTheSameIdentity) {
  const Person& service = people.at("service");
  const auto signed_call = [&](const crypto::TlsIdentity& identity) {
    const auto fields =
        take(access::sign_message(service.key, service.id, "GET",
                                  fmt::format("https://127.0.0.1:{}/api/v1/chains", port()), {}, now_ms()));
    const auto answer = with(identity).send("GET", "/api/v1/chains", {}, {},
                                            {{"Content-Digest", fields.content_digest},
                                             {"Signature-Input", fields.signature_input},
                                             {"Signature", fields.signature}});
    return answer ? "" : answer.error().reason;
  };
  EXPECT_EQ(signed_call(pair(authority, service)), "");
  EXPECT_EQ(signed_call(pair(authority, people.at("official"))), "access.certificate_mixed");
}

TEST_F(CallerCertificates, NeedProtectionThatHasThem) {
  server.reset();
  options.tls.reset();
  options.client_certificates = ClientCertificates::asked;
  Server plain(options, {});
  EXPECT_EQ(plain.start().error().reason, "api.options");
  options.client_certificates = ClientCertificates::off;
  start_server();
}

}  // namespace
}  // namespace chengxin::api
