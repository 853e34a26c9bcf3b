#include "authority/service.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <random>
#include <set>

#include "crypto/enveloped_key.h"
#include "crypto/tls.h"
#include "support/databases.h"

namespace chengxin::authority {
namespace {

constexpr int64_t kDay = int64_t(24) * 3600'000, kStart = 1795320000000;

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "" : result.error().reason;
}

class AuthorityTest : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database = OnEachDatabase::open();
    start();
    ASSERT_OK(service->create({"城信", "CN", "", 20, 10}));
  }
  void TearDown() override {
    service.reset();
    database.reset();
    OnEachDatabase::TearDown();
  }
  void start(int64_t stale_ms = 0) {
    service.reset();
    if (!keys) keys = std::make_shared<keys::OwnKeys>(folder);
    Options options{.folder = folder / "keys" / "ca", .keys = keys, .public_url = "http://ca.example:8080"};
    options.now_ms = [this] { return now; };
    options.stale_ms = stale_ms;
    auto opened = Service::open(*database, options);
    ASSERT_OK(opened);
    service = std::move(*opened);
  }

  Asked asked(const crypto::Sm2PrivateKey& key, const std::string& name = "张三",
              const std::string& profile = "personal") const {
    Asked out{.profile = profile,
              .request = crypto::make_signing_request({"CN", "城信", "", name}, key).value(),
              .hosts = {},
              .days = 0,
              .renews = {}};
    if (profile == "node") out.hosts = {"node1.example", "127.0.0.1"};
    return out;
  }
  // A holder whose certificates are made.
  Delivered issued(const std::string& profile = "personal") {
    const auto ids = service->request({asked(key, "张三", profile)}, "officer-a").value();
    EXPECT_TRUE(service->approve(ids, "officer-b"));
    auto out = service->issue(ids);
    EXPECT_TRUE(out) << out.error().to_string();
    return (*out)[0];
  }
  crypto::OcspResponse status(const crypto::Certificate& one, const crypto::Certificate& issuer) {
    crypto::OcspRequest request;
    request.ids = {crypto::OcspId::of(issuer, one.serial)};
    request.nonce = Bytes(16, 3);
    auto answer = service->ocsp(request.to_der());
    EXPECT_TRUE(answer);
    auto verified = crypto::verify_ocsp_response(*answer, issuer, now);
    EXPECT_TRUE(verified) << verified.error().to_string();
    EXPECT_EQ(verified->nonce, request.nonce);
    return *verified;
  }
  std::string checked(ByteView der, crypto::Purpose purpose = crypto::Purpose::client) {
    return reason(service->check(crypto::Certificate::from_der(der).value(), {}, purpose));
  }

  int64_t now = kStart;
  std::shared_ptr<keys::OwnKeys> keys;
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<Service> service;
};
INSTANTIATE_ON_EACH_DATABASE(AuthorityTest);

TEST_P(AuthorityTest, APairFromTheRequestToTheKey) {
  const Delivered done = issued("node");
  const auto sign = crypto::Certificate::from_der(done.sign).value(),
             encrypt = crypto::Certificate::from_der(done.encrypt).value();
  EXPECT_EQ(sign.public_key->point(), key.public_key().point());
  const auto inner = crypto::open_enveloped_key(done.enveloped_key, key).value();
  EXPECT_EQ(encrypt.public_key->point(), inner.public_key().point());
  EXPECT_EQ(sign.subject, encrypt.subject);
  EXPECT_EQ(sign.hosts, (std::vector<std::string>{"node1.example", "127.0.0.1"}));
  EXPECT_EQ(sign.key_usage, crypto::kDigitalSignature);
  EXPECT_EQ(checked(done.sign, crypto::Purpose::tls_sign), "");
  EXPECT_EQ(checked(done.encrypt, crypto::Purpose::tls_encrypt), "");
  EXPECT_EQ(checked(done.encrypt, crypto::Purpose::client), "crypto.certificate_usage");
  EXPECT_EQ(sign.not_after_ms, kStart + 365 * kDay);
  crypto::TlsIdentity identity{
      sign, encrypt, key, inner, {crypto::Certificate::from_der(done.issuing).value()}};
  EXPECT_TRUE(crypto::check_tls_identity(crypto::TlsProtocol::tlcp, identity));

  const auto kept = service->get(done.holder.id).value();
  EXPECT_EQ(kept.sign, done.sign);
  EXPECT_EQ(kept.enveloped_key, done.enveloped_key);
  EXPECT_EQ(kept.holder.state, State::issued);
  EXPECT_EQ(service->holder_of(sign.serial).value(), done.holder.id);
  EXPECT_EQ(service->holder_of(encrypt.serial).value(), done.holder.id);
  EXPECT_EQ(reason(service->holder_of(Bytes(16, 1))), "authority.no_holder");
}

