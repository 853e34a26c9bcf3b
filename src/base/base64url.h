#pragma once
#include "base/bytes.h"

namespace chengxin {

// RFC 4648 section 5, without padding (RFC 7515 section 2).
std::string base64url(ByteView bytes);
inline std::string base64url(std::string_view text) { return base64url(view(text)); }
// base.base64; only the canonical form is taken: no padding, no stray bits, no other characters.
Result<Bytes> unbase64url(std::string_view text);

}  // namespace chengxin
