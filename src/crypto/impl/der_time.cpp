#include "crypto/impl/der_time.h"

#include <fmt/format.h>

#include <chrono>

namespace chengxin::crypto::der {
using namespace std::chrono;

std::string time_digits(int64_t time_ms) {
  sys_seconds moment{seconds(time_ms / 1000)};
  sys_days day = floor<days>(moment);
  year_month_day date(day);
  hh_mm_ss time(moment - day);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

std::optional<int64_t> parse_time_digits(std::string_view text) {
  if (text.size() != 14 || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  auto number = [&](size_t at, size_t count) {
    int value = 0;
    for (char digit : text.substr(at, count)) value = value * 10 + (digit - '0');
    return value;
  };
  year_month_day date(year(number(0, 4)), month(unsigned(number(4, 2))), day(unsigned(number(6, 2))));
  int hour = number(8, 2), minute = number(10, 2), second = number(12, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  auto moment = sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  return duration_cast<milliseconds>(moment.time_since_epoch()).count();
}

}  // namespace chengxin::crypto::der
