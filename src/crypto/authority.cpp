#include "crypto/authority.h"

#include "crypto/impl/der.h"
#include "crypto/impl/oids.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {
using namespace der;

Bytes encode_name(const Name& name) {
  Bytes parts;
  auto add = [&](const Oid& id, std::string_view value, uint8_t tag) {
    if (value.empty()) return;
    append(parts, element(kSet, {sequence({oid(id), element(tag, {view(value)})})}));
  };
  add(oids::kCountry, name.country, 0x13);  // PrintableString, RFC 5280 appendix A.1
  add(oids::kOrganization, name.organization, kUtf8String);
  add(oids::kUnit, name.unit, kUtf8String);
  add(oids::kCommonName, name.common_name, kUtf8String);
  return sequence({parts});
}

Status check_name(const Name& name) {
  auto refused = [](std::string_view what) {
    return fail(Code::invalid_argument, "crypto.certificate_request", "{}", what);
  };
  if (name.common_name.empty()) return refused("no common name");
  bool letters = name.country.size() == 2 && std::isupper(static_cast<unsigned char>(name.country[0])) &&
                 std::isupper(static_cast<unsigned char>(name.country[1]));
  if (!name.country.empty() && !letters) return refused("country is not two capital letters");
  for (const std::string* part : {&name.organization, &name.unit, &name.common_name}) {
    if (part->size() > 256) return refused("a name part is above 256 bytes");
    for (unsigned char c : *part)
      if (c < 0x20 || c == 0x7f) return refused("a name part has control characters");
  }
  return {};
}

// RFC 7093 section 2 method 1, with SM3: the leftmost 160 bits.
Bytes key_id(const Sm2PublicKey& key) {
  Digest digest = sm3(key.point());
  return to_bytes(ByteView(digest).first(20));
}

Bytes extension(const Oid& id, bool critical, ByteView value) {
  return sequence({oid(id), critical ? boolean(true) : Bytes(), octets(value)});
}

uint16_t key_usage_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::ca:
      return kKeyCertSign | kCrlSign;
    case Purpose::tls_encrypt:
      return kKeyEncipherment | kDataEncipherment | kKeyAgreement;
    default:
      return kDigitalSignature;
  }
}

Bytes extended_usage_of(Purpose purpose) {
  switch (purpose) {
    case Purpose::tls_sign:
    case Purpose::tls_encrypt:
      return sequence({oid(oids::kServerAuth), oid(oids::kClientAuth)});
    case Purpose::client:
      return sequence({oid(oids::kClientAuth)});
    case Purpose::timestamp:
      return sequence({oid(oids::kTimeStamping)});
    default:
      return {};
  }
}

Bytes encode_hosts(const std::vector<std::string>& hosts) {
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

Bytes encode_extensions(const CertificateRequest& request, bool root, const Sm2PublicKey& key,
                        const Sm2PublicKey& issuer_key) {
  Bytes list;
  bool ca = request.purpose == Purpose::ca;
  Bytes constraints = !ca    ? sequence({})
                      : root ? sequence({boolean(true), integer(uint64_t(1))})
                             : sequence({boolean(true), integer(uint64_t(0))});
  append(list, extension(oids::kBasicConstraints, true, constraints));
  append(list, extension(oids::kKeyUsage, true, named_bits(key_usage_of(request.purpose))));
  if (Bytes usage = extended_usage_of(request.purpose); !usage.empty())
    append(list, extension(oids::kExtendedKeyUsage, request.purpose == Purpose::timestamp, usage));
  if (!request.hosts.empty())
    append(list, extension(oids::kAlternativeName, false, encode_hosts(request.hosts)));
  append(list, extension(oids::kSubjectKeyId, false, octets(key_id(key))));
  append(list, extension(oids::kAuthorityKeyId, false,
                         sequence({element(context_primitive(0), {key_id(issuer_key)})})));
  return element(context(3), {sequence({list})});
}

Result<Bytes> sign(const Bytes& tbs, const Sm2PrivateKey& key) {
  ASSIGN(Sm2Signature signature, key.sign(tbs));
  return sequence({tbs, algorithm(oids::kSm2WithSm3), bits(der::signature(signature))});
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

Result<Certificate> make(const CertificateRequest& request, const Sm2PublicKey& key, const Bytes& issuer,
                         bool root, const Sm2PrivateKey& issuer_key) {
  TRY(check_name(request.subject));
  TRY(check_validity(request.validity));
  Bytes point_info = sequence({sequence({oid(oids::kEcPublicKey), oid(oids::kSm2Curve)}), bits(key.point())});
  Bytes tbs = sequence(
      {element(context(0), {integer(uint64_t(2))}), integer(ByteView(random_serial())),
       algorithm(oids::kSm2WithSm3), issuer,
       sequence({certificate_time(request.validity.from_ms), certificate_time(request.validity.to_ms)}),
       encode_name(request.subject), point_info,
       encode_extensions(request, root, key, issuer_key.public_key())});
  ASSIGN(Bytes whole, sign(tbs, issuer_key));
  return Certificate::from_der(whole);
}

}  // namespace

Result<Authority> Authority::create_root(const Name& subject, Validity validity) {
  ASSIGN(Sm2PrivateKey key, Sm2PrivateKey::generate());
  return create_root(subject, validity, std::move(key));
}

Result<Authority> Authority::create_root(const Name& subject, Validity validity, Sm2PrivateKey key) {
  Authority authority;
  CertificateRequest request{Purpose::ca, subject, {}, validity};
  ASSIGN(authority.certificate_, make(request, key.public_key(), encode_name(subject), true, key));
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

Result<Certificate> Authority::issue(const CertificateRequest& request, const Sm2PublicKey& key) const {
  if (request.validity.from_ms < certificate_.not_before_ms ||
      request.validity.to_ms > certificate_.not_after_ms)
    return fail(Code::invalid_argument, "crypto.certificate_request", "validity beyond the authority's own");
  return make(request, key, certificate_.subject, false, key_);
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
  Bytes authority_key = sequence({element(context_primitive(0), {key_id(key_.public_key())})});
  Bytes extensions = element(context(0), {sequence({extension(oids::kAuthorityKeyId, false, authority_key),
                                                    extension(oids::kCrlNumber, false, integer(number))})});
  Bytes tbs = sequence({integer(uint64_t(1)), algorithm(oids::kSm2WithSm3), certificate_.subject,
                        certificate_time(validity.from_ms), certificate_time(validity.to_ms),
                        list.empty() ? Bytes() : sequence({list}), extensions});
  ASSIGN(Bytes whole, sign(tbs, key_));
  return Crl::from_der(whole);
}

}  // namespace chengxin::crypto
