#pragma once
#include "crypto/certificate.h"

// A minimal certificate authority over SM2: enough for the time-stamp authority, the links between nodes and
// logins.
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
  Result<Crl> issue_crl(const std::vector<Revocation>& revoked, uint64_t number, Validity validity) const;

 private:
  Certificate certificate_;
  Sm2PrivateKey key_;
};

}  // namespace chengxin::crypto
