#include "api/schema.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "base/check.h"

namespace chengxin::api {
namespace {

tl::unexpected<Error> wrong(std::string_view reason, const std::string& where, std::string_view what) {
  return fail(Code::invalid_argument, reason, "{}: {}", where.empty() ? "/" : where, what);
}

bool has_type(const Json& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

std::string pointer(const std::string& where, std::string_view name) {
  std::string out = where + "/";
  for (char c : name) c == '~' ? out += "~0" : c == '/' ? out += "~1" : out += c;
  return out;
}

Status check_object(const Json& value, const Json& schema, const Schemas& schemas, const std::string& where) {
  static const Json none = Json::object();
  const Json& properties = schema.contains("properties") ? schema["properties"] : none;
  for (auto& name : schema.value("required", Json::array()))
    if (!value.contains(name))
      return wrong("api.missing_field", pointer(where, name.get<std::string>()), "is required");
  if (value.size() > schema.value("maxProperties", SIZE_MAX))
    return wrong("api.out_of_range", where,
                 fmt::format("at most {} members", schema["maxProperties"].get<size_t>()));
  for (auto member = value.begin(); member != value.end(); ++member) {
    std::string at = pointer(where, member.key());
    if (auto known = properties.find(member.key()); known != properties.end()) {
      TRY(validate(*member, *known, schemas, at));
    } else {
      auto further = schema.find("additionalProperties");
      if (further == schema.end()) continue;
      if (*further == false) return wrong("api.unknown_field", at, "is not known here");
      if (further->is_object()) TRY(validate(*member, *further, schemas, at));
    }
  }
  return {};
}

Status check_size(size_t size, const Json& schema, const char* minimum, const char* maximum,
                  const std::string& where) {
  size_t low = schema.value(minimum, size_t(0)), high = schema.value(maximum, SIZE_MAX);
  if (size < low) return wrong("api.out_of_range", where, fmt::format("at least {}, not {}", low, size));
  if (size > high) return wrong("api.out_of_range", where, fmt::format("at most {}, not {}", high, size));
  return {};
}

Status check_string(const std::string& text, const Json& schema, const std::string& where) {
  TRY(check_size(text.size(), schema, "minLength", "maxLength", where));
  auto format = schema.find("format");
  if (format == schema.end()) return {};
  // One spelling, so that what is stored and what was sent can be compared as text.
  bool capitals = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  if ((*format == "sm3" || *format == "hex") && capitals)
    return wrong("api.bad_format", where, "must be hexadecimal in lower case");
  if (*format == "sm3" && (text.size() != 64 || !unhex(text)))
    return wrong("api.bad_format", where, "must be 64 hexadecimal digits");
  if (*format == "hex" && !unhex(text)) return wrong("api.bad_format", where, "must be hexadecimal");
  if (*format == "base64" && !unbase64(text))
    return wrong("api.bad_format", where, "must be base64 (RFC 4648, padded)");
  return {};
}

Status check_number(const Json& value, const Json& schema, const std::string& where) {
  if (auto low = schema.find("minimum"); low != schema.end() && value < *low)
    return wrong("api.out_of_range", where, "at least " + low->dump());
  if (auto high = schema.find("maximum"); high != schema.end() && value > *high)
    return wrong("api.out_of_range", where, "at most " + high->dump());
  return {};
}

}  // namespace

Status validate(const Json& value, const Json& schema, const Schemas& schemas, const std::string& where) {
  if (auto reference = schema.find("$ref"); reference != schema.end()) {
    auto name = reference->get_ref<const std::string&>();
    auto found = schemas.find(name.substr(name.rfind('/') + 1));
    CHECK(found != schemas.end());
    return validate(value, found->second, schemas, where);
  }
  if (auto type = schema.find("type");
      type != schema.end() && !has_type(value, type->get_ref<const std::string&>()))
    return wrong("api.wrong_type", where, "must be of type " + type->get<std::string>());
  if (auto values = schema.find("enum");
      values != schema.end() && std::find(values->begin(), values->end(), value) == values->end())
    return wrong("api.out_of_range", where, "must be one of " + values->dump());
  if (value.is_object()) return check_object(value, schema, schemas, where);
  if (value.is_string()) return check_string(value.get_ref<const std::string&>(), schema, where);
  if (value.is_number()) return check_number(value, schema, where);
  if (value.is_array()) {
    TRY(check_size(value.size(), schema, "minItems", "maxItems", where));
    if (auto items = schema.find("items"); items != schema.end())
      for (size_t i = 0; i < value.size(); ++i)
        TRY(validate(value[i], *items, schemas, where + "/" + std::to_string(i)));
  }
  return {};
}

Result<Json> parse_parameter(const std::string& text, const Json& schema, const std::string& where) {
  const auto& type = schema.at("type").get_ref<const std::string&>();
  Json value;
  if (type == "integer") {
    int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
      return wrong("api.wrong_type", where, "must be a decimal integer");
    value = number;
  } else if (type == "boolean") {
    if (text != "true" && text != "false") return wrong("api.wrong_type", where, "must be true or false");
    value = text == "true";
  } else if (type == "array") {
    value = Json::array();
    for (size_t at = 0; at <= text.size();) {
      size_t comma = std::min(text.find(',', at), text.size());
      value.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  } else {
    value = text;
  }
  TRY(validate(value, schema, {}, where));
  return value;
}

}  // namespace chengxin::api
