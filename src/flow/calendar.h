#pragma once
#include "pack/model.h"

// Lengths of time, and the days on which a city works.
namespace chengxin::flow {

struct Duration {
  enum class Unit { minute, hour, day, workday };
  int64_t count = 0;
  Unit unit = Unit::minute;
};
// nullopt: not one by pack::is_duration.
std::optional<Duration> parse_duration(std::string_view text);

// All days are those of +08:00. Immutable.
class Calendar {
 public:
  // Saturdays and Sundays are off.
  Calendar() = default;
  // Of a checked pack: beside them, what its `days` say.
  static Calendar of(const pack::Part& part);

  // `day`: since 1970-01-01.
  bool works(int64_t day) const;
  // What the calendar calls the day; nullptr: nothing.
  const pack::Titles* name_of(int64_t day) const;

  // When a length of time that begins at `at_ms` ends. Minutes and hours pass by the clock. Days and workdays
  // begin with the day after and end at 24:00 of the last one; days whose last one is off end with the next
  // that is worked (Civil Code of China, articles 201 and 203). Cost: with the days in between. A calendar on
  // which nobody works for fifty years counts every day after that.
  int64_t due_after(int64_t at_ms, Duration duration) const;

 private:
  struct Span {
    int64_t last = 0;
    bool off = false;
    pack::Titles title;
  };
  const Span* span_at(int64_t day) const;

  std::map<int64_t, Span> spans_;  // by first day; they do not overlap
};

// 2025-01-31, as days since 1970-01-01. The text is_date.
int64_t day_of(std::string_view date);

}  // namespace chengxin::flow
