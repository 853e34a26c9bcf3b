#pragma once
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "crypto/sm2.h"

// X.509 v3 certificates and revocation lists (RFC 5280) with SM2 keys and signatures (GB/T 20518, GM/T 0015).
namespace chengxin::crypto {

// A distinguished name in the order written: C, O, OU, CN; empty parts are left out.
struct Name {
  std::string country, organization, unit, common_name;
};

// Bits of the key usage extension; bit 0 of RFC 5280 4.2.1.3 is the highest.
enum KeyUsage : uint16_t {
  kDigitalSignature = 0x8000,
  kNonRepudiation = 0x4000,
  kKeyEncipherment = 0x2000,
  kDataEncipherment = 0x1000,
  kKeyAgreement = 0x0800,
  kKeyCertSign = 0x0400,
  kCrlSign = 0x0200,
};

struct Certificate {
  Bytes der;
  Bytes tbs;              // the signed part, as it stands in `der`
  Bytes serial;           // big-endian, without sign byte
  Bytes issuer, subject;  // names in DER
  int64_t not_before_ms = 0, not_after_ms = 0;
  bool sm2_with_sm3 = false;               // the signature algorithm, in both places
  std::optional<Sm2Signature> signature;   // when it has the form of one
  std::optional<Sm2PublicKey> public_key;  // when it is a valid SM2 key
  bool is_ca = false;
  std::optional<uint32_t> path_length;
  std::optional<uint16_t> key_usage;   // KeyUsage bits
  std::vector<Bytes> extended_usages;  // object identifiers, content bytes; empty: no such extension
  bool extended_usages_critical = false;
  bool unknown_critical_extension = false;
  bool name_constraints = false;  // there is such an extension, critical as RFC 5280 4.2.1.10 wants it
  Bytes subject_key_id;
  std::vector<std::string> hosts;  // DNS names and IP addresses of the subject alternative name

  // Strict DER, nothing behind it: crypto.certificate_malformed. Keys and signatures of other kinds are read,
  // and refused by verify_chain.
  static Result<Certificate> from_der(ByteView der);
  static Result<Certificate> from_pem(std::string_view pem);
  std::string to_pem() const;

  std::string subject_text() const;  // for people: C=CN, O=…, CN=…
  std::string issuer_text() const;
  bool self_issued() const { return issuer == subject; }
  bool allows(KeyUsage usage) const { return !key_usage || (*key_usage & usage) != 0; }
  bool only_for_timestamps() const;  // RFC 3161 2.3
  bool signed_by(const Sm2PublicKey& key) const;
  bool signed_with_weak_hash() const;  // MD2, MD4, MD5 or SHA-1, by its algorithm
};

// Every certificate of a PEM file, in order; crypto.certificate_malformed when there is none or one is bad.
Result<std::vector<Certificate>> certificates_from_pem(std::string_view pem);

struct Revocation {
  Bytes serial;
  int64_t time_ms = 0;
  int reason = 0;  // RFC 5280 5.3.1
};

struct Crl {
  Bytes der;
  Bytes tbs;
  Bytes issuer;
  int64_t this_update_ms = 0, next_update_ms = 0;
  std::vector<Revocation> revoked;
  bool sm2_with_sm3 = false;
  bool unknown_critical_extension = false;
  std::optional<Sm2Signature> signature;

  static Result<Crl> from_der(ByteView der);  // crypto.crl_malformed
  static Result<Crl> from_pem(std::string_view pem);
  std::string to_pem() const;
};

// What a certificate may be used for; also what an authority issues it for.
enum class Purpose {
  any,
  ca,
  tls_sign,     // the signing half of a TLCP pair, server and client
  tls_encrypt,  // the encrypting half
  client,       // a person's or a program's login
  timestamp,    // critical and sole
};

struct ChainPolicy {
  int64_t at_ms = 0;
  Purpose purpose = Purpose::any;
  std::span<const Crl> crls;
  bool crl_required = false;  // every issuer on the path must have a current list
  // Name constraints of authorities are checked by Tongsuo (crypto.certificate_name_constraint). Otherwise
  // they are refused as what is not understood.
  bool name_constraints = false;
};

// Checks the path from `leaf` through `others` to one of `roots` (RFC 5280 section 6, without policies,
// whose critical extensions are refused). Reasons, all Code::forbidden:
// crypto.certificate_untrusted (no path to a root), _signature, _expired, _not_yet_valid, _usage, _revoked,
// _curve, _algorithm, _extension, _path_length, _name_constraint; crypto.crl_missing, crypto.crl_expired,
// crypto.crl_signature. Returns the path, leaf first, root last.
Result<std::vector<Certificate>> verify_chain(const Certificate& leaf, std::span<const Certificate> others,
                                              std::span<const Certificate> roots, const ChainPolicy& policy);

}  // namespace chengxin::crypto
