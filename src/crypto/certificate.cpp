#include "crypto/certificate.h"

#include <algorithm>

#include "crypto/impl/der.h"
#include "crypto/impl/extensions.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/x509.h"

namespace chengxin::crypto {
namespace {
using der::Reader;

constexpr size_t kMaxSerial = 20;  // RFC 5280 4.1.2.2

std::optional<uint16_t> read_key_usage(ByteView value) {
  Reader reader(value);
  ByteView content = reader.take(der::kBitString).content;
  if (!reader.done() || content.size() < 2 || content.size() > 3 || content[0] > 7) return std::nullopt;
  uint8_t last = content.back();
  if ((last & ((1u << content[0]) - 1)) != 0) return std::nullopt;  // unused bits are zero
  return uint16_t(content[1] << 8 | (content.size() == 3 ? content[2] : 0));
}

bool read_basic_constraints(ByteView value, Certificate& out) {
  Reader outer(value);
  Reader reader = outer.enter(der::kSequence);
  if (reader.next_is(der::kBoolean)) out.is_ca = reader.boolean();
  if (reader.next_is(der::kInteger)) {
    uint32_t length = 0;
    for (uint8_t byte : reader.unsigned_integer(4)) length = length << 8 | byte;
    out.path_length = length;
  }
  outer.finish(reader);
  return outer.done();
}

bool read_extended_usages(ByteView value, Certificate& out) {
  Reader outer(value);
  Reader reader = outer.enter(der::kSequence);
  while (reader.ok() && !reader.at_end()) out.extended_usages.push_back(to_bytes(reader.oid()));
  outer.finish(reader);
  return outer.done() && !out.extended_usages.empty();
}

// Names are for people and host checks; what is not understood is passed over.
void read_hosts(ByteView value, Certificate& out) {
  Reader outer(value);
  Reader reader = outer.enter(der::kSequence);
  while (reader.ok() && !reader.at_end()) {
    der::Element name = reader.any();
    if (name.tag == der::context_primitive(2)) out.hosts.push_back(to_string(name.content));
    if (name.tag == der::context_primitive(7) && name.content.size() == 4)
      out.hosts.push_back(
          fmt::format("{}.{}.{}.{}", name.content[0], name.content[1], name.content[2], name.content[3]));
  }
}

bool read_extension(ByteView id, bool critical, ByteView value, Certificate& out) {
  if (equal(id, oids::kKeyUsage)) {
    out.key_usage = read_key_usage(value);
    return out.key_usage.has_value();
  }
  if (equal(id, oids::kBasicConstraints)) return read_basic_constraints(value, out);
  if (equal(id, oids::kExtendedKeyUsage)) {
    out.extended_usages_critical = critical;
    return read_extended_usages(value, out);
  }
  if (equal(id, oids::kSubjectKeyId)) {
    Reader reader(value);
    out.subject_key_id = to_bytes(reader.octets());
    if (!reader.done()) return false;
  } else if (equal(id, oids::kAlternativeName)) {
    read_hosts(value, out);
  } else if (equal(id, oids::kNameConstraints) && critical) {
    out.name_constraints = true;
    return true;
  }
  out.unknown_critical_extension = out.unknown_critical_extension || critical;
  return true;
}

// The fields between version and extensions.
bool read_tbs(ByteView tbs, ByteView outer_algorithm, Certificate& out) {
  Reader whole(tbs);
  Reader reader = whole.enter(der::kSequence);
  Reader version = reader.enter(der::context(0));
  if (version.small_integer() != 2) return false;
  reader.finish(version);
  out.serial = reader.unsigned_integer(kMaxSerial);
  if (!equal(reader.take(der::kSequence).whole, outer_algorithm)) return false;
  out.issuer = to_bytes(reader.take(der::kSequence).whole);
  Reader validity = reader.enter(der::kSequence);
  out.not_before_ms = validity.certificate_time();
  out.not_after_ms = validity.certificate_time();
  reader.finish(validity);
  out.subject = to_bytes(reader.take(der::kSequence).whole);
  out.public_key = x509::read_key(reader.take(der::kSequence).whole);
  if (reader.next_is(der::context(3))) {
    Reader tagged = reader.enter(der::context(3));
    Reader list = tagged.enter(der::kSequence);
    if (!read_extensions(list, [&](ByteView id, bool critical, ByteView value) {
          return read_extension(id, critical, value, out);
        }))
      return false;
    tagged.finish(list);
    reader.finish(tagged);
  }
  whole.finish(reader);
  return whole.done();
}

std::string name_text(ByteView name) {
  static constexpr std::pair<der::Oid, const char*> kLabels[] = {
      {oids::kCountry, "C"}, {oids::kOrganization, "O"}, {oids::kUnit, "OU"}, {oids::kCommonName, "CN"}};
  std::string out;
  Reader outer(name);
  Reader reader = outer.enter(der::kSequence);
  while (reader.ok() && !reader.at_end()) {
    Reader set = reader.enter(der::kSet);
    Reader pair = set.enter(der::kSequence);
    ByteView id = pair.oid();
    ByteView value = pair.any().content;
    for (const auto& [oid, label] : kLabels)
      if (equal(id, oid)) out += fmt::format("{}{}={}", out.empty() ? "" : ", ", label, text(value));
  }
  return out;
}

// What certificates and revocation lists share: SEQUENCE {signed part, algorithm, signature}, nothing behind
// it.
template <typename Signed>
Result<Signed> read_signed(ByteView der, bool (*read_part)(ByteView tbs, ByteView algorithm, Signed& out),
                           std::string_view reason) {
  Signed out;
  out.der = to_bytes(der);
  Reader outer(der);
  Reader reader = outer.enter(der::kSequence);
  ByteView tbs = reader.take(der::kSequence).whole;
  ByteView algorithm = x509::read_algorithm(reader, out.sm2_with_sm3);
  out.signature = x509::read_signature(reader);
  outer.finish(reader);
  if (!outer.done() || !read_part(tbs, algorithm, out)) return fail(Code::invalid_argument, reason);
  out.tbs = to_bytes(tbs);
  return out;
}

}  // namespace

Result<Certificate> Certificate::from_der(ByteView der) {
  return read_signed<Certificate>(der, read_tbs, "crypto.certificate_malformed");
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  auto der = der::from_pem("CERTIFICATE", pem);
  if (!der) return fail(Code::invalid_argument, "crypto.certificate_malformed", "no PEM block CERTIFICATE");
  return from_der(*der);
}

std::string Certificate::to_pem() const { return der::to_pem("CERTIFICATE", der); }
std::string Certificate::subject_text() const { return name_text(subject); }
std::string Certificate::issuer_text() const { return name_text(issuer); }

bool Certificate::only_for_timestamps() const {
  return extended_usages_critical && extended_usages.size() == 1 &&
         equal(extended_usages[0], oids::kTimeStamping);
}

bool Certificate::signed_by(const Sm2PublicKey& key) const {
  return sm2_with_sm3 && signature && key.verify(tbs, *signature);
}

bool Certificate::signed_with_weak_hash() const {
  static constexpr der::Oid kWeak[] = {
      {"1.2.840.113549.1.1.2"}, {"1.2.840.113549.1.1.3"}, {"1.2.840.113549.1.1.4"}, {"1.2.840.113549.1.1.5"},
      {"1.2.840.10045.4.1"},    {"1.2.840.10040.4.3"},    {"1.3.14.3.2.29"},        {"1.2.156.10197.1.502"}};
  Reader outer(der);
  Reader reader = outer.enter(der::kSequence);
  reader.take(der::kSequence);
  Reader algorithm = reader.enter(der::kSequence);
  const ByteView id = algorithm.oid();
  return std::any_of(std::begin(kWeak), std::end(kWeak),
                     [&](const der::Oid& weak) { return equal(id, weak); });
}

Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem) {
  static constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::vector<Certificate> out;
  do {
    ASSIGN(Certificate one, Certificate::from_pem(pem));
    out.push_back(std::move(one));
    pem.remove_prefix(pem.find(kEnd) + kEnd.size());
  } while (pem.find("-----BEGIN CERTIFICATE-----") != pem.npos);
  return out;
}

