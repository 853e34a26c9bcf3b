#include "contract/impl/word.h"

#include <algorithm>

#include "base/json.h"

namespace chengxin::contract {
namespace {

void negate(Word& word) {
  unsigned carry = 1;
  for (size_t i = 32; i-- > 0; carry >>= 8) word[i] = uint8_t(carry += uint8_t(~word[i]));
}

}  // namespace

Word word_of(size_t value) {
  Word word{};
  for (size_t i = 32; i-- > 24; value >>= 8) word[i] = uint8_t(value);
  return word;
}

std::optional<size_t> size_of(const Word& word) {
  if (std::any_of(word.begin(), word.begin() + 24, [](uint8_t byte) { return byte != 0; })) return {};
  return get_be<uint64_t>(word.data() + 24);
}

bool fits(const Word& word, uint32_t bits, bool is_signed) {
  const size_t first = 32 - bits / 8;
  const uint8_t extension = is_signed && word[first] & 0x80 ? 0xff : 0;
  return std::all_of(word.begin(), word.begin() + first, [&](uint8_t byte) { return byte == extension; });
}

std::optional<Word> from_decimal(std::string_view digits, uint32_t bits, bool is_signed) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > 78 || (digits[0] == '0' && (digits.size() > 1 || negative)))
    return {};
  Word word{};
  for (char digit : digits) {
    if (digit < '0' || digit > '9') return {};
    unsigned carry = unsigned(digit - '0');
    for (size_t i = 32; i-- > 0; carry >>= 8) word[i] = uint8_t(carry += word[i] * 10u);
    if (carry) return {};
  }
  if (!negative)
    return !(is_signed && word[0] & 0x80) && fits(word, bits, is_signed) ? std::optional(word) : std::nullopt;
  negate(word);
  if (!is_signed || !(word[0] & 0x80) || !fits(word, bits, true)) return {};
  return word;
}

std::string to_decimal(Word word, bool is_signed) {
  const bool negative = is_signed && word[0] & 0x80;
  if (negative) negate(word);
  std::string digits;
  do {
    unsigned rest = 0;
    for (uint8_t& byte : word) {
      unsigned value = rest << 8 | byte;
      byte = uint8_t(value / 10);
      rest = value % 10;
    }
    digits.push_back(char('0' + rest));
  } while (std::any_of(word.begin(), word.end(), [](uint8_t byte) { return byte != 0; }));
  if (negative) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

bool is_utf8(std::string_view text) {
  try {
    Json(text).dump();  // throws on what is no UTF-8
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

}  // namespace chengxin::contract
