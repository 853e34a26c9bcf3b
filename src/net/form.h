#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chengxin::net {

// application/x-www-form-urlencoded. openid.invalid_request: a name twice, a broken escape, above 64 names.
Result<std::map<std::string, std::string>> parse_form(std::string_view text);

// The address with `query`, which is encoded, after what it asks already.
std::string with_query(std::string_view url, std::string_view query);

}  // namespace chengxin::net
