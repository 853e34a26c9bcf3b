#include "document/impl/places.h"

namespace chengxin::document {

Result<std::string> expand(std::string_view text, std::string_view reason,
                           const std::function<Result<std::string>(std::string_view)>& fill) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char each = text[at];
    const bool brace = each == '{' || each == '}';
    if (!brace || (at + 1 < text.size() && text[at + 1] == each)) {
      out += each;
      at += brace ? 2 : 1;
      continue;
    }
    const size_t end = text.find_first_of("{}", at + 1);
    if (each == '}' || end == text.npos || text[end] == '{' || end == at + 1)
      return fail(Code::invalid_argument, reason, "byte {} of \"{}\": a brace that is meant is doubled", at,
                  text);
    ASSIGN(const std::string value, fill(text.substr(at + 1, end - at - 1)));
    out += value;
    at = end + 1;
  }
  return out;
}

std::string doubled_braces(std::string_view text) {
  std::string out;
  for (char each : text) out.append(each == '{' || each == '}' ? 2 : 1, each);
  return out;
}

}  // namespace chengxin::document
