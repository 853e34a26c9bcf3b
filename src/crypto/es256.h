#pragma once
#include <functional>
#include <memory>

#include "base/bytes.h"
#include "crypto/secret.h"
#include "crypto/sm2.h"

// ES256: ECDSA over P-256 with SHA-256 (FIPS 186-5, RFC 7518 section 3.4), for what tools abroad must verify
// too: credentials, tokens. Nothing on a chain is signed with it. Points are 04 || X || Y, signatures r || s.
namespace chengxin::crypto {

using P256Point = std::array<uint8_t, 65>;
using Es256Signature = std::array<uint8_t, 64>;

// The uncompressed form of a point in either form of SEC 1 section 2.3.3 (33 or 65 bytes). crypto.public_key:
// not on the curve, infinity, another form.
Result<P256Point> p256_point(ByteView encoded);
Result<Sm2Point> sm2_point(ByteView encoded);
Bytes compressed(const std::array<uint8_t, 65>& point);  // 33 bytes, of either curve

// True when the signature (64 bytes) is the key's over `message`; false for anything else, a key off the
// curve too. Thread-safe.
bool es256_verify(const P256Point& key, ByteView message, ByteView signature);

// Over e, the SHA-256 of a message.
using Es256Signer = std::function<Result<Es256Signature>(const Digest& e)>;

// Its memory is zeroed when the last copy goes. A default-constructed one may only be assigned to.
// crypto.key_format: no PKCS #8 PEM, or of another curve.
class Es256PrivateKey {
 public:
  static Result<Es256PrivateKey> generate();
  static Result<Es256PrivateKey> from_scalar(ByteView scalar);  // 32 bytes, 1 to n-1; crypto.private_key
  // One that is elsewhere and signs by asking; each signature is checked before it is given out.
  static Es256PrivateKey delegated(const P256Point& public_key, Es256Signer signer);
  static Result<Es256PrivateKey> from_pem(std::string_view pem);  // PKCS #8, not encrypted
  Result<std::string> to_pem() const;                             // crypto.key_held, as of scalar()
  Result<Secret> scalar() const;                                  // 32 bytes: to move it into a provider
  const P256Point& public_key() const { return public_key_; }
  Result<Es256Signature> sign(ByteView message) const;  // thread-safe; crypto.sign
  Result<Es256Signature> sign_digest(const Digest& e) const;

 private:
  struct Impl;
  static Result<Es256PrivateKey> wrap(std::shared_ptr<const Impl> impl);
  P256Point public_key_{};
  std::shared_ptr<const Impl> impl_;
};

}  // namespace chengxin::crypto
