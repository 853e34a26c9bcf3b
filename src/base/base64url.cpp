#include "base/base64url.h"

#include <array>

namespace chengxin {
namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> values() {
  std::array<int8_t, 256> out{};
  for (int8_t& value : out) value = -1;
  for (int i = 0; i < 64; ++i) out[uint8_t(kDigits[i])] = int8_t(i);
  return out;
}
constexpr std::array<int8_t, 256> kValues = values();

}  // namespace

std::string base64url(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t group = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    group = group << 8 | byte;
    for (bits += 8; bits >= 6; bits -= 6) out.push_back(kDigits[group >> (bits - 6) & 63]);
  }
  if (bits > 0) out.push_back(kDigits[group << (6 - bits) & 63]);
  return out;
}

Result<Bytes> unbase64url(std::string_view text) {
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const int value = kValues[uint8_t(c)];
    if (value < 0) return fail(Code::invalid_argument, "base.base64", "not a character of base64url");
    group = group << 6 | uint32_t(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(uint8_t(group >> bits));
  }
  if (bits == 6 || (group & ((1u << bits) - 1)) != 0)
    return fail(Code::invalid_argument, "base.base64", "not canonical base64url");
  return out;
}

}  // namespace chengxin
