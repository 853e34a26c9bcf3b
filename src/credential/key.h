#pragma once
#include <variant>

#include "base/json.h"
#include "crypto/es256.h"

// The two kinds of keys that credentials are signed with, and how they are written
// (docs/formats/credential.md).
namespace chengxin::credential {

// sm2sm3: SM2 with SM3 under the default id; "SM2SM3" and the curve "SM2" are private names of JOSE, for none
// is registered. es256: RFC 7518 section 3.4.
enum class Algorithm { sm2sm3, es256 };
std::string_view name(Algorithm algorithm);
std::optional<Algorithm> algorithm_of(std::string_view name);

using Point = std::array<uint8_t, 65>;      // 04 || X || Y, on the curve of the algorithm
using Signature = std::array<uint8_t, 64>;  // r || s

struct PublicKey {
  Algorithm algorithm = Algorithm::sm2sm3;
  Point point{};

  bool verify(ByteView message, ByteView signature) const;
  Json jwk() const;  // RFC 7517: kty, crv, x, y
  // jose.jwk: another kind, not on the curve, an "alg" that is not this kind's, or a private key.
  static Result<PublicKey> from_jwk(const Json& jwk);
  // Base58btc of the multicodec (p256-pub 0x1200; sm2-pub 0x1206, a draft of the registry) and the compressed
  // point.
  std::string multikey() const;
  static Result<PublicKey> from_multikey(std::string_view text);  // did.multikey
  std::string thumbprint() const;                                 // RFC 7638 with SHA-256
  bool operator==(const PublicKey&) const = default;
};

class PrivateKey {
 public:
  PrivateKey() = default;  // may only be assigned to
  explicit PrivateKey(crypto::Sm2PrivateKey key) : key_(std::move(key)) {}
  explicit PrivateKey(crypto::Es256PrivateKey key) : key_(std::move(key)) {}
  static Result<PrivateKey> generate(Algorithm algorithm);
  static Result<PrivateKey> from_pem(std::string_view pem);  // PKCS #8 of either kind; crypto.key_format
  Result<std::string> to_pem() const;                        // not encrypted
  PublicKey public_key() const;
  Algorithm algorithm() const { return Algorithm(key_.index()); }
  Result<Signature> sign(ByteView message) const;

 private:
  std::variant<crypto::Sm2PrivateKey, crypto::Es256PrivateKey> key_;
};

}  // namespace chengxin::credential