TEST_P(AuthorityTest, NobodyApprovesHisOwnRequest) {
  const auto ids = service->request({asked(key)}, "officer-a").value();
  EXPECT_REASON(service->approve(ids, "officer-a"), "authority.four_eyes");
  EXPECT_EQ(reason(service->issue(ids)), "authority.state");
  ASSERT_OK(service->approve(ids, "officer-b"));
  EXPECT_REASON(service->approve(ids, "officer-b"), "authority.state");
  ASSERT_OK(service->issue(ids));
  EXPECT_EQ(reason(service->issue(ids)), "authority.state");
  EXPECT_REASON(service->reject(ids, "officer-b"), "authority.state");
  const auto other = service->request({asked(key)}, "officer-a").value();
  ASSERT_OK(service->reject(other, "officer-a"));
  EXPECT_REASON(service->approve(other, "officer-b"), "authority.state");
}

TEST_P(AuthorityTest, WhatIsAskedForWronglyIsNamed) {
  Asked one = asked(key);
  one.profile = "king";
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.profile");
  one = asked(key);
  one.hosts = {"x.example"};
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.hosts");
  one = asked(key, "n", "node");
  one.hosts = {"bad host"};
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.hosts");
  one.hosts.clear();
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.hosts");
  one = asked(key);
  one.days = 5000;
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.days");
  one = asked(key);
  one.request.signature[3] ^= 1;
  const auto refused = service->request({asked(key), one}, "a");
  EXPECT_EQ(reason(refused), "crypto.csr_signature");
  EXPECT_EQ(refused.error().detail, "/items/1");
  one = asked(key);
  one.renews = "00";
  EXPECT_EQ(reason(service->request({one}, "a")), "authority.no_holder");
  EXPECT_EQ(reason(service->request({}, "a")), "authority.too_many");
  EXPECT_TRUE(service->list({})->items.empty()) << "all or none";
}

