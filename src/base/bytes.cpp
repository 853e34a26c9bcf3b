#include "base/bytes.h"

#include "base/impl/hex_digit.h"

namespace chengxin {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

}  // namespace

std::string hex(ByteView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

Result<Bytes> unhex(std::string_view text) {
  if (text.size() % 2 != 0)
    return fail(Code::invalid_argument, "base.hex", "odd number of hexadecimal digits");
  Bytes out(text.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return fail(Code::invalid_argument, "base.hex", "not a hexadecimal digit at {}", 2 * i);
    out[i] = uint8_t(high << 4 | low);
  }
  return out;
}

Result<Digest> unhex_digest(std::string_view text) {
  ASSIGN(Bytes bytes, unhex(text));
  return to_digest(bytes);
}

Result<Digest> to_digest(ByteView bytes) {
  if (bytes.size() != 32)
    return fail(Code::invalid_argument, "base.digest_length", "a digest has 32 bytes, this has {}",
                bytes.size());
  Digest out;
  std::memcpy(out.data(), bytes.data(), 32);
  return out;
}

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = uint32_t(bytes[i]) << 16;
    if (count > 1) group |= uint32_t(bytes[i + 1]) << 8;
    if (count > 2) group |= bytes[i + 2];
    out.push_back(kBase64[group >> 18]);
    out.push_back(kBase64[group >> 12 & 63]);
    out.push_back(count > 1 ? kBase64[group >> 6 & 63] : '=');
    out.push_back(count > 2 ? kBase64[group & 63] : '=');
  }
  return out;
}

Result<Bytes> unbase64(std::string_view text) {
  auto bad = [] { return fail(Code::invalid_argument, "base.base64", "not canonical base64"); };
  if (text.size() % 4 != 0) return bad();
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    bool last = i + 4 == text.size();
    size_t padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      int value = k >= 4 - padding ? 0 : base64_value(text[i + k]);
      if (value < 0) return bad();
      group = group << 6 | uint32_t(value);
    }
    if ((padding == 1 && group & 0xff) || (padding == 2 && group & 0xffff)) return bad();
    out.push_back(uint8_t(group >> 16));
    if (padding < 2) out.push_back(uint8_t(group >> 8));
    if (padding < 1) out.push_back(uint8_t(group));
  }
  return out;
}

}  // namespace chengxin
