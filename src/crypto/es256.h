#pragma once
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

// Its memory is zeroed when the last copy goes. A default-constructed one may only be assigned to.
// crypto.key_format: no PKCS #8 PEM, or of another curve.
class Es256PrivateKey {
 public:
  static Result<Es256PrivateKey> generate();
  static Result<Es256PrivateKey> from_pem(std::string_view pem);  // PKCS #8, not encrypted
  Result<std::string> to_pem() const;
  const P256Point& public_key() const { return public_key_; }
  Result<Es256Signature> sign(ByteView message) const;  // thread-safe; crypto.sign

 private:
  struct Impl;
  static Result<Es256PrivateKey> wrap(std::shared_ptr<const Impl> impl);
  P256Point public_key_{};
  std::shared_ptr<const Impl> impl_;
};

}  // namespace chengxin::crypto
