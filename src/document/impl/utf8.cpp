#include "document/impl/utf8.h"

namespace chengxin::document {
namespace {

constexpr char32_t kNone = 0xffffffff;
constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};  // by the bytes a character takes

int length_of(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

char32_t decode(std::string_view bytes, int length) {
  if (length == 0 || size_t(length) > bytes.size()) return kNone;
  if (length == 1) return char32_t(bytes[0]);
  char32_t value = uint8_t(bytes[0]) & (0xff >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if ((uint8_t(bytes[size_t(i)]) & 0xc0) != 0x80) return kNone;
    value = value << 6 | (uint8_t(bytes[size_t(i)]) & 0x3f);
  }
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  return value < kLowest[length] || value > 0x10ffff || surrogate ? kNone : value;
}

// Or no character at all (U+FFFE, U+FFFF of any plane), which XML refuses.
bool is_control(char32_t each) {
  return (each < 0x20 && each != '\n' && each != '\t') || (each >= 0x7f && each < 0xa0) ||
         (each & 0xfffe) == 0xfffe;
}

}  // namespace

Result<std::u32string> characters_of(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    const int length = length_of(uint8_t(text[at]));
    const char32_t each = decode(text.substr(at), length);
    if (each == kNone) return fail(Code::invalid_argument, "document.text", "not UTF-8 at byte {}", at);
    if (is_control(each))
      return fail(Code::invalid_argument, "document.text", "control character U+{:04X} at byte {}",
                  uint32_t(each), at);
    out.push_back(each);
    at += size_t(length);
  }
  return out;
}

}  // namespace chengxin::document
