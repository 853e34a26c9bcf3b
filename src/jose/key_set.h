#pragma once
#include <variant>

#include "crypto/es256.h"
#include "crypto/rsa.h"
#include "jose/form.h"

// Keys that another party publishes (JWK Set, RFC 7517 section 5), and tokens in the compact form checked by
// them. The algorithm is never taken from the token alone: it has to be one that the caller allows, and the
// key has to be of its kind, so that neither "none" nor an HMAC under a public key (RFC 8725 section 2.1) is
// ever a signature.
namespace chengxin::jose {

// es256: RFC 7518 section 3.4. rs256, ps256: sections 3.3 and 3.5. sm2sm3: SM2 with SM3 under the default id,
// r || s; written "SM2SM3" or "SM2", for no name is registered.
enum class SignedBy { rs256, ps256, es256, sm2sm3 };
std::optional<SignedBy> signed_by(std::string_view alg);
Bytes digest(SignedBy algorithm, ByteView bytes);  // its hash: SHA-256 or SM3

class KeySet {
 public:
  static constexpr size_t kMaxKeys = 64;
  // Keys of other kinds, other uses and other curves are passed over, symmetric and private ones too.
  // jose.jwk: no set, or more than kMaxKeys.
  static Result<KeySet> read(const Json& json);

  struct Signed {
    Json header, payload;
    SignedBy algorithm{};
  };
  // jose.malformed, jose.critical, jose.algorithm (not one of `allowed`, or the key is for another),
  // jose.key_unknown (none with its kid; without a kid: none, or several, of its kind), jose.signature.
  Result<Signed> check(std::string_view token, std::span<const SignedBy> allowed) const;
  size_t size() const { return keys_.size(); }

 private:
  struct Sm2Key {
    crypto::Sm2Point point;
  };
  struct P256Key {
    crypto::P256Point point;
  };
  struct Key {
    std::string kid;
    std::optional<SignedBy> only;  // its "alg"
    std::variant<crypto::RsaPublicKey, P256Key, Sm2Key> key;
    bool is_for(SignedBy algorithm) const;
    bool verify(SignedBy algorithm, ByteView message, ByteView signature) const;
  };
  static std::optional<Key> read_key(const Json& jwk);
  Result<const Key*> find(const std::string* kid, SignedBy algorithm) const;
  std::vector<Key> keys_;
};

}  // namespace chengxin::jose
