#include "flow/calendar.h"

#include <charconv>
#include <chrono>

namespace chengxin::flow {
namespace {

constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour, kOffset = 8 * kHour;
constexpr int64_t kMostDaysOff = 50 * 366;

int64_t number(std::string_view digits) {
  int64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

std::string text_of(const pack::Node& node, std::string_view member) {
  const pack::Node* found = node.find(member);
  return found ? found->text : std::string();
}

int64_t floor_day(int64_t local_ms) { return local_ms / kDay - (local_ms % kDay < 0); }

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (!pack::is_duration(text)) return std::nullopt;
  const size_t blank = text.find(' ');
  std::string_view unit = text.substr(blank + 1);
  if (unit.ends_with('s')) unit.remove_suffix(1);
  return Duration{number(text.substr(0, blank)), unit == "minute" ? Duration::Unit::minute
                                                 : unit == "hour" ? Duration::Unit::hour
                                                 : unit == "day"  ? Duration::Unit::day
                                                                  : Duration::Unit::workday};
}

int64_t day_of(std::string_view date) {
  const std::chrono::year_month_day day{std::chrono::year(int(number(date.substr(0, 4)))),
                                        std::chrono::month(unsigned(number(date.substr(5, 2)))),
                                        std::chrono::day(unsigned(number(date.substr(8, 2))))};
  return std::chrono::sys_days(day).time_since_epoch().count();
}

Calendar Calendar::of(const pack::Part& part) {
  Calendar out;
  for (const pack::Node& day : part.source->root.find("days")->items) {
    const pack::Node *off = day.find("off"), *until = day.find("until");
    const int64_t first = day_of(off ? off->text : text_of(day, "work"));
    out.spans_[first] = {
        until ? day_of(until->text) : first, off != nullptr, {text_of(day, "zh"), text_of(day, "en")}};
  }
  return out;
}

const Calendar::Span* Calendar::span_at(int64_t day) const {
  auto after = spans_.upper_bound(day);
  if (after == spans_.begin()) return nullptr;
  const Span& span = std::prev(after)->second;
  return day <= span.last ? &span : nullptr;
}

bool Calendar::works(int64_t day) const {
  if (const Span* span = span_at(day)) return !span->off;
  const int64_t weekday = ((day + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday; 0: Sunday
  return weekday != 0 && weekday != 6;
}

const pack::Titles* Calendar::name_of(int64_t day) const {
  const Span* span = span_at(day);
  return span ? &span->title : nullptr;
}

int64_t Calendar::due_after(int64_t at_ms, Duration duration) const {
  if (duration.unit == Duration::Unit::minute) return at_ms + duration.count * kMinute;
  if (duration.unit == Duration::Unit::hour) return at_ms + duration.count * kHour;
  int64_t day = floor_day(at_ms + kOffset), left = duration.count;
  if (duration.unit == Duration::Unit::day) {
    day += duration.count - 1;
    left = 1;
  }
  // The last of `left` days that are worked.
  for (int64_t off = 0; left > 0;) {
    const bool counts = works(++day) || off >= kMostDaysOff;
    left -= counts;
    off = works(day) ? 0 : off + 1;
  }
  return (day + 1) * kDay - kOffset;
}

}  // namespace chengxin::flow
