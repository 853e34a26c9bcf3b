#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace chengxin::credential {

// xsd:dateTimeStamp (RFC 3339) with whole or fractional seconds, Z or an offset: ms since 1970; nullopt when
// it is none.
std::optional<int64_t> parse_time(std::string_view text);
std::string whole_seconds(int64_t time_ms);  // 2026-11-22T04:00:00Z
// NumericDate (RFC 7519): seconds; nullopt when the member is there and no whole number from 0 to 2^40.
std::optional<int64_t> numeric_date(const Json& object, const char* member, int64_t fallback_ms);

}  // namespace chengxin::credential
