#pragma once
#include "crypto/certificate.h"

// Requests for certificates (PKCS #10, RFC 2986) by holders of SM2 keys (GM/T 0015).
namespace chengxin::crypto {

struct SigningRequest {
  Bytes der;
  Bytes tbs;  // the signed part, as it stands in `der`
  Name subject;
  Sm2PublicKey key;
  Sm2Signature signature{};

  // Strict DER. crypto.csr_malformed; crypto.csr_curve (no SM2 key), crypto.csr_algorithm (not signed with
  // SM2 and SM3), crypto.csr_subject (another part than C, O, OU and CN, one of them twice, or no common
  // name). Extensions that are asked for are passed over: what a certificate may be used for is the
  // authority's to say.
  static Result<SigningRequest> from_der(ByteView der);
  static Result<SigningRequest> from_pem(std::string_view pem);
  std::string to_pem() const;

  // Proof of possession: crypto.csr_signature.
  Status check() const;
};

// crypto.certificate_request as of Authority::issue.
Result<SigningRequest> make_signing_request(const Name& subject, const Sm2PrivateKey& key);

}  // namespace chengxin::crypto
