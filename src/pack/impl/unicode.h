#pragma once
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace chengxin::pack {

// The first thing in a text that a pack may not hold.
struct BadText {
  std::string_view reason;  // pack.not_utf8, pack.control_character, pack.not_nfc
  size_t at = 0;            // byte
};

// Controls are all but line feed, a carriage return before one, and tab; also marks that turn the writing
// direction, which hide what a text says, byte order marks and noncharacters. NFC is judged by the properties
// NFC_Quick_Check and Canonical_Combining_Class (UAX #15): a text that these do not clear is refused, among
// them the few that are in NFC all the same, such as a lone combining accent.
std::optional<BadText> bad_text(std::string_view text);

}  // namespace chengxin::pack
