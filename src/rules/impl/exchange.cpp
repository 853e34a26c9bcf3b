#include "rules/impl/exchange.h"

namespace chengxin::rules {

Result<std::string> written(const Json& value, std::string_view reason) {
  try {
    return value.dump();
  } catch (const Json::exception& error) {
    return fail(Code::invalid_argument, reason, "{}", error.what());
  }
}

Json taken(cx_buffer buffer) {
  std::string text(reinterpret_cast<const char*>(buffer.data), buffer.size);
  cx_free(buffer);
  return text.empty() ? Json() : Json::parse(text, nullptr, false);
}

Result<Json> answered(cx_verdict verdict, cx_buffer buffer, std::string_view fault) {
  Json answer = taken(buffer);
  if (verdict == CX_OK) return answer;
  if (verdict != CX_REFUSED || !answer.is_object()) return fail(Code::internal, fault);
  const std::string reason = answer.value("reason", std::string(fault));
  const bool large = reason.ends_with("too_large") || reason.ends_with(".cost") || reason.ends_with(".depth");
  std::string where;
  if (answer.contains("line"))
    where = fmt::format("line {}, column {}: ", answer.value("line", 0), answer.value("column", 0));
  return fail(large ? Code::too_large : Code::invalid_argument, reason, "{}{}", where,
              answer.value("detail", std::string()));
}

}  // namespace chengxin::rules
