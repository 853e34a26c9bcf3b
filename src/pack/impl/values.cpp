#include <charconv>
#include <chrono>

#include "pack/grammar.h"

namespace chengxin::pack {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int64_t number(std::string_view digits) {
  int64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::optional<bool> compared(Version version, std::string_view term) {
  const size_t digits = term.find_first_of("0123456789");
  if (digits == std::string_view::npos) return std::nullopt;
  const std::string_view sign = term.substr(0, digits);
  const auto limit = parse_version(term.substr(digits));
  if (!limit) return std::nullopt;
  if (sign.empty()) return version[0] == (*limit)[0] && version >= *limit;
  if (sign == ">=") return version >= *limit;
  if (sign == ">") return version > *limit;
  if (sign == "<=") return version <= *limit;
  if (sign == "<") return version < *limit;
  if (sign == "=") return version == *limit;
  return std::nullopt;
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto parts = split(text, '.');
  if (parts.size() > 2 || !is_digits(parts[0])) return std::nullopt;
  if (parts.size() == 2 && !is_digits(parts[1])) return std::nullopt;
  if (parts[0].size() > 1 && parts[0][0] == '0') return std::nullopt;
  std::string digits(parts[0]);
  if (parts.size() == 2) digits += parts[1];
  if (digits.size() > 18) return std::nullopt;
  const int64_t value = number(digits);
  return Decimal{negative ? -value : value, parts.size() == 2 ? int(parts[1].size()) : 0};
}

bool less(Decimal a, Decimal b) {
  __int128 left = a.scaled, right = b.scaled;
  for (int i = a.digits; i < b.digits; ++i) left *= 10;
  for (int i = b.digits; i < a.digits; ++i) right *= 10;
  return left < right;
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto year = text.substr(0, 4), month = text.substr(5, 2), day = text.substr(8, 2);
  if (!is_digits(year) || !is_digits(month) || !is_digits(day)) return false;
  const std::chrono::year_month_day date{std::chrono::year(int(number(year))),
                                         std::chrono::month(unsigned(number(month))),
                                         std::chrono::day(unsigned(number(day)))};
  return date.ok() && number(year) > 0;
}

bool is_duration(std::string_view text) {
  const auto parts = split(text, ' ');
  if (parts.size() != 2 || !is_digits(parts[0]) || parts[0].size() > 4 || parts[0][0] == '0') return false;
  std::string_view unit = parts[1];
  if (unit.ends_with('s')) unit.remove_suffix(1);
  return unit == "minute" || unit == "hour" || unit == "day" || unit == "workday";
}

std::optional<Version> parse_version(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() > 3) return std::nullopt;
  Version out{};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!is_digits(parts[i]) || parts[i].size() > 6 || (parts[i].size() > 1 && parts[i][0] == '0'))
      return std::nullopt;
    out[i] = int(number(parts[i]));
  }
  return out;
}

std::optional<bool> within_range(Version version, std::string_view range) {
  bool holds = true;
  for (const std::string_view term : split(range, ' ')) {
    const auto one = compared(version, term);
    if (!one) return std::nullopt;
    holds = holds && *one;
  }
  return holds;
}

}  // namespace chengxin::pack
