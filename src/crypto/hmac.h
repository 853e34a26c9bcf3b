#pragma once
#include "base/bytes.h"
#include "crypto/secret.h"

// Keyed hashes and key derivation over SM3.
namespace chengxin::crypto {

// HMAC (RFC 2104, GB/T 15852.2) of the concatenation of the parts.
Digest hmac_sm3(ByteView key, std::initializer_list<ByteView> parts);
inline Digest hmac_sm3(ByteView key, ByteView message) { return hmac_sm3(key, {message}); }

// HMAC with the hashes of others, for what others prescribe (one-time codes of RFC 6238).
enum class ForeignHash { sha1, sha256 };
Bytes hmac_foreign(ForeignHash hash, ByteView key, ByteView message);

// KDF of GB/T 32918.4 5.4.3: SM3(input || 1) || SM3(input || 2) …, cut to `size` bytes (below 2^37).
Secret kdf(ByteView input, size_t size);

// PBKDF2 (RFC 8018 5.2) with HMAC-SM3. At least one iteration.
Secret pbkdf2(ByteView passphrase, ByteView salt, uint32_t iterations, size_t size);

}  // namespace chengxin::crypto
