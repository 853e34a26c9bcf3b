#pragma once
#include "crypto/secret.h"

namespace chengxin::crypto {

// A key for one use from a key for many: the first `bytes` (at most 32) of HMAC-SM3(key, use). Labels are
// never changed: what was sealed under them would not open.
Secret derived_key(ByteView key, std::string_view use, size_t bytes);

}  // namespace chengxin::crypto
