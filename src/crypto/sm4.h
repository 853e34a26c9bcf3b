#pragma once
#include "base/bytes.h"

// SM4 (GB/T 32907-2016) in the modes of GB/T 17964 and GB/T 36624, one message at a time. Keys are 16 bytes
// (XTS: 32, the halves different). Errors: crypto.key_length, crypto.nonce_length, crypto.cipher_length (not
// a length this mode makes), crypto.decrypt (padding or authentication failed; nothing of the plain text is
// given out). Thread-safe.
namespace chengxin::crypto {

// Counter block of 16 bytes, incremented as a big-endian number. The same call decrypts.
Result<Bytes> sm4_ctr(ByteView key, ByteView counter, ByteView bytes);

// IV of 16 bytes; PKCS #7 padding. Not authenticated: for what others prescribe, not for new formats.
Result<Bytes> sm4_cbc_encrypt(ByteView key, ByteView iv, ByteView plain);
Result<Bytes> sm4_cbc_decrypt(ByteView key, ByteView iv, ByteView cipher);

// Nonce of 12 bytes, never twice under a key; the result is the cipher text and a tag of 16 bytes.
Result<Bytes> sm4_gcm_encrypt(ByteView key, ByteView nonce, ByteView associated, ByteView plain);
Result<Bytes> sm4_gcm_decrypt(ByteView key, ByteView nonce, ByteView associated, ByteView cipher);

// For data at rest: a fresh nonce, then the result of GCM; at most 2^32 times under one key. What was sealed
// with another key or for another context is crypto.decrypt.
inline constexpr size_t kSm4SealBytes = 12 + 16;  // by which what is sealed is longer
Result<Bytes> sm4_gcm_seal(ByteView key, ByteView context, ByteView plain);
Result<Bytes> sm4_gcm_unseal(ByteView key, ByteView context, ByteView sealed);

// As GCM; nonce of 7 to 13 bytes, message below 2^(8*(15-nonce bytes)).
Result<Bytes> sm4_ccm_encrypt(ByteView key, ByteView nonce, ByteView associated, ByteView plain);
Result<Bytes> sm4_ccm_decrypt(ByteView key, ByteView nonce, ByteView associated, ByteView cipher);

// GB/T 17964-2021 10 (its own multiplication order, not IEEE 1619's), for sectors: tweak of 16 bytes, at
// least 16 bytes.
Result<Bytes> sm4_xts_encrypt(ByteView key, ByteView tweak, ByteView plain);
Result<Bytes> sm4_xts_decrypt(ByteView key, ByteView tweak, ByteView cipher);

}  // namespace chengxin::crypto