TEST_P(AuthorityTest, WhatIsTakenBackIsSeenAtOnce) {
  const Delivered done = issued();
  const auto sign = crypto::Certificate::from_der(done.sign).value(),
             issuing = crypto::Certificate::from_der(done.issuing).value();
  EXPECT_EQ(status(sign, issuing).answers[0].status, crypto::OcspStatus::good);
  auto serials = [&] {
    std::set<Bytes> out;
    const auto list = crypto::Crl::from_der(service->crl().value()).value();
    EXPECT_TRUE(issuing.public_key->verify(list.tbs, *list.signature));
    for (const auto& each : list.revoked) out.insert(each.serial);
    return out;
  };
  EXPECT_TRUE(serials().empty());
  const uint64_t number = service->overview()->crl_number;

  now += 1000;
  ASSERT_OK(service->suspend({done.holder.id}));
  EXPECT_EQ(status(sign, issuing).answers[0].reason, 6);
  EXPECT_EQ(serials().size(), 2u) << "both of the pair";
  EXPECT_EQ(checked(done.sign), "crypto.certificate_revoked");
  EXPECT_REASON(service->suspend({done.holder.id}), "authority.state");
  now += 1000;
  ASSERT_OK(service->release({done.holder.id}));
  EXPECT_EQ(status(sign, issuing).answers[0].status, crypto::OcspStatus::good);
  EXPECT_TRUE(serials().empty());
  EXPECT_EQ(checked(done.sign), "");
  now += 1000;
  ASSERT_OK(service->revoke({done.holder.id}, *reason_of("key_compromise")));
  EXPECT_EQ(status(sign, issuing).answers[0].status, crypto::OcspStatus::revoked);
  EXPECT_EQ(status(sign, issuing).answers[0].reason, 1);
  EXPECT_TRUE(serials().contains(sign.serial));
  EXPECT_EQ(checked(done.sign), "crypto.certificate_revoked");
  EXPECT_REASON(service->release({done.holder.id}), "authority.state");
  EXPECT_EQ(service->overview()->crl_number, number + 3);
  start();  // nothing of it is forgotten
  EXPECT_EQ(status(sign, issuing).answers[0].status, crypto::OcspStatus::revoked);
  EXPECT_EQ(checked(done.sign), "crypto.certificate_revoked");
}

TEST_P(AuthorityTest, StrangeSerialNumbersAndIssuersAreUnknown) {
  const Delivered done = issued();
  auto sign = crypto::Certificate::from_der(done.sign).value();
  const auto issuing = crypto::Certificate::from_der(done.issuing).value();
  sign.serial = Bytes(16, 0x55);
  EXPECT_EQ(status(sign, issuing).answers[0].status, crypto::OcspStatus::unknown);
  EXPECT_EQ(service->ocsp(Bytes{1, 2, 3}).value(), crypto::ocsp_refusal(crypto::OcspRefusal::malformed));
  crypto::OcspRequest request;
  request.ids = {crypto::OcspId::of(crypto::Certificate::from_der(done.root).value(), sign.serial)};
  const auto answer =
      crypto::verify_ocsp_response(service->ocsp(request.to_der()).value(), issuing, now).value();
  EXPECT_EQ(answer.answers[0].status, crypto::OcspStatus::unknown);
  EXPECT_TRUE(answer.nonce.empty());
}

TEST_P(AuthorityTest, StaleListsFailClosedUnlessToldOtherwise) {
  const Delivered done = issued();
  now += 23 * 3600'000;
  EXPECT_EQ(checked(done.sign), "");
  now += 3 * 3600'000;
  EXPECT_EQ(checked(done.sign), "crypto.crl_expired");
  ASSERT_OK(service->upkeep());
  EXPECT_EQ(checked(done.sign), "");
  now += 26 * 3600'000;
  start(3 * 3600'000);
  EXPECT_EQ(checked(done.sign), "");
  EXPECT_EQ((*service->trust())->crls.size(), 2u);
  ASSERT_OK(service->revoke({done.holder.id}, 0));
  now += 26 * 3600'000;
  EXPECT_EQ(checked(done.sign), "crypto.certificate_revoked") << "what an old list says still holds";
  now += 2 * 3600'000;
  EXPECT_EQ(checked(done.sign), "crypto.crl_expired") << "not for longer than it was told";
}

TEST_P(AuthorityTest, TimePasses) {
  const Delivered done = issued();
  EXPECT_TRUE(service->due(30 * kDay, 10)->empty());
  now = kStart + 340 * kDay;
  ASSERT_OK(service->upkeep());
  ASSERT_EQ(service->due(30 * kDay, 10)->size(), 1u);
  EXPECT_EQ(checked(done.sign), "");
  auto findings = service->findings();
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                          [](const auto& f) { return f.reason == "authority.due"; }));

  Asked again = asked(crypto::Sm2PrivateKey::generate().value());
  again.renews = done.holder.id;
  Asked other = again;
  other.request = crypto::make_signing_request({"CN", "城信", "", "李四"}, key).value();
  EXPECT_EQ(reason(service->request({other}, "a")), "authority.renewal");
  const auto ids = service->request({again}, "a").value();
  ASSERT_OK(service->approve(ids, "b"));
  ASSERT_OK(service->issue(ids));
  EXPECT_EQ(service->get(done.holder.id)->holder.state, State::renewed);
  EXPECT_EQ(service->get(done.holder.id)->holder.renewed_by, ids[0]);
  EXPECT_TRUE(service->due(30 * kDay, 10)->empty());
  EXPECT_EQ(checked(done.sign), "") << "good until it ends";
  ASSERT_OK(service->suspend({done.holder.id}));
  ASSERT_OK(service->release({done.holder.id}));
  EXPECT_EQ(service->get(done.holder.id)->holder.state, State::renewed);

  now = kStart + 366 * kDay;
  ASSERT_OK(service->upkeep());
  EXPECT_EQ(checked(done.sign), "crypto.certificate_expired");
  now = kStart - kDay;
  EXPECT_EQ(checked(done.sign), "crypto.certificate_not_yet_valid");
  now = kStart + 9 * 365 * kDay;
  ASSERT_OK(service->upkeep());
  EXPECT_EQ(service->list({.state = State::expired, .profile = {}, .name_contains = {}, .cursor = {}})
                ->items.size(),
            1u);
  findings = service->findings();
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                          [](const auto& f) { return f.reason == "authority.ends"; }));
}

