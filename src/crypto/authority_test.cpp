#include "crypto/authority.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <set>

#include "crypto/enveloped_key.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/ocsp.h"
#include "crypto/signing_request.h"

// Many certificates at once, requests for them, enveloped keys, status; oracle_test.cpp compares with gmsm.
namespace chengxin::crypto {
namespace {

constexpr int64_t kDay = 86400000, kNow = 1795320000000;
constexpr Validity kYear{kNow - kDay, kNow + 365 * kDay};
using X509Pointer = tongsuo::Ptr<X509, X509_free>;

template <typename T>
std::string reason(const Result<T>& result) {
  return result ? "" : result.error().reason;
}

struct World {
  Authority root =
      Authority::create_root({"CN", "城信", "", "Root"}, {kNow - 10 * kDay, kNow + 3650 * kDay}).value();
  Sm2PrivateKey key = Sm2PrivateKey::generate().value();
  Name name{"CN", "城信", "研发", "张三"};
};

TEST(ManyCertificates, CarryWhatTheirKindSays) {
  World world;
  const CertificateKind kind{.key_usage = kDigitalSignature | kNonRepudiation,
                             .extended = {ExtendedUsage::client_auth, ExtendedUsage::email},
                             .crl_url = "http://ca.example/crl",
                             .ocsp_url = "http://ca.example/ocsp",
                             .issuer_url = "http://ca.example/issuing"};
  const std::vector<std::string> hosts = {"node1.example", "127.0.0.1"};
  std::vector<CertificateOrder> orders(20, {&kind, &world.name, {}, kYear, world.key.public_key().point()});
  orders[7].hosts = hosts;
  const auto made = world.root.issue_many(orders).value();
  std::set<Bytes> serials;
  for (const auto& each : made) {
    const auto one = Certificate::from_der(each.der).value();
    EXPECT_EQ(one.serial, each.serial);
    EXPECT_TRUE(serials.insert(one.serial).second);
    EXPECT_TRUE(one.signed_by(world.root.key().public_key()));
    EXPECT_EQ(one.subject_text(), "C=CN, O=城信, OU=研发, CN=张三");
    EXPECT_EQ(one.key_usage, kDigitalSignature | kNonRepudiation);
    EXPECT_EQ(one.extended_usages.size(), 2u);
    EXPECT_FALSE(one.is_ca);
    const auto x509 = tongsuo::parse<X509Pointer, d2i_X509>(each.der);
    ASSERT_TRUE(x509);
    auto* ocsp = X509_get1_ocsp(x509.get());
    ASSERT_EQ(sk_OPENSSL_STRING_num(ocsp), 1);
    EXPECT_STREQ(sk_OPENSSL_STRING_value(ocsp, 0), "http://ca.example/ocsp");
    X509_email_free(ocsp);
    auto* points = static_cast<CRL_DIST_POINTS*>(
        X509_get_ext_d2i(x509.get(), NID_crl_distribution_points, nullptr, nullptr));
    ASSERT_TRUE(points);
    const auto* full = sk_DIST_POINT_value(points, 0)->distpoint->name.fullname;
    const auto* url = sk_GENERAL_NAME_value(full, 0)->d.uniformResourceIdentifier;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(url->data), size_t(url->length)),
              "http://ca.example/crl");
    CRL_DIST_POINTS_free(points);
  }
  EXPECT_EQ(Certificate::from_der(made[7].der)->hosts, hosts);
}

TEST(ManyCertificates, AreAllOrNone) {
  World world;
  const CertificateKind kind;
  std::vector<CertificateOrder> orders(3, {&kind, &world.name, {}, kYear, world.key.public_key().point()});
  orders[2].validity = {kNow, kNow + 20000 * kDay};
  EXPECT_EQ(reason(world.root.issue_many(orders)), "crypto.certificate_request");
}

TEST(SigningRequests, ProveThatTheKeyIsHeld) {
  World world;
  auto request = make_signing_request(world.name, world.key).value();
  EXPECT_TRUE(request.check());
  EXPECT_EQ(SigningRequest::from_pem(request.to_pem())->der, request.der);
  EXPECT_EQ(request.subject.unit, "研发");
  request.signature[5] ^= 1;
  EXPECT_EQ(request.check().error().reason, "crypto.csr_signature");
  Bytes longer = request.der;
  longer.push_back(0);
  EXPECT_EQ(reason(SigningRequest::from_der(longer)), "crypto.csr_malformed");
  for (size_t size = 0; size < request.der.size(); ++size)
    EXPECT_EQ(reason(SigningRequest::from_der(ByteView(request.der).first(size))), "crypto.csr_malformed");
  EXPECT_EQ(reason(SigningRequest::from_pem("-----BEGIN CERTIFICATE-----")), "crypto.csr_malformed");
}

