#pragma once
#include "crypto/certificate.h"

// A certificate authority over SM2 without a memory: who asked for what, serial numbers that were revoked and
// all else that has to be kept is src/authority's.
namespace chengxin::crypto {

struct Validity {
  int64_t from_ms = 0, to_ms = 0;  // whole seconds are kept
};

// What is asked for; purpose decides key usage and extended key usage.
struct CertificateRequest {
  Purpose purpose = Purpose::client;
  Name subject;
  std::vector<std::string> hosts;  // DNS names or IPv4 addresses
  Validity validity;
};

enum class ExtendedUsage { server_auth, client_auth, email, timestamping, ocsp_signing };

// What certificates of one kind have in common.
struct CertificateKind {
  uint16_t key_usage = kDigitalSignature;
  std::vector<ExtendedUsage> extended = {};
  bool extended_critical = false;
  std::optional<uint32_t> authority = {};  // of an authority: its path length
  bool ocsp_no_check = false;              // RFC 6960 4.2.2.2.1
  // Distribution point of the revocation list, authority information access; empty: no such extension.
  std::string crl_url = {}, ocsp_url = {}, issuer_url = {};
};

// One of many certificates. What it points to must live as long as it does.
struct CertificateOrder {
  const CertificateKind* kind = nullptr;
  const Name* subject = nullptr;
  std::span<const std::string> hosts = {};
  Validity validity = {};
  Sm2Point key = {};
};

struct IssuedCertificate {
  Bytes serial, der;
};

class Authority {
 public:
  // A self-signed root (path length 1) with a new key, or with `key`.
  static Result<Authority> create_root(const Name& subject, Validity validity);
  static Result<Authority> create_root(const Name& subject, Validity validity, Sm2PrivateKey key);
  // crypto.authority: the certificate is no CA's, or the key is not its own.
  static Result<Authority> open(Certificate certificate, Sm2PrivateKey key);

  const Certificate& certificate() const { return certificate_; }
  const Sm2PrivateKey& key() const { return key_; }

  // Serial numbers are 16 random bytes. crypto.certificate_request: validity reversed, before 1970, or beyond
  // the authority's own; no common name; a name part above 256 bytes or not printable.
  Result<Certificate> issue(const CertificateRequest& request, const Sm2PublicKey& key) const;
  // The same for many, signed together (src/sm2): all, in order, or none.
  Result<std::vector<IssuedCertificate>> issue_many(std::span<const CertificateOrder> orders) const;
  Result<Crl> issue_crl(const std::vector<Revocation>& revoked, uint64_t number, Validity validity) const;

 private:
  Status check_order(const CertificateOrder& order) const;

  Certificate certificate_;
  Sm2PrivateKey key_;
};

}  // namespace chengxin::crypto
