#pragma once
#include <functional>

#include "crypto/secret.h"
#include "crypto/sm2.h"

namespace chengxin::crypto {

// A private key that stays where it is, in a device or behind a lock: what asks for it is answered by whoever
// holds it.
struct Sm2Delegate {
  // A signature (r || s) over each e = SM3(Z_A || M), in order.
  std::function<Result<std::vector<Sm2Signature>>(std::span<const Digest>)> sign;
  // GB/T 35276 7.2, DER. May be empty: then crypto.key_held.
  std::function<Result<Secret>(ByteView cipher)> decrypt;
};

// A key that signs and decrypts by asking. Each signature is checked before it is given out (crypto.sign).
// What needs the number itself (to_pem, KeyExchange, TLS identities) gives crypto.key_held.
Sm2PrivateKey delegated_key(const Sm2PublicKey& public_key, Sm2Delegate delegate);
bool is_delegated(const Sm2PrivateKey& key);

// The number of a key that is here, 32 bytes: to move it into a provider. crypto.key_held
Result<Secret> scalar_of(const Sm2PrivateKey& key);

}  // namespace chengxin::crypto