TEST_P(AuthorityTest, ListsGrowByOneAndDropWhatEnded) {
  const Delivered done = issued();
  ASSERT_OK(service->revoke({done.holder.id}, 4));
  uint64_t number = service->overview()->crl_number;
  for (int i = 0; i < 20; ++i) {
    now += 13 * 3600'000;
    ASSERT_OK(service->upkeep());
    EXPECT_EQ(service->overview()->crl_number, ++number);
    ASSERT_OK(service->upkeep());
    EXPECT_EQ(service->overview()->crl_number, number);
    EXPECT_EQ(crypto::Crl::from_der(*service->crl())->revoked.size(), 2u);
  }
  now = done.holder.not_after_ms + 3 * kDay;
  ASSERT_OK(service->upkeep());
  EXPECT_TRUE(crypto::Crl::from_der(*service->crl())->revoked.empty());
}

TEST_P(AuthorityTest, TheRootsKeyUnderAPassphrase) {
  fs::rename(folder / "keys" / "ca", folder / "former");
  start();
  EXPECT_EQ(reason(service->overview()), "authority.missing");
  EXPECT_EQ(reason(service->issue({"x"})), "authority.missing");
  ASSERT_OK(service->create({"城信", "CN", "a long passphrase", 20, 10}));
  EXPECT_REASON(service->create({"城信", "CN", "", 20, 10}), "authority.exists");
  now += 390 * kDay;
  ASSERT_OK(service->upkeep());
  const auto findings = service->findings();
  EXPECT_TRUE(std::any_of(findings.begin(), findings.end(),
                          [](const auto& f) { return f.reason == "authority.root_list_ends"; }));
  EXPECT_REASON(service->renew_root_list("another"), "crypto.passphrase");
  EXPECT_REASON(service->renew_root_list(""), "crypto.passphrase");
  ASSERT_OK(service->renew_root_list("a long passphrase"));
  EXPECT_GT(service->overview()->root_crl_until_ms, now + 399 * kDay);
}

