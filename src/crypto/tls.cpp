#include "crypto/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/impl/sm4_lanes.h"
#include "crypto/impl/tls_context.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

constexpr long kMaxCertificateBytes = 32 << 10;  // of a whole chain, before anything of it is believed

tl::unexpected<Error> bad_identity(std::string_view why) {
  return fail(Code::invalid_argument, "crypto.tls_identity", "{}", why);
}

X509Pointer to_x509(const Certificate& certificate) { return parse<X509Pointer, d2i_X509>(certificate.der); }

SslContext new_context(TlsProtocol protocol) {
  const bool tlcp = protocol == TlsProtocol::tlcp;
  install_sm4_lanes();
  SslContext context(SSL_CTX_new(tlcp ? NTLS_method() : TLS_method()));
  if (!context) return nullptr;
  SSL_CTX* raw = context.get();
  if (tlcp) {
    SSL_CTX_enable_ntls(raw);
    SSL_CTX_enable_force_ntls(raw);
  } else {
    SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(raw, 0);
  }
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list(raw, kMaxCertificateBytes);
  SSL_CTX_set_cert_verify_callback(raw, check_peer_certificates, nullptr);
  return context;
}

bool only_sm(SSL_CTX* context) {
  SSL_CTX_enable_sm_tls13_strict(context);
  return SSL_CTX_set_ciphersuites(context, "TLS_SM4_GCM_SM3") == 1 &&
         SSL_CTX_set1_groups_list(context, "SM2") == 1 &&
         SSL_CTX_set1_sigalgs_list(context, "sm2sig_sm3") == 1;
}

bool use_pair(SSL_CTX* context, const TlsIdentity& identity) {
  X509Pointer sign = to_x509(identity.sign), encrypt = to_x509(identity.encrypt);
  return sign && encrypt && SSL_CTX_use_sign_certificate(context, sign.get()) == 1 &&
         SSL_CTX_use_sign_PrivateKey(context, identity.sign_key.impl().pkey()) == 1 &&
         SSL_CTX_use_enc_certificate(context, encrypt.get()) == 1 &&
         SSL_CTX_use_enc_PrivateKey(context, identity.encrypt_key.impl().pkey()) == 1;
}

bool use_one(SSL_CTX* context, const TlsIdentity& identity) {
  X509Pointer sign = to_x509(identity.sign);
  return sign && SSL_CTX_use_certificate(context, sign.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, identity.sign_key.impl().pkey()) == 1;
}

bool add_chain(SSL_CTX* context, X509Pointer certificate) {
  if (!certificate || SSL_CTX_add_extra_chain_cert(context, certificate.get()) != 1) return false;
  certificate.release();
  return true;
}

bool is_key_of(const Sm2PrivateKey& key, const Certificate& certificate) {
  return certificate.public_key && certificate.public_key->point() == key.public_key().point();
}

constexpr uint16_t kEncipherment = kKeyEncipherment | kDataEncipherment | kKeyAgreement;

Result<std::vector<Certificate>> check_encryption(const Certificate& one, std::span<const Certificate> others,
                                                  const TlsTrust& trust, ChainPolicy policy) {
  policy.purpose = trust.callers ? Purpose::any : Purpose::tls_encrypt;
  const bool for_clients = one.extended_usages.empty() ||
                           std::any_of(one.extended_usages.begin(), one.extended_usages.end(),
                                       [](const Bytes& usage) { return equal(usage, oids::kClientAuth); });
  if (trust.callers && (!one.key_usage || !one.allows(KeyUsage(kEncipherment)) ||
                        one.allows(kDigitalSignature) || !for_clients))
    return fail(Code::forbidden, "crypto.certificate_usage", "{}", one.subject_text());
  return verify_chain(one, others, trust.roots, policy);
}

int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

