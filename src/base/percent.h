#pragma once
// Percent-encoding (RFC 3986 2.1; in forms: WHATWG URL 5.1).
#include <optional>
#include <string>
#include <string_view>

namespace chengxin {

// Unreserved characters stay.
std::string percent_encode(std::string_view text);

// None: a broken escape. What comes out need not be UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace chengxin
