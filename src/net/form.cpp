#include "net/form.h"

#include <fmt/format.h>

namespace chengxin::net {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

tl::unexpected<Error> wrong(std::string_view why) {
  return fail(Code::invalid_argument, "openid.invalid_request", "{}", why);
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1,
              low = high < 0 ? -1 : hex_value(text[i + 2]);
    if (low < 0) return wrong("a broken percent escape");
    out.push_back(char(high << 4 | low));
    i += 2;
  }
  return out;
}

}  // namespace

Result<std::map<std::string, std::string>> parse_form(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const auto part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const size_t equals = std::min(part.find('='), part.size());
    ASSIGN(std::string name, decoded(part.substr(0, equals)));
    ASSIGN(std::string value, decoded(part.substr(std::min(equals + 1, part.size()))));
    if (out.size() == 64 || !out.emplace(std::move(name), std::move(value)).second)
      return wrong("a name stands twice, or there are above 64");
  }
  return out;
}

std::string percent(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", uint8_t(c));
  }
  return out;
}

}  // namespace chengxin::net
