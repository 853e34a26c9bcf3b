#pragma once
#include "base/bytes.h"

namespace chengxin::credential {

// Base58btc (draft-msporny-base58-03) of short strings: its cost grows with the square of the length.
std::string base58(ByteView bytes);
// Exactly `size` bytes; base.base58.
Result<Bytes> unbase58(std::string_view text, size_t size);

}  // namespace chengxin::credential
