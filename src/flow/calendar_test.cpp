#include "flow/calendar.h"

#include <gtest/gtest.h>

namespace chengxin::flow {
namespace {

const pack::Packs& sampler() {
  static const pack::Packs packs = [] {
    const fs::path folder = fs::path(CHENGXIN_SOURCE_DIR) / "packs/sampler";
    return pack::check_folders(std::span(&folder, 1));
  }();
  EXPECT_TRUE(packs.good());
  return packs;
}

Calendar national() { return Calendar::of(sampler().packs.at(0).calendars.at(0)); }

// "2025-10-01 09:30" at +08:00.
int64_t at(const std::string& text) {
  const int64_t minutes = std::stoi(text.substr(11, 2)) * 60 + std::stoi(text.substr(14, 2));
  return day_of(text.substr(0, 10)) * 86'400'000 + (minutes - 8 * 60) * 60'000;
}

int64_t due(const Calendar& calendar, const std::string& from, const std::string& length) {
  return calendar.due_after(at(from), *parse_duration(length));
}

TEST(Calendar, LengthsOfTime) {
  for (const char* bad : {"", "1", "0 days", "01 day", "1  day", "1 week", "10000 days", "-1 day", "1 dayss"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
  EXPECT_EQ(parse_duration("30 minutes")->count, 30);
  EXPECT_EQ(parse_duration("1 workday")->unit, Duration::Unit::workday);
  EXPECT_EQ(parse_duration("9999 days")->unit, Duration::Unit::day);
}

TEST(Calendar, WeeksWithoutHolidays) {
  const Calendar plain;
  EXPECT_EQ(due(plain, "2025-03-05 09:30", "90 minutes"), at("2025-03-05 11:00"));
  EXPECT_EQ(due(plain, "2025-03-07 23:30", "2 hours"), at("2025-03-08 01:30"))
      << "by the clock, weekend or not";
  EXPECT_EQ(due(plain, "2025-03-05 09:30", "1 workday"), at("2025-03-07 00:00")) << "Thursday, 24:00";
  EXPECT_EQ(due(plain, "2025-03-07 09:30", "1 workday"), at("2025-03-11 00:00")) << "Monday, 24:00";
  EXPECT_EQ(due(plain, "2025-03-08 09:30", "1 workday"), at("2025-03-11 00:00"));
  EXPECT_EQ(due(plain, "2025-03-05 09:30", "2 days"), at("2025-03-08 00:00"));
  EXPECT_EQ(due(plain, "2025-03-05 09:30", "3 days"), at("2025-03-11 00:00")) << "Saturday goes on to Monday";
  // 24:00 in the city is 16:00 UTC: both sides of it.
  EXPECT_EQ(due(plain, "2025-03-06 00:00", "1 workday"), at("2025-03-08 00:00"));
  EXPECT_EQ(due(plain, "2025-03-05 23:59", "1 workday"), at("2025-03-07 00:00"));
  EXPECT_EQ(plain.due_after(-1, {1, Duration::Unit::day}), at("1970-01-03 00:00"));
}

// General Office of the State Council, arrangements of holidays for 2025 and 2026.
TEST(Calendar, AcrossHolidaysAndWorkedWeekends) {
  const Calendar calendar = national();
  // Sunday 2025-09-28 is worked; from 10-01 to 10-08 is off; Saturday 10-11 is worked.
  EXPECT_EQ(due(calendar, "2025-09-26 17:00", "1 workday"), at("2025-09-29 00:00"));
  EXPECT_EQ(due(calendar, "2025-09-30 17:00", "1 workday"), at("2025-10-10 00:00"));
  EXPECT_EQ(due(calendar, "2025-09-30 17:00", "3 workdays"), at("2025-10-12 00:00"));
  EXPECT_EQ(due(calendar, "2025-09-30 17:00", "4 workdays"), at("2025-10-14 00:00"));
  EXPECT_EQ(due(calendar, "2025-09-30 17:00", "2 days"), at("2025-10-10 00:00"));
  // Spring Festival 2026: Saturday 02-14 worked, 02-15 to 02-23 off, Saturday 02-28 worked.
  EXPECT_EQ(due(calendar, "2026-02-13 10:00", "2 workdays"), at("2026-02-25 00:00"));
  EXPECT_EQ(due(calendar, "2026-02-27 10:00", "1 workday"), at("2026-03-01 00:00"));
  EXPECT_EQ(due(calendar, "2026-09-18 10:00", "5 workdays"), at("2026-09-25 00:00"));
  EXPECT_EQ(calendar.name_of(day_of("2026-02-17"))->zh, "春节");
  EXPECT_EQ(calendar.name_of(day_of("2026-02-28"))->en, "Worked for the Spring Festival");
  EXPECT_EQ(calendar.name_of(day_of("2026-03-03")), nullptr);
}

// As the notices count them: days off and worked weekends of each feast, and no feast but has its days.
TEST(Calendar, TheYearsAddUp) {
  const Calendar calendar = national();
  for (const auto& [year, worked] : {std::pair("2025", 248), std::pair("2026", 248)}) {
    int days = 0;
    for (int64_t day = day_of(std::string(year) + "-01-01"); day <= day_of(std::string(year) + "-12-31");
         ++day)
      days += calendar.works(day);
    EXPECT_EQ(days, worked) << year;
  }
}

TEST(Calendar, NobodyEverWorks) {
  pack::Findings findings;
  pack::Source source{.file = "f",
                      .text = "calendar: c\ntitle: C\ndays: [{off: 2025-01-01, until: 9999-12-31, zh: 休}]\n",
                      .root = {}};
  ASSERT_TRUE(pack::parse_yaml(source, findings));
  const Calendar calendar = Calendar::of({"c", &source});
  const int64_t end = due(calendar, "2025-01-01 00:00", "3 workdays");
  EXPECT_GT(end, at("2074-01-01 00:00"));
  EXPECT_LT(end, at("2076-01-01 00:00"));
}

}  // namespace
}  // namespace chengxin::flow