// A request made by Tongsuo, over another curve or with another part in its name.
Bytes tongsuo_request(int curve, const EVP_MD* hash, const char* further) {
  tongsuo::KeyContext context(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr));
  EVP_PKEY* raw = nullptr;
  EXPECT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), curve), 1);
  EXPECT_EQ(EVP_PKEY_keygen(context.get(), &raw), 1);
  tongsuo::Key key(raw);
  tongsuo::Ptr<X509_REQ, X509_REQ_free> request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const uint8_t*>("x"), -1, -1, 0);
  if (further)
    X509_NAME_add_entry_by_txt(name, further, MBSTRING_UTF8, reinterpret_cast<const uint8_t*>("y"), -1, -1,
                               0);
  X509_REQ_set_pubkey(request.get(), key.get());
  EXPECT_GT(X509_REQ_sign(request.get(), key.get(), hash), 0);
  return tongsuo::der<i2d_X509_REQ>(request.get());
}

TEST(SigningRequests, OfOthersAreRefusedByName) {
  EXPECT_EQ(reason(SigningRequest::from_der(tongsuo_request(NID_X9_62_prime256v1, EVP_sha256(), nullptr))),
            "crypto.csr_curve");
  EXPECT_EQ(reason(SigningRequest::from_der(tongsuo_request(NID_X9_62_prime256v1, EVP_sha1(), nullptr))),
            "crypto.csr_curve");
}

TEST(EnvelopedKeys, OpenForTheirHolderOnly) {
  World world;
  const auto inner = Sm2PrivateKey::generate().value(), other = Sm2PrivateKey::generate().value();
  const Bytes envelope = envelop_key(inner, world.key.public_key()).value();
  EXPECT_EQ(open_enveloped_key(envelope, world.key)->public_key().point(), inner.public_key().point());
  EXPECT_EQ(reason(open_enveloped_key(envelope, other)), "crypto.decrypt");
  for (size_t i = 0; i < envelope.size(); ++i) {
    Bytes bent = envelope;
    bent[i] ^= 1;
    const auto opened = open_enveloped_key(bent, world.key);
    ASSERT_FALSE(opened) << i;
    EXPECT_TRUE(opened.error().reason == "crypto.enveloped_key" || opened.error().reason == "crypto.decrypt")
        << opened.error().reason;
  }
  for (size_t size = 0; size < envelope.size(); ++size)
    EXPECT_FALSE(open_enveloped_key(ByteView(envelope).first(size), world.key));
}

struct OcspWorld : World {
  CertificateKind kind{.extended = {ExtendedUsage::ocsp_signing}, .ocsp_no_check = true};
  Certificate responder = named(kind, kYear);

  Certificate named(const CertificateKind& of, Validity validity) const {
    const CertificateOrder order{&of, &name, {}, validity, key.public_key().point()};
    return Certificate::from_der(root.issue_many({&order, 1}).value()[0].der).value();
  }
  OcspResponse answer(OcspStatus status) const {
    OcspResponse out;
    out.answers = {{OcspId::of(root.certificate(), responder.serial), status, kNow - kDay, 6}};
    out.nonce = Bytes(16, 9);
    out.produced_ms = out.this_update_ms = kNow;
    out.next_update_ms = kNow + 600'000;
    return out;
  }
};

TEST(Ocsp, AnswersComeBackAsTheyWent) {
  OcspWorld world;
  for (OcspStatus status : {OcspStatus::good, OcspStatus::revoked, OcspStatus::unknown}) {
    const Bytes der = world.answer(status).sign(world.responder, world.key).value();
    const auto back = verify_ocsp_response(der, world.root.certificate(), kNow);
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->answers[0].status, status);
    EXPECT_EQ(back->answers[0].id.serial, world.responder.serial);
    EXPECT_TRUE(back->answers[0].id.names(world.root.certificate()));
    EXPECT_EQ(back->nonce, Bytes(16, 9));
    if (status == OcspStatus::revoked) {
      EXPECT_EQ(back->answers[0].reason, 6);
      EXPECT_EQ(back->answers[0].revoked_ms, kNow - kDay);
    }
  }
}