// Key and certificate of the responder are replaced one after the other: whatever a crash has left, the
// answers are signed by one that the issuing authority stands for.
TEST_P(AuthorityTest, AResponderThatWasLostIsMadeAnew) {
  const Delivered done = issued();
  const auto issuing = crypto::Certificate::from_der(done.issuing).value();
  const auto sign = crypto::Certificate::from_der(done.sign).value();
  const auto damages = {
      std::function<void()>([&] { fs::remove(folder / "keys" / "ca" / "ocsp.der"); }),
      std::function<void()>([&] { fs::remove(folder / "keys" / "ca" / "ocsp.pem"); }),
      std::function<void()>([&] { ASSERT_OK(keys->make_sm2("authority.ocsp")); }),
  };
  for (const auto& damage : damages) {
    damage();
    start();
    EXPECT_EQ(status(sign, issuing).answers.at(0).status, crypto::OcspStatus::good);
  }
  fs::remove(folder / "keys" / "ca" / "issuing.pem");
  service.reset();
  Options options{.folder = folder / "keys" / "ca", .keys = keys};
  options.now_ms = [this] { return now; };
  EXPECT_EQ(reason(Service::open(*database, options)), "authority.damaged");
  ASSERT_OK(keys->make_sm2("authority.issuing"));  // another one does not pass for it
  EXPECT_EQ(reason(Service::open(*database, options)), "authority.damaged");
}

// An authority that is made once the platform's keys are in the keystore never has one in a file; the root's
// stays under its own passphrase where it has one.
TEST_P(AuthorityTest, KeysOfAProtectedPlatformAreInItsKeystore) {
  const std::string before = hex(issued().issuing);
  const fs::path pin = folder / "pin";
  ASSERT_OK(write_durable(pin, view("correct horse battery\n"), 0600));
  ::setenv("CHENGXIN_KEYS_PIN_FILE", pin.c_str(), 1);
  ASSERT_OK(keys::OwnKeys(folder).protect(view("correct horse battery"), 10));
  keys = nullptr;
  start();
  const auto pems = [&] {
    std::set<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "keys"))
      if (entry.path().extension() == ".pem") out.insert(entry.path().filename());
    return out;
  };
  EXPECT_EQ(pems(), std::set<std::string>{});
  const Delivered done = issued();
  EXPECT_EQ(hex(done.issuing), before);
  const auto issuing = crypto::Certificate::from_der(done.issuing).value();
  const auto sign = crypto::Certificate::from_der(done.sign).value();
  EXPECT_EQ(status(sign, issuing).answers.at(0).status, crypto::OcspStatus::good);
  now += 80 * kDay;
  ASSERT_OK(service->upkeep());  // makes the next responder and the lists
  EXPECT_EQ(status(sign, issuing).answers.at(0).status, crypto::OcspStatus::good);
  EXPECT_EQ(pems(), std::set<std::string>{});

  fs::rename(folder / "keys" / "ca", folder / "former");
  start();
  ASSERT_OK(service->create({"城信", "CN", "a long passphrase", 20, 10}));
  EXPECT_EQ(pems(), std::set<std::string>{"root.pem"});
  ASSERT_OK(service->renew_root_list("a long passphrase"));
  ::unsetenv("CHENGXIN_KEYS_PIN_FILE");
}

// Outside authorities, which an installation imports.
struct Outside {
  crypto::Authority root =
      crypto::Authority::create_root({"CN", "别处", "", "Outside"}, {kStart - kDay, kStart + 3650 * kDay})
          .value();
  crypto::Sm2PrivateKey key = crypto::Sm2PrivateKey::generate().value();

  crypto::Certificate leaf(crypto::Purpose purpose = crypto::Purpose::client,
                           crypto::Validity validity = {kStart - kDay, kStart + kDay}) const {
    return root.issue({purpose, {"CN", "", "", "theirs"}, {}, validity}, key.public_key()).value();
  }
  crypto::Crl list(std::vector<crypto::Revocation> revoked = {}, int64_t from = kStart) const {
    return root.issue_crl(revoked, uint64_t(from / 1000), {from, from + 7 * kDay}).value();
  }
};