namespace {

bool read_revocations(Reader& list, Crl& out) {
  while (list.ok() && !list.at_end()) {
    Reader entry = list.enter(der::kSequence);
    Revocation one;
    one.serial = entry.unsigned_integer(kMaxSerial);
    one.time_ms = entry.certificate_time();
    if (entry.next_is(der::kSequence)) {
      Reader extensions = entry.enter(der::kSequence);
      bool good = read_extensions(extensions, [&](ByteView id, bool critical, ByteView value) {
        if (equal(id, oids::kReasonCode)) {
          Reader reason(value);
          ByteView content = reason.take(der::kEnumerated).content;
          if (!reason.done() || content.size() != 1 || content[0] > 10) return false;
          one.reason = content[0];
        } else {
          out.unknown_critical_extension = out.unknown_critical_extension || critical;
        }
        return true;
      });
      if (!good) return false;
    }
    list.finish(entry);
    out.revoked.push_back(std::move(one));
  }
  return list.ok();
}

bool read_crl(ByteView tbs, ByteView outer_algorithm, Crl& out) {
  Reader whole(tbs);
  Reader reader = whole.enter(der::kSequence);
  if (reader.small_integer() != 1) return false;
  if (!equal(reader.take(der::kSequence).whole, outer_algorithm)) return false;
  out.issuer = to_bytes(reader.take(der::kSequence).whole);
  out.this_update_ms = reader.certificate_time();
  out.next_update_ms = reader.certificate_time();
  if (reader.next_is(der::kSequence)) {
    Reader list = reader.enter(der::kSequence);
    if (!read_revocations(list, out)) return false;
  }
  if (reader.next_is(der::context(0))) {
    Reader tagged = reader.enter(der::context(0));
    Reader list = tagged.enter(der::kSequence);
    bool good = read_extensions(list, [&](ByteView, bool critical, ByteView) {
      out.unknown_critical_extension = out.unknown_critical_extension || critical;
      return true;
    });
    if (!good) return false;
    tagged.finish(list);
    reader.finish(tagged);
  }
  whole.finish(reader);
  return whole.done();
}

}  // namespace

Result<Crl> Crl::from_der(ByteView der) { return read_signed<Crl>(der, read_crl, "crypto.crl_malformed"); }

Result<Crl> Crl::from_pem(std::string_view pem) {
  auto der = der::from_pem("X509 CRL", pem);
  if (!der) return fail(Code::invalid_argument, "crypto.crl_malformed", "no PEM block X509 CRL");
  return from_der(*der);
}

std::string Crl::to_pem() const { return der::to_pem("X509 CRL", der); }

}  // namespace chengxin::crypto
