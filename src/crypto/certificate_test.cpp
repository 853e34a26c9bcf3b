#include "crypto/certificate.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/authority.h"
#include "crypto/impl/tongsuo.h"

namespace chengxin::crypto {
namespace {

constexpr int64_t kDay = 86400000, kNow = 1795320000000;
constexpr Validity kYear{kNow - kDay, kNow + 365 * kDay};

struct World {
  Authority root =
      Authority::create_root({"CN", "城信", "", "Root"}, {kNow - 10 * kDay, kNow + 3650 * kDay}).value();
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();

  Certificate issue(Purpose purpose, Validity validity = kYear) const {
    return root
        .issue({purpose, {"CN", "", "", "leaf"}, {"node1.example", "127.0.0.1"}, validity}, key.public_key())
        .value();
  }
  std::string check(const Certificate& leaf, Purpose purpose, int64_t at_ms = kNow,
                    std::vector<Crl> crls = {}, bool crl_required = false,
                    std::vector<Certificate> others = {}) const {
    ChainPolicy policy{at_ms, purpose, crls, crl_required};
    auto path = verify_chain(leaf, others, std::span(&root.certificate(), 1), policy);
    return path ? "" : path.error().reason;
  }
};

TEST(Certificate, IsIssuedForEachPurposeAndForNoOther) {
  World world;
  const std::vector<Purpose> purposes = {Purpose::tls_sign, Purpose::tls_encrypt, Purpose::timestamp,
                                         Purpose::ca};
  for (Purpose purpose : purposes) {
    Certificate leaf = world.issue(purpose);
    for (Purpose other : purposes)
      EXPECT_EQ(world.check(leaf, other), purpose == other ? "" : "crypto.certificate_usage")
          << int(purpose) << " as " << int(other);
    EXPECT_EQ(world.check(leaf, Purpose::any), "");
    EXPECT_EQ(leaf.subject_text(), "C=CN, CN=leaf");
    EXPECT_EQ(leaf.issuer_text(), "C=CN, O=城信, CN=Root");
    EXPECT_EQ(leaf.hosts, (std::vector<std::string>{"node1.example", "127.0.0.1"}));
  }
  EXPECT_EQ(world.check(world.issue(Purpose::client), Purpose::client), "");
  EXPECT_EQ(world.check(world.issue(Purpose::client), Purpose::tls_sign), "crypto.certificate_usage");
  EXPECT_TRUE(world.issue(Purpose::timestamp).only_for_timestamps());
}

TEST(Certificate, TongsuoReadsAndVerifiesIt) {
  World world;
  using X = tongsuo::Ptr<X509, X509_free>;
  Certificate leaf = world.issue(Purpose::timestamp);
  auto theirs = tongsuo::parse<X, d2i_X509>(leaf.der);
  auto root = tongsuo::parse<X, d2i_X509>(world.root.certificate().der);
  ASSERT_TRUE(theirs && root);
  EXPECT_EQ(X509_verify(theirs.get(), X509_get0_pubkey(root.get())), 1) << tongsuo::last_error();
  EXPECT_EQ(tongsuo::der<i2d_X509>(theirs.get()), leaf.der);
  tongsuo::Ptr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root.get());
  tongsuo::Ptr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), theirs.get(), nullptr);
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(param, kNow / 1000);
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_TIMESTAMP_SIGN);
  EXPECT_EQ(X509_verify_cert(context.get()), 1)
      << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
  Crl crl = world.root.issue_crl({{leaf.serial, kNow, 1}}, 7, kYear).value();
  auto their_crl = tongsuo::parse<tongsuo::Ptr<X509_CRL, X509_CRL_free>, d2i_X509_CRL>(crl.der);
  ASSERT_TRUE(their_crl);
  EXPECT_EQ(X509_CRL_verify(their_crl.get(), X509_get0_pubkey(root.get())), 1);
  X509_REVOKED* entry = nullptr;
  EXPECT_EQ(X509_CRL_get0_by_cert(their_crl.get(), &entry, theirs.get()), 1);
}

TEST(Certificate, TimeAndRevocation) {
  World world;
  Certificate leaf = world.issue(Purpose::client);
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow - 2 * kDay), "crypto.certificate_not_yet_valid");
  EXPECT_EQ(world.check(leaf, Purpose::client, kYear.from_ms), "");
  EXPECT_EQ(world.check(leaf, Purpose::client, kYear.to_ms), "");
  EXPECT_EQ(world.check(leaf, Purpose::client, kYear.to_ms + 1), "crypto.certificate_expired");
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {}, true), "crypto.crl_missing");

  Crl empty = world.root.issue_crl({}, 1, {kNow - 1000, kNow + kDay}).value();
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {empty}, true), "");
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow + 2 * kDay, {empty}), "crypto.crl_expired");
  Crl later =
      world.root.issue_crl({{leaf.serial, kNow - 1000, 1}, {{1, 2, 3}, kNow, 0}}, 2, {kNow, kNow + kDay})
          .value();
  EXPECT_EQ(later.revoked.size(), 2u);
  EXPECT_EQ(later.revoked[0].reason, 1);
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {later, empty}), "crypto.certificate_revoked");
  EXPECT_EQ(Crl::from_pem(later.to_pem()).value().der, later.der);
  later.signature->at(63) ^= 1;
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {later}), "crypto.crl_signature");
}

