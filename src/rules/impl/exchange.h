#pragma once
#include <chengxin_sandbox.h>

#include "base/json.h"

// What goes over the sandbox's C interface and comes back.
namespace chengxin::rules {

inline cx_bytes view(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The text of a value that may hold anything but UTF-8. Errors: `reason`.
Result<std::string> written(const Json& value, std::string_view reason);

// The JSON of a buffer, which is freed; null when it is empty.
Json taken(cx_buffer buffer);

// Succeeds with what the sandbox answered, or fails with its reason. `fault`: the reason of a panic.
Result<Json> answered(cx_verdict verdict, cx_buffer buffer, std::string_view fault);

}  // namespace chengxin::rules
