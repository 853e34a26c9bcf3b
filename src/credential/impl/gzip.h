#pragma once
#include <optional>

#include "base/bytes.h"

namespace chengxin::credential {

// RFC 1952. nullopt: not one whole GZIP member, or above `most` bytes once unpacked.
Bytes gzip(ByteView bytes);
std::optional<Bytes> gunzip(ByteView bytes, size_t most);

}  // namespace chengxin::credential
