#pragma once
#include <optional>
#include <span>

#include "crypto/certificate.h"

// Time-stamps (RFC 3161) over SM3 imprints, signed with SM2. The profile of a token that goes into a proof
// bundle is in docs/formats/cxproof.md ("The token, for check 12"); verify_timestamp takes exactly that,
// TimestampAuthority makes it.
namespace chengxin::crypto {

struct TimestampRequest {
  Digest imprint{};
  Bytes nonce;               // content of an INTEGER; empty: none
  bool certificates = true;  // whether the token is to carry the signer's chain

  // With a random nonce of 8 bytes.
  static TimestampRequest make(const Digest& imprint);
  Bytes to_der() const;
  // crypto.timestamp_request (malformed), crypto.timestamp_algorithm (an imprint that is not SM3).
  static Result<TimestampRequest> from_der(ByteView der);
};

struct TimestampInfo {
  int64_t time_ms = 0;
  Digest imprint{};
  Bytes serial;
  Bytes nonce;
  Bytes signer_der;  // the certificate that signed
  Bytes root_der;    // the self-signed certificate that its chain ends at
};

class TimestampAuthority {
 public:
  // `chain`: the signer's certificate (purpose timestamp), then each issuer up to the root.
  // crypto.timestamp_authority when they are not such a chain, or the key is not the certificate's.
  static Result<TimestampAuthority> open(Sm2PrivateKey key, std::vector<Certificate> chain);

  // A TimeStampResp for a TimeStampReq: a bad request gets a response that says so. Thread-safe.
  Bytes respond(ByteView request, int64_t now_ms) const;
  // The token alone. crypto.certificate_expired or _not_yet_valid at a time outside the chain's validity.
  Result<Bytes> stamp(const TimestampRequest& request, int64_t now_ms) const;

 private:
  Sm2PrivateKey key_;
  std::vector<Certificate> chain_;
};

// The token of a response to `request`, when it was granted and answers it: crypto.timestamp_response
// (malformed), crypto.timestamp_refused (detail: the status and failure bits), crypto.timestamp_mismatch
// (imprint or nonce differ). The token's signature is checked by verify_timestamp only.
Result<Bytes> parse_timestamp_response(ByteView response, const TimestampRequest& request);

// crypto.timestamp_invalid: not a token of the profile, or not over `imprint`; crypto.timestamp_untrusted:
// its root is none of `trusted_roots` (DER; not asked when empty).
Result<TimestampInfo> verify_timestamp(ByteView token, const Digest& imprint,
                                       std::span<const Bytes> trusted_roots = {});

}  // namespace chengxin::crypto
