#pragma once
#include "base/bytes.h"

// RSA signatures with SHA-256 of others (RFC 8017), to check only: tokens of identity providers. Nothing of
// ours is signed with it.
namespace chengxin::crypto {

// Big-endian, without leading zeros. 2048 to 4096 bits; the exponent is odd, above 2 and below 2^32.
struct RsaPublicKey {
  Bytes modulus, exponent;
  bool operator==(const RsaPublicKey&) const = default;
};
Result<RsaPublicKey> rsa_public_key(ByteView modulus, ByteView exponent);  // crypto.public_key

enum class RsaPadding { pkcs1, pss };  // pss: MGF1 with SHA-256, a salt of 32 bytes (RFC 7518 section 3.5)
// True when the signature, as long as the modulus, is the key's over `message`. Thread-safe.
bool rsa_verify(const RsaPublicKey& key, RsaPadding padding, ByteView message, ByteView signature);

}  // namespace chengxin::crypto
