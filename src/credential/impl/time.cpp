#include "credential/impl/time.h"

#include "base/clock.h"

namespace chengxin::credential {
namespace {

std::optional<int> digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<int64_t> parse_time(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
             hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || text.size() < 20) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(unsigned(*month)),
                                         std::chrono::day(unsigned(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  int64_t out = (std::chrono::sys_days(date).time_since_epoch().count() * 86'400LL + *hour * 3'600 +
                 *minute * 60 + *second) *
                1'000;
  size_t at = 19;
  if (text[at] == '.') {
    int64_t unit = 100;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
      out += (text[at] - '0') * unit;
    if (text[at - 1] == '.') return std::nullopt;
  }
  const auto zone = text.substr(std::min(at, text.size()));
  if (zone == "Z" || zone == "z") return out;
  const auto off_hour = digits(zone, 1, 2), off_minute = digits(zone, 4, 2);
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !off_hour || !off_minute ||
      *off_hour > 23 || *off_minute > 59)
    return std::nullopt;
  const int64_t offset = (*off_hour * 60 + *off_minute) * 60'000;
  return zone[0] == '+' ? out - offset : out + offset;
}

std::string whole_seconds(int64_t time_ms) {
  std::string out = format_time(time_ms);
  out.replace(19, 4, "");
  return out;
}

std::optional<int64_t> numeric_date(const Json& object, const char* member, int64_t fallback_ms) {
  auto at = object.find(member);
  if (at == object.end()) return fallback_ms;
  if (!at->is_number_integer() || at->get<double>() < 0 || at->get<double>() > double(1ull << 40))
    return std::nullopt;
  return at->get<int64_t>() * 1'000;
}

}  // namespace chengxin::credential
