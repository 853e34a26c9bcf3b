#include <algorithm>

#include "crypto/impl/der.h"
#include "crypto/impl/der_time.h"

namespace chengxin::crypto::der {

Bytes element(uint8_t tag, std::initializer_list<ByteView> contents) {
  size_t size = 0;
  for (ByteView part : contents) size += part.size();
  Bytes out;
  out.reserve(size + 6);
  out.push_back(tag);
  if (size < 0x80) {
    out.push_back(uint8_t(size));
  } else {
    int bytes = 1;
    while (bytes < 8 && size >> 8 * bytes != 0) ++bytes;
    out.push_back(uint8_t(0x80 | bytes));
    while (bytes-- > 0) out.push_back(uint8_t(size >> 8 * bytes));
  }
  for (ByteView part : contents) append(out, part);
  return out;
}

Bytes set_content(std::vector<Bytes> elements) {
  std::sort(elements.begin(), elements.end());
  Bytes out;
  for (const Bytes& one : elements) append(out, one);
  return out;
}

Bytes set_of(std::vector<Bytes> elements) { return element(kSet, {set_content(std::move(elements))}); }

Bytes integer(ByteView magnitude) {
  while (!magnitude.empty() && magnitude[0] == 0) magnitude = magnitude.subspan(1);
  static constexpr uint8_t zero = 0;
  bool sign_byte = magnitude.empty() || magnitude[0] >= 0x80;
  return element(kInteger, {ByteView(&zero, sign_byte ? 1 : 0), magnitude});
}

Bytes integer(uint64_t value) {
  Bytes magnitude;
  put_be(magnitude, value);
  return integer(ByteView(magnitude));
}

Bytes oid(const Oid& id) { return element(kOid, {id}); }
Bytes boolean(bool value) { return {kBoolean, 1, uint8_t(value ? 0xff : 0)}; }
Bytes null() { return {kNull, 0}; }
Bytes octets(ByteView bytes) { return element(kOctetString, {bytes}); }
Bytes utf8(std::string_view text) { return element(kUtf8String, {view(text)}); }
Bytes algorithm(const Oid& id) { return sequence({oid(id)}); }

Bytes bits(ByteView bytes, int unused) {
  const uint8_t count = uint8_t(unused);
  return element(kBitString, {ByteView(&count, 1), bytes});
}

Bytes named_bits(uint16_t first_bit_highest) {
  if (first_bit_highest == 0) return bits({});
  const uint8_t bytes[2] = {uint8_t(first_bit_highest >> 8), uint8_t(first_bit_highest)};
  size_t size = bytes[1] != 0 ? 2 : 1;
  return bits(ByteView(bytes, size), __builtin_ctz(bytes[size - 1]));
}

Bytes generalized_time(int64_t time_ms) {
  std::string text = time_digits(time_ms);
  if (int ms = int(time_ms % 1000); ms != 0) {
    text += fmt::format(".{:03}", ms);
    while (text.back() == '0') text.pop_back();
  }
  return element(kGeneralizedTime, {view(text + "Z")});
}

Bytes certificate_time(int64_t time_ms) {
  std::string text = time_digits(time_ms) + "Z";
  if (text < "2050") return element(kUtcTime, {view(text).subspan(2)});
  return element(kGeneralizedTime, {view(text)});
}

Bytes signature(ByteView fixed) { return sequence({integer(fixed.first(32)), integer(fixed.subspan(32))}); }

std::string to_pem(std::string_view label, ByteView der) {
  std::string body = base64(der), out = fmt::format("-----BEGIN {}-----\n", label);
  for (size_t at = 0; at < body.size(); at += 64) out += body.substr(at, 64) + "\n";
  return out + fmt::format("-----END {}-----\n", label);
}

}  // namespace chengxin::crypto::der
