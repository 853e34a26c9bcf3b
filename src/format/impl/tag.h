#pragma once
#include "base/bytes.h"
#include "base/check.h"

namespace chengxin::format {

// A domain tag: the literal with its terminating zero byte.
template <size_t N>
ByteView tag(const char (&literal)[N]) {
  return {reinterpret_cast<const uint8_t*>(literal), N};
}

}  // namespace chengxin::format