Result<Certificate> check_tls_peer(TlsProtocol protocol, const Certificate& sign, const Certificate& encrypt,
                                   std::span<const Certificate> others, const TlsTrust& trust,
                                   int64_t at_ms) {
  std::vector<Certificate> all(others.begin(), others.end());
  all.insert(all.end(), trust.others.begin(), trust.others.end());
  const ChainPolicy policy{at_ms, trust.callers ? Purpose::client : Purpose::tls_sign, trust.crls,
                           trust.crl_required};
  ASSIGN(auto path, verify_chain(sign, all, trust.roots, policy));
  if (trust.callers && sign.is_ca)
    return fail(Code::forbidden, "crypto.certificate_usage", "{}", sign.subject_text());
  if (protocol != TlsProtocol::tlcp) return std::move(path.back());
  ASSIGN(auto other_path, check_encryption(encrypt, all, trust, policy));
  const bool one_root = path.back().der == other_path.back().der;
  const bool trusted_themselves = path.size() == 1 && other_path.size() == 1;
  if (sign.subject != encrypt.subject || sign.issuer != encrypt.issuer || !(one_root || trusted_themselves))
    return fail(Code::forbidden, "crypto.tls_pair", "{} and {}", sign.subject_text(), encrypt.subject_text());
  return std::move(path.back());
}

Status check_tls_identity(TlsProtocol protocol, const TlsIdentity& own) {
  if (!is_key_of(own.sign_key, own.sign)) return bad_identity("the signing key is not its certificate's");
  if (!own.sign.allows(kDigitalSignature)) return bad_identity("the signing certificate may not sign");
  if (protocol != TlsProtocol::tlcp) return {};
  if (!is_key_of(own.encrypt_key, own.encrypt))
    return bad_identity("the encipherment key is not its certificate's");
  if (!own.encrypt.key_usage || !own.encrypt.allows(KeyUsage(kEncipherment)) ||
      own.encrypt.allows(kDigitalSignature))
    return bad_identity("the encipherment certificate may not encipher, or may sign");
  if (own.sign.subject != own.encrypt.subject || own.sign.issuer != own.encrypt.issuer)
    return bad_identity("the two certificates are not one owner's");
  return {};
}

Result<TlsContext> TlsContext::create(TlsProtocol protocol, std::optional<TlsIdentity> identity) {
  CHECK(protocol != TlsProtocol::tls13);
  const bool tlcp = protocol == TlsProtocol::tlcp;
  ERR_clear_error();
  auto impl = std::make_shared<Impl>();
  impl->protocol = protocol;
  impl->has_identity = identity.has_value();
  impl->context = new_context(protocol);
  SSL_CTX* raw = impl->context.get();
  bool good = raw && (tlcp || only_sm(raw));
  if (good && identity) {
    good = tlcp ? use_pair(raw, *identity) : use_one(raw, *identity);
    for (const Certificate& one : identity->chain) good = good && add_chain(raw, to_x509(one));
  }
  if (!good) return failed(Code::invalid_argument, "crypto.tls_identity");
  TlsContext out;
  out.impl_ = std::move(impl);
  return out;
}

Result<TlsContext> TlsContext::create_tls13(std::string_view certificates_pem, std::string_view key_pem) {
  ERR_clear_error();
  auto impl = std::make_shared<Impl>();
  impl->protocol = TlsProtocol::tls13;
  impl->has_identity = true;
  impl->context = new_context(TlsProtocol::tls13);
  Bio certificates = reader(view(certificates_pem)), key_text = reader(view(key_pem));
  SSL_CTX* raw = impl->context.get();
  X509Pointer leaf(PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr));
  Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr));
  if (!raw || !leaf || !key || SSL_CTX_use_certificate(raw, leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(raw, key.get()) != 1 || SSL_CTX_check_private_key(raw) != 1)
    return failed(Code::invalid_argument, "crypto.tls_identity");
  while (X509* more = PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr))
    if (!add_chain(raw, X509Pointer(more))) return failed(Code::invalid_argument, "crypto.tls_identity");
  ERR_clear_error();  // the end of the file is one
  TlsContext out;
  out.impl_ = std::move(impl);
  return out;
}

}  // namespace chengxin::crypto
