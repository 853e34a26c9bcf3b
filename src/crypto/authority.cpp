#include "crypto/authority.h"

#include <map>

#include "crypto/impl/oids.h"
#include "crypto/impl/x509.h"
#include "crypto/random.h"

namespace chengxin::crypto {
namespace {
using namespace der;
using x509::extension;

constexpr uint16_t kEncipherment = kKeyEncipherment | kDataEncipherment | kKeyAgreement;
constexpr uint8_t kIa5Uri = context_primitive(6);  // GeneralName uniformResourceIdentifier

CertificateKind kind_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::ca:
      return {.key_usage = kKeyCertSign | kCrlSign, .authority = 0};
    case Purpose::tls_sign:
      return {.extended = {ExtendedUsage::server_auth, ExtendedUsage::client_auth}};
    case Purpose::tls_encrypt:
      return {.key_usage = kEncipherment,
              .extended = {ExtendedUsage::server_auth, ExtendedUsage::client_auth}};
    case Purpose::client:
      return {.extended = {ExtendedUsage::client_auth}};
    case Purpose::timestamp:
      return {.extended = {ExtendedUsage::timestamping}, .extended_critical = true};
    case Purpose::any:
      break;
  }
  return {};
}

const Oid& oid_of(ExtendedUsage usage) {
  switch (usage) {
    case ExtendedUsage::server_auth:
      return oids::kServerAuth;
    case ExtendedUsage::client_auth:
      return oids::kClientAuth;
    case ExtendedUsage::email:
      return oids::kEmailProtection;
    case ExtendedUsage::timestamping:
      return oids::kTimeStamping;
    case ExtendedUsage::ocsp_signing:
      break;
  }
  return oids::kOcspSigning;
}

Bytes encode_hosts(std::span<const std::string> hosts) {
  Bytes names;
  for (const std::string& host : hosts) {
    unsigned a, b, c, d;
    char rest;
    if (std::sscanf(host.c_str(), "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 && (a | b | c | d) < 256) {
      const uint8_t address[4] = {uint8_t(a), uint8_t(b), uint8_t(c), uint8_t(d)};
      append(names, element(context_primitive(7), {address}));
    } else {
      append(names, element(context_primitive(2), {view(host)}));
    }
  }
  return sequence({names});
}

// RFC 5280 4.2.1.13: one distribution point with its full name.
Bytes encode_distribution_point(std::string_view url) {
  Bytes name = element(context(0), {element(context(0), {element(kIa5Uri, {view(url)})})});
  return sequence({sequence({name})});
}

// RFC 5280 4.2.2.1.
Bytes encode_information_access(const CertificateKind& kind) {
  Bytes list;
  if (!kind.ocsp_url.empty())
    append(list, sequence({oid(oids::kOcspAccess), element(kIa5Uri, {view(kind.ocsp_url)})}));
  if (!kind.issuer_url.empty())
    append(list, sequence({oid(oids::kIssuersAccess), element(kIa5Uri, {view(kind.issuer_url)})}));
  return sequence({list});
}

// Of a kind under an issuer: the extensions that are the same in each certificate, before and behind those
// that are its own.
struct Mould {
  Bytes before, behind;
};

Mould mould_of(const CertificateKind& kind, const Sm2Point& issuer_key) {
  Mould out;
  Bytes constraints =
      kind.authority ? sequence({boolean(true), integer(uint64_t(*kind.authority))}) : sequence({});
  append(out.before, extension(oids::kBasicConstraints, true, constraints));
  append(out.before, extension(oids::kKeyUsage, true, named_bits(kind.key_usage)));
  if (!kind.extended.empty()) {
    Bytes list;
    for (ExtendedUsage usage : kind.extended) append(list, oid(oid_of(usage)));
    append(out.before, extension(oids::kExtendedKeyUsage, kind.extended_critical, sequence({list})));
  }
  append(out.behind, extension(oids::kAuthorityKeyId, false,
                               sequence({element(context_primitive(0), {x509::key_id(issuer_key)})})));
  if (!kind.crl_url.empty())
    append(out.behind, extension(oids::kDistributionPoints, false, encode_distribution_point(kind.crl_url)));
  if (!kind.ocsp_url.empty() || !kind.issuer_url.empty())
    append(out.behind, extension(oids::kInformationAccess, false, encode_information_access(kind)));
  if (kind.ocsp_no_check) append(out.behind, extension(oids::kOcspNoCheck, false, null()));
  return out;
}

Bytes random_serial() {
  Bytes serial = random_bytes(16);
  serial[0] = uint8_t((serial[0] & 0x7f) | 0x40);  // positive and of a constant length
  return serial;
}

Status check_validity(const Validity& validity) {
  constexpr int64_t kEnd = 253402300799000;  // 9999-12-31T23:59:59
  if (validity.from_ms < 0 || validity.to_ms > kEnd || validity.from_ms >= validity.to_ms)
    return fail(Code::invalid_argument, "crypto.certificate_request", "validity");
  return {};
}

Bytes encode_tbs(const CertificateOrder& order, const Mould& mould, ByteView issuer, ByteView serial) {
  Bytes extensions = mould.before;
  if (!order.hosts.empty())
    append(extensions, extension(oids::kAlternativeName, false, encode_hosts(order.hosts)));
  append(extensions, extension(oids::kSubjectKeyId, false, octets(x509::key_id(order.key))));
  append(extensions, mould.behind);
  return sequence(
      {element(context(0), {integer(uint64_t(2))}), integer(serial), algorithm(oids::kSm2WithSm3), issuer,
       sequence({certificate_time(order.validity.from_ms), certificate_time(order.validity.to_ms)}),
       x509::encode_name(*order.subject), x509::encode_key(order.key),
       element(context(3), {sequence({extensions})})});
}

Result<std::vector<IssuedCertificate>> make(std::span<const CertificateOrder> orders, ByteView issuer,
                                            const Sm2PrivateKey& key) {
  std::map<const CertificateKind*, Mould> moulds;
  std::vector<IssuedCertificate> out;
  std::vector<Bytes> parts;
  for (const CertificateOrder& order : orders) {
    auto mould = moulds.find(order.kind);
    if (mould == moulds.end())
      mould = moulds.emplace(order.kind, mould_of(*order.kind, key.public_key().point())).first;
    out.push_back({random_serial(), {}});
    parts.push_back(encode_tbs(order, mould->second, issuer, out.back().serial));
  }
  const std::vector<ByteView> messages(parts.begin(), parts.end());
  ASSIGN(const auto signatures, key.sign_many(messages));
  for (size_t i = 0; i < parts.size(); ++i) out[i].der = x509::signed_whole(parts[i], signatures[i]);
  return out;
}

}  // namespace

