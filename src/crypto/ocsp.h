#pragma once
#include "crypto/certificate.h"

// Online certificate status (RFC 6960) with SM2 and SM3: requests and answers as bytes. Who was revoked is
// the caller's to know.
namespace chengxin::crypto {

inline constexpr size_t kMaxOcspIds = 64, kMaxOcspBytes = 16 << 10;

// Which certificate is asked for. Names of issuers are hashed with SM3, SHA-256 or SHA-1 as the client likes:
// nothing rests on that hash but finding the issuer.
struct OcspId {
  Bytes whole;  // CertID as it stands: an answer repeats it
  Bytes algorithm, name_hash, key_hash, serial;

  static OcspId of(const Certificate& issuer, ByteView serial);  // with SM3
  bool names(const Certificate& issuer) const;
};

struct OcspRequest {
  std::vector<OcspId> ids;
  Bytes nonce;  // empty: none
  // Strict DER, at most kMaxOcspBytes and kMaxOcspIds; a nonce of 1 to 32 bytes (RFC 8954); signatures of
  // requests are passed over. crypto.ocsp_malformed.
  static Result<OcspRequest> from_der(ByteView der);
  Bytes to_der() const;
};

enum class OcspStatus { good, revoked, unknown };

struct OcspAnswer {
  OcspId id;
  OcspStatus status = OcspStatus::unknown;
  int64_t revoked_ms = 0;
  int reason = 0;  // RFC 5280 5.3.1
};

struct OcspResponse {
  std::vector<OcspAnswer> answers;
  Bytes nonce;
  int64_t produced_ms = 0, this_update_ms = 0, next_update_ms = 0;  // the latter two: of every answer

  // Whole seconds. `responder` is the issuer itself or a certificate of its own for this purpose, carried
  // along.
  Result<Bytes> sign(const Certificate& responder, const Sm2PrivateKey& key) const;
};

enum class OcspRefusal { malformed = 1, internal = 2, try_later = 3, unauthorized = 6 };
Bytes ocsp_refusal(OcspRefusal why);

// Checks who signed and that it is an answer for now: crypto.ocsp_malformed, crypto.ocsp_refused (the
// responder says why), crypto.ocsp_signature (not of this issuer nor of who it named), crypto.ocsp_expired.
Result<OcspResponse> verify_ocsp_response(ByteView der, const Certificate& issuer, int64_t at_ms);

}  // namespace chengxin::crypto
