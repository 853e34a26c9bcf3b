#pragma once
#include <functional>
#include <string>

#include "base/result.h"

namespace chengxin::document {

// Puts what `fill` gives into the {places} of a text; doubled braces stand for one. Error: `reason` for
// braces that have no partner or hold nothing, and those of `fill`.
Result<std::string> expand(std::string_view text, std::string_view reason,
                           const std::function<Result<std::string>(std::string_view)>& fill);

// As it comes out of `expand` again.
std::string doubled_braces(std::string_view text);

}  // namespace chengxin::document
