#pragma once
#include "base/bytes.h"
#include "crypto/secret.h"

// Random bytes from Tongsuo's DRBG, seeded by the kernel. A generator that cannot deliver is fatal: nothing
// safe can be done without it. Thread-safe.
namespace chengxin::crypto {

void random_fill(std::span<uint8_t> out);
Bytes random_bytes(size_t count);
Secret random_secret(size_t count);  // from the generator kept for private values

}  // namespace chengxin::crypto
