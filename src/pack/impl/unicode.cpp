#include "pack/impl/unicode.h"

#include <algorithm>

#include "pack/impl/unicode_table.h"

namespace chengxin::pack {
namespace {

// The character at `at`, which moves behind it; nullopt unless it is well-formed UTF-8 (RFC 3629).
std::optional<uint32_t> next_character(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const uint8_t lead = byte(at);
  if (lead < 0x80) return text[at++];
  const size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4) return std::nullopt;
  uint32_t value = lead & (0x3fu >> more);
  for (size_t i = 1; i <= more; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(at + i) & 0x3fu);
  }
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (value < kLeast[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return std::nullopt;
  at += more + 1;
  return value;
}

bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x61c || c == 0xfeff ||
         (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) || (c >= 0xe0000 && c <= 0xe007f);
}

template <typename Table>
auto found(const Table& table, uint32_t c) {
  auto at = std::upper_bound(table.begin(), table.end(), c,
                             [](uint32_t value, const auto& range) { return value < range.first; });
  return at != table.begin() && c <= (--at)->last ? &*at : nullptr;
}

}  // namespace

std::optional<BadText> bad_text(std::string_view text) {
  uint8_t before = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const auto c = next_character(text, at);
    if (!c) return BadText{"pack.not_utf8", start};
    const bool line_end = *c == '\n' || (*c == '\r' && at < text.size() && text[at] == '\n');
    if (!line_end && *c != '\t' && is_control(*c)) return BadText{"pack.control_character", start};
    if (*c < 0x300) {
      before = 0;
      continue;
    }
    const auto* combining = found(kCombining, *c);
    const uint8_t weight = combining ? combining->combining : 0;
    if (found(kNotSurelyNfc, *c) || (weight != 0 && weight < before)) return BadText{"pack.not_nfc", start};
    before = weight;
  }
  return std::nullopt;
}

}  // namespace chengxin::pack
