#pragma once
#include <nlohmann/json.hpp>

#include "base/result.h"

namespace chengxin {

using Json = nlohmann::json;  // object members are kept sorted by name, which RFC 8785 needs

struct JsonLimits {
  size_t max_bytes = 1 << 20;
  int max_depth = 32;
};

// Strict parsing of what comes from outside. Errors: json.too_large, json.too_deep, json.duplicate_key,
// json.not_utf8, json.syntax (detail says where).
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

// RFC 8785 (JSON Canonicalization Scheme). Numbers must be integers within ±(2^53-1): the records of ours
// that are hashed hold no fractions. Errors: json.not_canonical.
Result<std::string> canonical_json(const Json& value);

}  // namespace chengxin