Result<Authority> Authority::create_root(const Name& subject, Validity validity) {
  ASSIGN(Sm2PrivateKey key, Sm2PrivateKey::generate());
  return create_root(subject, validity, std::move(key));
}

Result<Authority> Authority::create_root(const Name& subject, Validity validity, Sm2PrivateKey key) {
  Authority authority;
  TRY(x509::check_name(subject));
  TRY(check_validity(validity));
  CertificateKind kind = kind_of(Purpose::ca);
  kind.authority = 1;
  const CertificateOrder order{&kind, &subject, {}, validity, key.public_key().point()};
  ASSIGN(const auto made, make({&order, 1}, x509::encode_name(subject), key));
  ASSIGN(authority.certificate_, Certificate::from_der(made[0].der));
  authority.key_ = std::move(key);
  return authority;
}

Result<Authority> Authority::open(Certificate certificate, Sm2PrivateKey key) {
  if (!certificate.is_ca || !certificate.allows(kKeyCertSign) || !certificate.public_key ||
      certificate.public_key->point() != key.public_key().point())
    return fail(Code::invalid_argument, "crypto.authority", "{}", certificate.subject_text());
  Authority authority;
  authority.certificate_ = std::move(certificate);
  authority.key_ = std::move(key);
  return authority;
}

Status Authority::check_order(const CertificateOrder& order) const {
  TRY(x509::check_name(*order.subject));
  TRY(check_validity(order.validity));
  if (order.validity.from_ms < certificate_.not_before_ms || order.validity.to_ms > certificate_.not_after_ms)
    return fail(Code::invalid_argument, "crypto.certificate_request", "validity beyond the authority's own");
  return {};
}

Result<Certificate> Authority::issue(const CertificateRequest& request, const Sm2PublicKey& key) const {
  const CertificateKind kind = kind_of(request.purpose);
  const CertificateOrder order{&kind, &request.subject, request.hosts, request.validity, key.point()};
  ASSIGN(const auto made, issue_many({&order, 1}));
  return Certificate::from_der(made[0].der);
}

Result<std::vector<IssuedCertificate>> Authority::issue_many(std::span<const CertificateOrder> orders) const {
  for (const CertificateOrder& order : orders) TRY(check_order(order));
  return make(orders, certificate_.subject, key_);
}

Result<Crl> Authority::issue_crl(const std::vector<Revocation>& revoked, uint64_t number,
                                 Validity validity) const {
  TRY(check_validity(validity));
  Bytes list;
  for (const Revocation& one : revoked) {
    const uint8_t reason[3] = {kEnumerated, 1, uint8_t(one.reason)};
    Bytes extensions = one.reason == 0 ? Bytes() : sequence({extension(oids::kReasonCode, false, reason)});
    append(list, sequence({integer(ByteView(one.serial)), certificate_time(one.time_ms), extensions}));
  }
  Bytes authority_key = sequence({element(context_primitive(0), {x509::key_id(key_.public_key().point())})});
  Bytes extensions = element(context(0), {sequence({extension(oids::kAuthorityKeyId, false, authority_key),
                                                    extension(oids::kCrlNumber, false, integer(number))})});
  Bytes tbs = sequence({integer(uint64_t(1)), algorithm(oids::kSm2WithSm3), certificate_.subject,
                        certificate_time(validity.from_ms), certificate_time(validity.to_ms),
                        list.empty() ? Bytes() : sequence({list}), extensions});
  ASSIGN(Bytes whole, x509::sign(tbs, key_));
  return Crl::from_der(whole);
}

}  // namespace chengxin::crypto
