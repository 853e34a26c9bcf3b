#pragma once
#include "base/bytes.h"
#include "base/check.h"
#include "base/result.h"

// What encoders and decoders of protobuf messages share.
namespace chengxin::format {

template <typename Message>
Bytes serialise(const Message& message) {
  Bytes out(message.ByteSizeLong());
  CHECK(message.SerializeToArray(out.data(), int(out.size())));
  return out;
}

template <size_t N>
bool take(ByteView from, std::array<uint8_t, N>& into) {
  if (from.size() != N) return false;
  std::memcpy(into.data(), from.data(), N);
  return true;
}

inline tl::unexpected<Error> arguments_malformed(std::string_view method) {
  return fail(Code::invalid_argument, "transaction.arguments_malformed", "not canonical arguments of {}",
              method);
}

}  // namespace chengxin::format
