#include "net/form.h"

#include "base/percent.h"

namespace chengxin::net {
namespace {

tl::unexpected<Error> wrong(std::string_view why) {
  return fail(Code::invalid_argument, "openid.invalid_request", "{}", why);
}

Result<std::string> decoded(std::string_view text) {
  auto out = percent_decode(text, true);
  if (!out) return wrong("a broken percent escape");
  return *std::move(out);
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

std::string with_query(std::string_view url, std::string_view query) {
  return fmt::format("{}{}{}", url, url.find('?') == url.npos ? '?' : '&', query);
}

}  // namespace chengxin::net
