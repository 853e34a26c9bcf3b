#pragma once
#include "crypto/sm2.h"
#include "keys/provider.h"

// Numbers of 32 bytes in the fields of 64 that SDF and SKF have, and the parts of a ciphertext.
namespace chengxin::keys {

inline constexpr size_t kWideField = 64;

// keys.device when the left half is not zero.
Result<crypto::Sm2Point> point_of(const uint8_t* x, const uint8_t* y);
Result<crypto::Sm2Signature> signature_of(const uint8_t* r, const uint8_t* s);
void put_right(uint8_t* field, ByteView number);  // 32 bytes

struct CipherParts {
  std::array<uint8_t, 32> x{}, y{}, c3{};
  Bytes c2;
};
// GB/T 35276 7.2: SEQUENCE { x, y, hash, cipher }. crypto.decrypt
Result<CipherParts> cipher_parts(ByteView der);

}  // namespace chengxin::keys