TEST(Ocsp, OnlyTheIssuerAndWhomItNamedMayAnswer) {
  OcspWorld world;
  auto verdict = [&](const Certificate& responder, const Sm2PrivateKey& key, int64_t at_ms = kNow) {
    return reason(verify_ocsp_response(world.answer(OcspStatus::good).sign(responder, key).value(),
                                       world.root.certificate(), at_ms));
  };
  EXPECT_EQ(verdict(world.responder, world.key), "");
  EXPECT_EQ(verdict(world.root.certificate(), world.root.key()), "");
  EXPECT_EQ(verdict(world.responder, Sm2PrivateKey::generate().value()), "crypto.ocsp_signature");
  const CertificateKind client{.extended = {ExtendedUsage::client_auth}};
  EXPECT_EQ(verdict(world.named(client, kYear), world.key), "crypto.ocsp_signature");
  EXPECT_EQ(verdict(world.named(world.kind, {kNow - kDay, kNow - 1000}), world.key), "crypto.ocsp_signature");
  const auto stranger = Authority::create_root(world.name, kYear).value();
  EXPECT_EQ(verdict(stranger.certificate(), stranger.key()), "crypto.ocsp_signature");
  EXPECT_EQ(verdict(world.responder, world.key, kNow + 600'001), "crypto.ocsp_expired");
  EXPECT_EQ(verdict(world.responder, world.key, kNow - 600'000), "crypto.ocsp_expired");
  EXPECT_EQ(
      reason(verify_ocsp_response(ocsp_refusal(OcspRefusal::try_later), world.root.certificate(), kNow)),
      "crypto.ocsp_refused");
}

TEST(Ocsp, BadRequestsAreRefused) {
  OcspWorld world;
  OcspRequest request;
  request.ids = {OcspId::of(world.root.certificate(), Bytes(16, 1))};
  request.nonce = Bytes(32, 1);
  const Bytes good = request.to_der();
  EXPECT_TRUE(OcspRequest::from_der(good));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(reason(OcspRequest::from_der(ByteView(good).first(size))), "crypto.ocsp_malformed");
  request.nonce = Bytes(33, 1);
  EXPECT_EQ(reason(OcspRequest::from_der(request.to_der())), "crypto.ocsp_malformed");
  request.nonce.clear();
  request.ids.assign(kMaxOcspIds + 1, request.ids[0]);
  EXPECT_EQ(reason(OcspRequest::from_der(request.to_der())), "crypto.ocsp_malformed");
  request.ids.clear();
  EXPECT_EQ(reason(OcspRequest::from_der(request.to_der())), "crypto.ocsp_malformed");
}

// An authority made by Tongsuo over the keys of `root`, with such a further extension.
Certificate constrained(const Sm2PrivateKey& own, const Authority& root, const char* constraints) {
  const Certificate base =
      root.issue({Purpose::ca, {"CN", "", "", "Below"}, {}, kYear}, own.public_key()).value();
  const auto x509 = tongsuo::parse<X509Pointer, d2i_X509>(base.der);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509_EXTENSION* extension = X509V3_EXT_nconf_nid(nullptr, &context, NID_name_constraints, constraints);
  EXPECT_TRUE(extension);
  X509_add_ext(x509.get(), extension, -1);
  X509_EXTENSION_free(extension);
  const auto unsigned_part = tongsuo::der<i2d_re_X509_tbs>(x509.get());
  // The signature is ours: Tongsuo's X509_sign leaves the identifier of the signer out.
  const auto signature = root.key().sign(unsigned_part).value();
  ASN1_BIT_STRING* bits = nullptr;
  X509_get0_signature(const_cast<const ASN1_BIT_STRING**>(&bits), nullptr, x509.get());
  auto integer = [](ByteView number) {
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    Bytes out = {2, uint8_t(number.size() + (number[0] >= 0x80))};
    if (number[0] >= 0x80) out.push_back(0);
    append(out, number);
    return out;
  };
  Bytes pair = integer(ByteView(signature).first(32));
  append(pair, integer(ByteView(signature).subspan(32)));
  Bytes der = {0x30, uint8_t(pair.size())};
  append(der, pair);
  ASN1_STRING_set(bits, der.data(), int(der.size()));
  bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;
  return Certificate::from_der(tongsuo::der<i2d_X509>(x509.get())).value();
}

TEST(NameConstraints, AreKeptWhereTheyAreAskedFor) {
  World world;
  const auto own = Sm2PrivateKey::generate().value();
  const Certificate below = constrained(own, world.root, "critical,permitted;DNS:good.example");
  ASSERT_TRUE(below.name_constraints);
  const auto authority = Authority::open(below, own).value();
  auto verdict = [&](const char* host, bool asked) {
    const auto leaf =
        authority.issue({Purpose::tls_sign, {"", "", "", "leaf"}, {host}, kYear}, world.key.public_key())
            .value();
    ChainPolicy policy{kNow, Purpose::tls_sign, {}, false, asked};
    return reason(verify_chain(leaf, {&below, 1}, {&world.root.certificate(), 1}, policy));
  };
  EXPECT_EQ(verdict("node.good.example", true), "");
  EXPECT_EQ(verdict("node.bad.example", true), "crypto.certificate_name_constraint");
  EXPECT_EQ(verdict("node.good.example", false), "crypto.certificate_extension");
}

}  // namespace
}  // namespace chengxin::crypto
