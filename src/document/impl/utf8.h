#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace chengxin::document {

// Its characters. Error: document.text for what is not UTF-8 (overlong forms and surrogates are not) and for
// control characters other than line feed and tabulator.
Result<std::u32string> characters_of(std::string_view text);

}  // namespace chengxin::document
