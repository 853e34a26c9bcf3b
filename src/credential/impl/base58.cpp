#include "credential/impl/base58.h"

namespace chengxin::credential {
namespace {
constexpr std::string_view kDigits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
}

std::string base58(ByteView bytes) {
  std::string digits;  // least first
  for (uint8_t byte : bytes) {
    uint32_t carry = byte;
    for (char& digit : digits) {
      carry += uint32_t(uint8_t(digit)) << 8;
      digit = char(carry % 58);
      carry /= 58;
    }
    for (; carry > 0; carry /= 58) digits.push_back(char(carry % 58));
  }
  for (uint8_t byte : bytes) {
    if (byte != 0) break;
    digits.push_back(0);
  }
  std::string out(digits.rbegin(), digits.rend());
  for (char& digit : out) digit = kDigits[size_t(uint8_t(digit))];
  return out;
}

Result<Bytes> unbase58(std::string_view text, size_t size) {
  auto wrong = [] { return fail(Code::invalid_argument, "base.base58"); };
  if (text.size() > size * 2) return wrong();
  Bytes bytes;  // least first
  for (char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return wrong();
    uint32_t carry = uint32_t(digit);
    for (uint8_t& byte : bytes) {
      carry += uint32_t(byte) * 58;
      byte = uint8_t(carry);
      carry >>= 8;
    }
    for (; carry > 0; carry >>= 8) bytes.push_back(uint8_t(carry));
  }
  for (char c : text) {
    if (c != '1') break;
    bytes.push_back(0);
  }
  if (bytes.size() != size) return wrong();
  return Bytes(bytes.rbegin(), bytes.rend());
}

}  // namespace chengxin::credential