TEST_P(AuthorityTest, OutsideAuthoritiesAreTrustedWithAList) {
  const Outside outside;
  const auto leaf = outside.leaf();
  EXPECT_EQ(checked(leaf.der), "crypto.certificate_untrusted");
  const auto anchor = service->add_anchor(outside.root.certificate(), std::nullopt, "", "owner");
  ASSERT_OK(anchor);
  EXPECT_EQ(checked(leaf.der), "crypto.crl_missing") << "fails closed";
  EXPECT_EQ(reason(service->renew_list(anchor->id, std::nullopt)), "authority.crl_url");
  const Outside stranger;
  EXPECT_EQ(reason(service->renew_list(anchor->id, stranger.list())), "crypto.crl_signature");
  ASSERT_OK(service->renew_list(anchor->id, outside.list()));
  EXPECT_EQ(checked(leaf.der), "");
  ASSERT_OK(service->renew_list(anchor->id, outside.list({{leaf.serial, kStart, 1}}, kStart + 1000)));
  now += 2000;
  EXPECT_EQ(checked(leaf.der), "crypto.certificate_revoked");
  EXPECT_EQ(reason(service->renew_list(anchor->id, outside.list())), "authority.crl_older") << "no way back";
  EXPECT_EQ(checked(outside.leaf(crypto::Purpose::timestamp).der), "crypto.certificate_usage");
  EXPECT_EQ(checked(outside.leaf(crypto::Purpose::client, {kStart - kDay, kStart - 1000}).der),
            "crypto.certificate_expired");
  start();
  EXPECT_EQ(checked(leaf.der), "crypto.certificate_revoked");
  ASSERT_OK(service->remove_anchor(anchor->id));
  EXPECT_REASON(service->remove_anchor(anchor->id), "authority.no_anchor");
  EXPECT_EQ(checked(leaf.der), "crypto.certificate_untrusted");
}

TEST_P(AuthorityTest, ListsAreFetchedByRulesOnly) {
  const Outside outside;
  auto added = [&](const char* url) {
    return reason(service->add_anchor(outside.root.certificate(), std::nullopt, url, "o"));
  };
  EXPECT_EQ(added("ftp://example.com/x.crl"), "authority.url");
  EXPECT_EQ(added("file:///etc/passwd"), "authority.url");
  EXPECT_EQ(added("https://10.0.0.1/x.crl"), "authority.address_forbidden");
  EXPECT_EQ(added("http://169.254.169.254/latest"), "authority.address_forbidden");
  EXPECT_EQ(added("http://127.0.0.1:1/x.crl"), "authority.unreachable");
  EXPECT_TRUE(service->anchors()->empty());
}

TEST_P(AuthorityTest, NoAuthorityNoAnchor) {
  const Outside outside;
  auto added = [&](const crypto::Certificate& one) {
    return reason(service->add_anchor(one, std::nullopt, "", "o"));
  };
  EXPECT_EQ(added(outside.leaf()), "authority.not_an_authority");
  EXPECT_EQ(checked(crypto::Authority::create_root({"CN", "", "", "me"}, {kStart - kDay, kStart + kDay})
                        ->certificate()
                        .der),
            "authority.self_made");
  const auto old =
      crypto::Authority::create_root({"CN", "", "", "old"}, {kStart - kDay, kStart - 1000}).value();
  EXPECT_EQ(added(old.certificate()), "crypto.certificate_expired");
  // One below a root that is not there.
  const auto below = outside.leaf(crypto::Purpose::ca);
  EXPECT_EQ(added(below), "crypto.certificate_untrusted");
  ASSERT_OK(service->add_anchor(outside.root.certificate(), outside.list(), "", "o"));
  EXPECT_EQ(added(below), "");
}

// Certificates of other kinds, made by Tongsuo: an ECDSA key, signed with the hash that is asked for.
crypto::Certificate of_other_kind(int curve, const EVP_MD* hash) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, curve);
  EVP_PKEY_keygen(context, &key);
  X509* x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 77);
  ASN1_TIME_set(X509_getm_notBefore(x509), (kStart - kDay) / 1000);
  ASN1_TIME_set(X509_getm_notAfter(x509), (kStart + kDay) / 1000);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const uint8_t*>("x"), -1, -1, 0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  X509_set_pubkey(x509, key);
  EXPECT_GT(X509_sign(x509, key, hash), 0);
  uint8_t* der = nullptr;
  const int size = i2d_X509(x509, &der);
  auto out = crypto::Certificate::from_der({der, size_t(size)}).value();
  OPENSSL_free(der);
  X509_free(x509);
  EVP_PKEY_free(key);
  EVP_PKEY_CTX_free(context);
  return out;
}

