#pragma once
#include <map>

#include "base/json.h"

// The part of JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it) that the table speaks. The same fragment
// stands in the OpenAPI document and checks what arrives, so the two cannot differ. Keywords: $ref, type,
// properties, required, additionalProperties, items, minItems, maxItems,
// minLength, maxLength (bytes), minimum, maximum, enum, format (sm3, hex, base64). Others only describe.
namespace chengxin::api {

using Schemas = std::map<std::string, Json>;

inline Json reference(std::string_view schema) {
  return {{"$ref", "#/components/schemas/" + std::string(schema)}};
}

// `where` is a JSON pointer or the name of a parameter; it begins the detail. Errors: api.wrong_type,
// api.unknown_field, api.missing_field, api.out_of_range, api.bad_format.
Status validate(const Json& value, const Json& schema, const Schemas& schemas, const std::string& where = "");

// A path or query parameter's text as the type its schema names, checked.
Result<Json> parse_parameter(const std::string& text, const Json& schema, const std::string& where);

}  // namespace chengxin::api