TEST(Certificate, ChainsThroughAuthorities) {
  World world;
  Certificate middle = world.issue(Purpose::ca);
  Authority second = Authority::open(middle, world.key).value();
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  Certificate leaf =
      second.issue({Purpose::client, {"", "", "", "user"}, {}, kYear}, key.public_key()).value();
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {}, false, {middle}), "");
  EXPECT_EQ(world.check(leaf, Purpose::client), "crypto.certificate_untrusted");
  EXPECT_EQ(world.check(leaf, Purpose::client, kNow, {}, false, {leaf, leaf}),
            "crypto.certificate_untrusted");

  // An authority under the second has a path length that the second's own 0 forbids.
  Certificate third = second.issue({Purpose::ca, {"", "", "", "third"}, {}, kYear}, key.public_key()).value();
  Certificate end = Authority::open(third, key)
                        .value()
                        .issue({Purpose::client, {"", "", "", "end"}, {}, kYear}, key.public_key())
                        .value();
  EXPECT_EQ(world.check(end, Purpose::client, kNow, {}, false, {middle, third}),
            "crypto.certificate_path_length");

  // Somebody who is no authority issues all the same.
  Certificate plain = world.issue(Purpose::client);
  EXPECT_EQ(Authority::open(plain, world.key).error().reason, "crypto.authority");
  Certificate forged_issuer = plain;
  forged_issuer.is_ca = true;
  forged_issuer.key_usage.reset();
  Certificate forged = Authority::open(forged_issuer, world.key)
                           .value()
                           .issue({Purpose::client, {"", "", "", "forged"}, {}, kYear}, key.public_key())
                           .value();
  EXPECT_EQ(world.check(forged, Purpose::client, kNow, {}, false, {plain}), "crypto.certificate_usage");

  Certificate impostor = World().issue(Purpose::client);  // of another root with the same name
  EXPECT_EQ(world.check(impostor, Purpose::client), "crypto.certificate_signature");
}

// A certificate of Tongsuo's making, for what our authority would not issue.
Certificate foreign(const char* type, const char* group, const EVP_MD* digest) {
  tongsuo::Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, type, group));
  tongsuo::Ptr<X509, X509_free> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 5);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), kNow / 1000 - 100);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), kNow / 1000 + 100);
  X509_set_pubkey(certificate.get(), key.get());
  EXPECT_GT(X509_sign(certificate.get(), key.get(), digest), 0) << tongsuo::last_error();
  return Certificate::from_der(tongsuo::der<i2d_X509>(certificate.get())).value();
}

TEST(Certificate, RefusesOtherCurvesAndDigests) {
  World world;
  EXPECT_EQ(world.check(foreign("EC", "P-256", EVP_sha256()), Purpose::any), "crypto.certificate_curve");
  Certificate weak = world.issue(Purpose::client);
  weak.sm2_with_sm3 = false;
  EXPECT_EQ(world.check(weak, Purpose::any), "crypto.certificate_algorithm");
}

TEST(Certificate, PemAndRequests) {
  World world;
  Certificate leaf = world.issue(Purpose::client);
  EXPECT_EQ(Certificate::from_pem(leaf.to_pem()).value().der, leaf.der);
  auto both =
      certificates_from_pem(leaf.to_pem() + "text between\n" + world.root.certificate().to_pem()).value();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1].der, world.root.certificate().der);
  EXPECT_EQ(Certificate::from_pem("").error().reason, "crypto.certificate_malformed");

  auto reason = [&](Name name, Validity validity) {
    return world.root.issue({Purpose::client, name, {}, validity}, world.key.public_key()).error().reason;
  };
  EXPECT_EQ(reason({"CN", "", "", ""}, kYear), "crypto.certificate_request");
  EXPECT_EQ(reason({"cn", "", "", "x"}, kYear), "crypto.certificate_request");
  EXPECT_EQ(reason({"", "", "", std::string(257, 'x')}, kYear), "crypto.certificate_request");
  EXPECT_EQ(reason({"", "", "", "a\nb"}, kYear), "crypto.certificate_request");
  EXPECT_EQ(reason({"", "", "", "x"}, {kNow, kNow}), "crypto.certificate_request");
  EXPECT_EQ(reason({"", "", "", "x"}, {kNow, kNow + 4000 * kDay}), "crypto.certificate_request");
}

TEST(Certificate, CorruptionNeverPasses) {
  World world;
  Certificate leaf = world.issue(Purpose::client);
  for (size_t i = 0; i < leaf.der.size(); ++i) {
    Bytes bad = leaf.der;
    bad[i] ^= uint8_t(1 << i % 8);
    auto parsed = Certificate::from_der(bad);
    if (parsed) {
      ASSERT_NE(world.check(*parsed, Purpose::any), "") << i;
    }
    ASSERT_FALSE(Certificate::from_der(ByteView(leaf.der).first(i))) << i;
  }
  Crl crl = world.root.issue_crl({{leaf.serial, kNow, 1}}, 7, kYear).value();
  for (size_t i = 0; i < crl.der.size(); ++i) {
    Bytes bad = crl.der;
    bad[i] ^= uint8_t(1 << i % 8);
    auto parsed = Crl::from_der(bad);
    if (parsed && parsed->issuer == crl.issuer) {
      ASSERT_NE(world.check(leaf, Purpose::any, kNow, {*parsed}), "") << i;
    }
  }
}

}  // namespace
}  // namespace chengxin::crypto
