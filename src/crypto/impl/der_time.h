#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Calendar times of ASN.1, always UTC (Z).
namespace chengxin::crypto::der {

std::string time_digits(int64_t time_ms);  // YYYYMMDDHHMMSS, of a time from 1970 to 9999
std::optional<int64_t> parse_time_digits(std::string_view text);  // 14 digits of a moment that exists; ms

}  // namespace chengxin::crypto::der