TEST_P(AuthorityTest, OtherCurvesAndWeakHashesAreNamed) {
  const auto p256 = of_other_kind(NID_X9_62_prime256v1, EVP_sha256()),
             sha1 = of_other_kind(NID_X9_62_prime256v1, EVP_sha1());
  EXPECT_EQ(checked(p256.der), "crypto.certificate_curve");
  EXPECT_EQ(checked(sha1.der), "authority.weak_hash");
  EXPECT_EQ(reason(service->add_anchor(p256, std::nullopt, "", "o")), "crypto.certificate_curve");
  EXPECT_EQ(reason(service->add_anchor(sha1, std::nullopt, "", "o")), "authority.weak_hash");
}

// Any order of decisions keeps what service.h promises: OCSP, the list and checks say the same of every
// holder.
TEST_P(AuthorityTest, EveryOrderOfDecisionsAgrees) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<Delivered> holders;
  std::map<std::string, bool> taken_back;
  for (int i = 0; i < 8; ++i) holders.push_back(issued());
  const auto issuing = crypto::Certificate::from_der(holders[0].issuing).value();
  for (int step = 0; step < 40; ++step) {
    now += 1000;
    const Delivered& one = holders[random() % holders.size()];
    const std::string& id = one.holder.id;
    switch (random() % 4) {
      case 0:
        if (service->suspend({id})) taken_back[id] = true;
        break;
      case 1:
        if (service->release({id})) taken_back[id] = false;
        break;
      case 2:
        if (random() % 3 == 0 && service->revoke({id}, 1)) taken_back[id] = true;
        break;
      default:
        if (random() % 4 == 0) start();
    }
    const auto list = crypto::Crl::from_der(service->crl().value()).value();
    for (const Delivered& each : holders) {
      const bool expected = taken_back[each.holder.id];
      const auto sign = crypto::Certificate::from_der(each.sign).value();
      EXPECT_EQ(status(sign, issuing).answers[0].status == crypto::OcspStatus::revoked, expected);
      EXPECT_EQ(checked(each.sign) == "crypto.certificate_revoked", expected);
      EXPECT_EQ(std::any_of(list.revoked.begin(), list.revoked.end(),
                            [&](const auto& revoked) { return revoked.serial == sign.serial; }),
                expected);
    }
  }
}

TEST_P(AuthorityTest, AThousandAtOnceHaveSerialNumbersOfTheirOwn) {
  std::vector<Asked> all(Service::kMostAtOnce, asked(key));
  const auto ids = service->request(all, "a").value();
  ASSERT_OK(service->approve(ids, "b"));
  const auto made = service->issue(ids).value();
  std::set<Bytes> serials;
  for (const auto& each : made) {
    EXPECT_TRUE(serials.insert(crypto::Certificate::from_der(each.sign)->serial).second);
    EXPECT_TRUE(serials.insert(crypto::Certificate::from_der(each.encrypt)->serial).second);
  }
  EXPECT_EQ(serials.size(), 2 * Service::kMostAtOnce);
  size_t listed = 0;
  std::string cursor;
  do {
    const auto page = service
                          ->list({.state = State::issued,
                                  .profile = "personal",
                                  .name_contains = "张",
                                  .cursor = cursor,
                                  .limit = 300})
                          .value();
    listed += page.items.size();
    cursor = page.next;
  } while (!cursor.empty());
  EXPECT_EQ(listed, Service::kMostAtOnce);
}

}  // namespace
}  // namespace chengxin::authority
