#include "record/value.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace chengxin::record {
namespace {

using pack::Field;
using pack::Node;
using pack::Type;

constexpr int64_t kDayMs = 86'400'000, kZoneMs = 8 * 3'600'000;
constexpr size_t kMostItems = 1000, kMostJsonBytes = 256 << 10;

std::optional<int> digits_at(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int out = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + (c - '0');
  }
  return out;
}

// 08:30 or 08:30:15, as seconds of the day; `used`: how many characters.
std::optional<int> seconds_of(std::string_view text, size_t& used) {
  const auto hour = digits_at(text, 0, 2), minute = digits_at(text, 3, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59 || text[2] != ':') return std::nullopt;
  used = 5;
  if (text.size() < 8 || text[5] != ':') return *hour * 3600 + *minute * 60;
  const auto second = digits_at(text, 6, 2);
  if (!second || *second > 59) return std::nullopt;
  used = 8;
  return *hour * 3600 + *minute * 60 + *second;
}

// Minutes east of UTC.
std::optional<int> zone_of(std::string_view text) {
  if (text == "Z") return 0;
  const auto hours = digits_at(text, 1, 2), minutes = digits_at(text, 4, 2);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || !hours || !minutes ||
      *hours > 14 || *minutes > 59)
    return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

// RFC 3339, in milliseconds.
std::optional<int64_t> instant_of(std::string_view text) {
  if (text.size() < 17 || text[10] != 'T' || !pack::is_date(text.substr(0, 10))) return std::nullopt;
  size_t used = 0;
  const auto seconds = seconds_of(text.substr(11), used);
  if (!seconds) return std::nullopt;
  std::string_view rest = text.substr(11 + used);
  int64_t ms = 0;
  if (rest.starts_with('.')) {
    const size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (end < 2 || end > 10) return std::nullopt;
    for (size_t i = 1; i <= 3; ++i) ms = ms * 10 + (i < end ? rest[i] - '0' : 0);
    rest.remove_prefix(end);
  }
  const auto zone = zone_of(rest);
  if (!zone) return std::nullopt;
  return days_of(text.substr(0, 10)) * kDayMs + *seconds * int64_t(1000) + ms - *zone * int64_t(60'000);
}

std::string time_text(int64_t seconds) {
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string instant_text(int64_t ms) {
  const int64_t local = ms + kZoneMs;
  const int64_t days = local >= 0 ? local / kDayMs : -((-local + kDayMs - 1) / kDayMs);
  return fmt::format("{}T{}+08:00", date_of(days), time_text((local - days * kDayMs) / 1000));
}

std::string exact_text(int64_t units, int digits) {
  if (digits == 0) return std::to_string(units);
  std::string text = fmt::format("{:0{}}", units < 0 ? -units : units, digits + 1);
  text.insert(text.size() - size_t(digits), 1, '.');
  if (units < 0) text.insert(0, 1, '-');
  return text;
}

int digits_of(const Field& field) { return field.type == Type::money ? 2 : field.digits; }

// In units of the field; nullopt: no number of so few digits.
std::optional<int64_t> units_of(std::string_view text, int digits) {
  const auto number = pack::parse_decimal(text);
  if (!number || number->digits > digits) return std::nullopt;
  int64_t units = number->scaled;
  for (int i = number->digits; i < digits; ++i)
    if (__builtin_mul_overflow(units, 10, &units)) return std::nullopt;
  const int64_t most = 999'999'999'999'999'999;
  return units > most || units < -most ? std::nullopt : std::optional(units);
}

size_t characters(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (uint8_t(c) & 0xc0) != 0x80; }));
}

const Node* option(const Field& field, std::string_view name) { return field.node->find(name); }

int64_t limit(const Field& field, std::string_view name, int64_t otherwise) {
  const Node* node = option(field, name);
  const auto number = node ? pack::parse_decimal(node->text) : std::nullopt;
  return number ? number->scaled : otherwise;
}

struct Bad {
  std::string_view reason;
  std::string detail = {};
};
using Judged = tl::expected<Json, Bad>;

tl::unexpected<Bad> bad(std::string_view reason, std::string detail = {}) {
  return tl::unexpected(Bad{reason, std::move(detail)});
}

bool all_of(std::string_view text, auto&& test) { return std::all_of(text.begin(), text.end(), test); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_host(std::string_view text) {
  const size_t dot = text.find('.');
  return dot != text.npos && dot > 0 && text.back() != '.' && text.find("..") == text.npos &&
         all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; });
}

bool is_email(std::string_view text) {
  const size_t at = text.find('@');
  return at != text.npos && at > 0 && at <= 64 && is_host(text.substr(at + 1)) &&
         all_of(text.substr(0, at), [](char c) { return uint8_t(c) > ' ' && c != '@'; });
}

bool is_url(std::string_view text) {
  const bool scheme = text.starts_with("https://") || text.starts_with("http://");
  return scheme && text.size() > 8 &&
         all_of(text, [](char c) { return uint8_t(c) > ' ' && c != '<' && c != '>' && c != '"'; });
}

// GB 11643-1999: weights modulo 11. GB 32100-2015: powers of 3 modulo 31.
bool check_character(std::string_view kind, std::string_view text) {
  if (kind == "id_card") {
    static constexpr int kWeights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    int sum = 0;
    for (size_t i = 0; i < 17; ++i) sum += (text[i] - '0') * kWeights[i];
    return text[17] == "10X98765432"[sum % 11];
  }
  if (kind == "credit_code") {
    static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    if (!all_of(text, [](char c) { return kAlphabet.find(c) != kAlphabet.npos; })) return false;
    int sum = 0, weight = 1;
    for (size_t i = 0; i < 17; ++i, weight = weight * 3 % 31) sum += int(kAlphabet.find(text[i])) * weight;
    return text[17] == kAlphabet[size_t((31 - sum % 31) % 31)];
  }
  return true;
}

bool is_of_kind(std::string_view kind, std::string_view text) {
  if (kind == "phone")
    return text.size() >= 5 && text.size() <= 20 && is_digit(text.back()) &&
           all_of(text.substr(text.front() == '+'),
                  [](char c) { return is_digit(c) || c == ' ' || c == '-' || c == '(' || c == ')'; });
  if (kind == "email") return is_email(text);
  if (kind == "url") return is_url(text);
  if (kind == "postcode") return text.size() == 6 && all_of(text, is_digit);
  if (kind == "id_card")
    return text.size() == 18 && all_of(text.substr(0, 17), is_digit) && check_character(kind, text);
  if (kind == "credit_code") return text.size() == 18 && check_character(kind, text);
  if (kind == "plate")
    return characters(text) >= 7 && characters(text) <= 9 && uint8_t(text.front()) >= 0x80 &&
           all_of(text,
                  [](char c) { return uint8_t(c) >= 0x80 || is_digit(c) || (is_letter(c) && c < 'a'); });
  return true;
}

bool is_clean(std::string_view text, bool lines) {
  return std::none_of(text.begin(), text.end(), [&](char c) {
    return (uint8_t(c) < 0x20 && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f;
  });
}

Judged text_value(const Field& field, const Json& given) {
  if (!given.is_string()) return bad("record.type", "text");
  const std::string& text = given.get_ref<const std::string&>();
  const bool lines = field.option == "long";
  if (!is_clean(text, lines)) return bad("record.text");
  const size_t length = characters(text);
  if (int64_t(length) > limit(field, "longest", lines ? 20'000 : 200))
    return bad("record.too_long", std::to_string(length));
  if (int64_t(length) < limit(field, "shortest", 1)) return bad("record.too_short", std::to_string(length));
  if (!is_of_kind(field.option, text)) return bad("record.pattern", field.option);
  return Json(text);
}

// A number that is read exactly: texts, and whole numbers of JSON.
std::optional<int64_t> number_given(const Json& given, int digits) {
  if (given.is_string()) return units_of(given.get_ref<const std::string&>(), digits);
  if (!given.is_number_integer()) return std::nullopt;
  if (given.is_number_unsigned() && given.get<uint64_t>() > uint64_t(INT64_MAX)) return std::nullopt;
  return units_of(std::to_string(given.get<int64_t>()), digits);
}

Judged number_value(const Field& field, const Json& given) {
  const bool whole = field.type == Type::whole;
  const int digits = whole ? 0 : digits_of(field);
  if (whole ? !given.is_number_integer() : !given.is_string() && !given.is_number_integer())
    return bad("record.type", whole ? "a whole number" : "\"12.5\"");
  const auto units = number_given(given, digits);
  if (!units) return bad("record.digits", std::to_string(digits));
  const pack::Decimal value{*units, digits};
  for (const char* end : {"min", "max"}) {
    const Node* node = option(field, end);
    const auto bound = node ? pack::parse_decimal(node->text) : std::nullopt;
    if (!bound) continue;
    if (end == std::string_view("min") ? pack::less(value, *bound) : pack::less(*bound, value))
      return bad(end == std::string_view("min") ? "record.too_small" : "record.too_large", node->text);
  }
  if (whole) return Json(*units);
  return Json(exact_text(*units, digits));
}

Judged date_value(const Field& field, const Json& given) {
  if (!given.is_string() || !pack::is_date(given.get_ref<const std::string&>()))
    return bad("record.date", "2025-01-31");
  const std::string& date = given.get_ref<const std::string&>();
  if (const Node* least = option(field, "min"); least && date < least->text)
    return bad("record.too_small", least->text);
  if (const Node* most = option(field, "max"); most && date > most->text)
    return bad("record.too_large", most->text);
  return given;
}

Judged time_value(const Field& field, const Json& given) {
  size_t used = 0;
  const std::string text = given.is_string() ? given.get<std::string>() : std::string();
  const auto seconds = text.size() >= 5 ? seconds_of(text, used) : std::nullopt;
  if (!seconds || used != text.size()) return bad("record.date", "08:30");
  return Json(time_text(field.option == "minute" ? *seconds / 60 * 60 : *seconds));
}

Judged instant_value(const Field& field, const Json& given) {
  const auto ms = given.is_string() ? instant_of(given.get_ref<const std::string&>()) : std::nullopt;
  if (!ms) return bad("record.date", "2025-01-31T08:30:00+08:00");
  const int64_t step = field.option == "minute" ? 60'000 : 1'000;
  std::string text = instant_text(*ms - ((*ms % step) + step) % step);
  if (!instant_of(text)) return bad("record.date", "0001 … 9999");  // in the time of +08:00
  return Json(std::move(text));
}

bool is_position(const Json& given) {
  return given.is_array() && (given.size() == 2 || given.size() == 3) &&
         std::all_of(
             given.begin(), given.end(),
             [](const Json& each) { return each.is_number() && std::isfinite(each.get<double>()); }) &&
         std::abs(given[0].get<double>()) <= 180 && std::abs(given[1].get<double>()) <= 90;
}

bool is_path(const Json& given, size_t least) {
  return given.is_array() && given.size() >= least && given.size() <= 100'000 &&
         std::all_of(given.begin(), given.end(), is_position);
}

bool is_ring(const Json& given) { return is_path(given, 4) && given.front() == given.back(); }

// RFC 7946: Point, LineString, Polygon.
Judged geometry_value(const Field& field, const Json& given) {
  if (!given.is_object() || given.size() != 2 || !given.contains("coordinates") || !given.contains("type"))
    return bad("record.geometry", "{\"type\", \"coordinates\"}");
  const Json& where = given.at("coordinates");
  const bool good = field.option == "point" ? given.at("type") == "Point" && is_position(where)
                    : field.option == "line"
                        ? given.at("type") == "LineString" && is_path(where, 2)
                        : given.at("type") == "Polygon" && where.is_array() && !where.empty() &&
                              where.size() <= 1000 && std::all_of(where.begin(), where.end(), is_ring);
  if (!good) return bad("record.geometry", field.option);
  return given;
}

Judged file_value(const Json& given) {
  if (!given.is_string() || given.get_ref<const std::string&>().empty() ||
      given.get_ref<const std::string&>().size() > 64)
    return bad("record.type", "the id of a file");
  return given;
}

Judged name_value(const Json& given) {
  if (!given.is_string()) return bad("record.type", "text");
  const std::string& text = given.get_ref<const std::string&>();
  if (text.empty() || text.size() > 64 || !is_clean(text, false)) return bad("record.type", "1…64");
  return given;
}

Judged json_value(const Json& given) {
  const auto canonical = canonical_json(given);
  if (!canonical) return bad("record.json", canonical.error().detail);
  if (canonical->size() > kMostJsonBytes) return bad("record.too_long", std::to_string(canonical->size()));
  return given;
}

Judged judge(const Field& field, const Json& given) {
  switch (field.type) {
    case Type::text:
      return text_value(field, given);
    case Type::whole:
    case Type::decimal:
    case Type::money:
      return number_value(field, given);
    case Type::flag:
      if (!given.is_boolean()) return bad("record.type", "true, false");
      return given;
    case Type::date:
      return date_value(field, given);
    case Type::time:
      return time_value(field, given);
    case Type::instant:
      return instant_value(field, given);
    case Type::geometry:
      return geometry_value(field, given);
    case Type::attachment:
      return file_value(given);
    case Type::json:
      return json_value(given);
    case Type::dictionary:
    case Type::tree:
    case Type::ref:
    case Type::table:
      break;
  }
  return name_value(given);
}

// The code's entry, in whatever level.
const Node* entry_of(const Node* codes, std::string_view code) {
  if (!codes) return nullptr;
  for (const pack::Member& each : codes->members) {
    if (each.name == code) return &each.value;
    if (const Node* below = entry_of(each.value.find("codes"), code)) return below;
  }
  return nullptr;
}

std::string text_in(const Node* node, std::string_view member) {
  const Node* found = node ? node->find(member) : nullptr;
  return found ? found->text : std::string();
}

std::string plain_text(const Field& field, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (field.type == Type::flag) return value.get<bool>() ? "true" : "false";
  return value.dump();
}

Json scalar_as(const Field& from, const Json& value, const Field& to) {
  const std::string text = plain_text(from, value);
  switch (to.type) {
    case Type::whole: {
      const auto units = units_of(text, 0);
      if (units) return *units;
      const auto point = text.find('.');  // 12.000
      const bool round = point != text.npos && text.find_first_not_of('0', point + 1) == text.npos;
      const auto whole = round ? units_of(text.substr(0, point), 0) : std::nullopt;
      return whole ? Json(*whole) : Json(text);
    }
    case Type::decimal:
    case Type::money: {
      std::string shorter = text;
      while (shorter.find('.') != shorter.npos && (shorter.back() == '0' || shorter.back() == '.')) {
        const bool point = shorter.back() == '.';
        shorter.pop_back();
        if (point) break;
      }
      return shorter;
    }
    case Type::flag:
      return text == "true" ? Json(true) : text == "false" ? Json(false) : Json(text);
    case Type::date:
      return from.type == Type::instant ? text.substr(0, 10) : text;
    case Type::instant:
      return from.type == Type::date ? text + "T00:00:00+08:00" : text;
    case Type::json:
      return value;
    case Type::geometry:
    case Type::attachment:
    case Type::table:
      return from.type == to.type ? value : Json(text);
    default:
      return text;
  }
}

}  // namespace

int64_t days_of(std::string_view date) {
  const std::chrono::year_month_day day{std::chrono::year(digits_at(date, 0, 4).value_or(1970)),
                                        std::chrono::month(unsigned(digits_at(date, 5, 2).value_or(1))),
                                        std::chrono::day(unsigned(digits_at(date, 8, 2).value_or(1)))};
  return std::chrono::sys_days(day).time_since_epoch().count();
}

std::string date_of(int64_t days) {
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", int(day.year()), unsigned(day.month()), unsigned(day.day()));
}

std::string today_at(int64_t now_ms) { return date_of((now_ms + kZoneMs) / kDayMs); }

std::optional<Json> Form::one(const Field& field, const Json& given, const std::string& path,
                              Wrongs& wrongs) const {
  auto judged = judge(field, given);
  if (!judged) {
    wrongs.push_back({path, std::string(judged.error().reason), judged.error().detail});
    return std::nullopt;
  }
  if (field.type == Type::dictionary || field.type == Type::tree) {
    const std::string& code = judged->get_ref<const std::string&>();
    const auto dictionary = scope_.dictionaries.find(field.option);
    const Node* entry = dictionary == scope_.dictionaries.end()
                            ? nullptr
                            : entry_of(dictionary->second->source->root.find("codes"), code);
    const std::string from = text_in(entry, "from"), until = text_in(entry, "until");
    if (!entry) {
      wrongs.push_back({path, "record.code_unknown", code});
    } else if (!today_.empty() && ((!from.empty() && today_ < from) || (!until.empty() && until < today_))) {
      wrongs.push_back({path, "record.code_invalid", fmt::format("{} ({} … {})", code, from, until)});
    } else {
      return std::move(*judged);
    }
    return std::nullopt;
  }
  if (const auto pattern = patterns_.find(&field); pattern != patterns_.end()) {
    const auto matches = pattern->second.evaluate({{"it", *judged}});
    if (!matches || !matches->get<bool>()) {
      wrongs.push_back({path, "record.pattern", option(field, "pattern")->text});
      return std::nullopt;
    }
  }
  return std::move(*judged);
}

std::optional<Json> Form::many(const Field& field, const Json& given, const std::string& path,
                               Wrongs& wrongs) const {
  if (!given.is_array()) {
    wrongs.push_back({path, "record.type", "a list"});
    return std::nullopt;
  }
  if (given.size() > kMostItems) {
    wrongs.push_back({path, "record.too_many", std::to_string(given.size())});
    return std::nullopt;
  }
  std::vector<Json> out;
  const size_t before = wrongs.size();
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    auto made = field.type == Type::table ? object(field.columns, given[i], at, wrongs)
                                          : one(field, given[i], at, wrongs);
    if (!made) continue;
    if (field.type != Type::table && std::find(out.begin(), out.end(), *made) != out.end())
      wrongs.push_back({at, "record.twice", made->dump()});
    out.push_back(std::move(*made));
  }
  if (wrongs.size() > before) return std::nullopt;
  if (field.type == Type::dictionary || field.type == Type::tree) std::sort(out.begin(), out.end());
  return Json(std::move(out));
}

std::optional<Json> Form::value(const Field& field, const Json& given, const std::string& path,
                                Wrongs& wrongs) const {
  const bool several = field.many || field.type == Type::table;
  if (given.is_null()) return several ? Json::array() : Json();
  return several ? many(field, given, path, wrongs) : one(field, given, path, wrongs);
}

std::optional<Json> Form::object(const std::vector<Field>& fields, const Json& given, const std::string& path,
                                 Wrongs& wrongs) const {
  if (!given.is_object()) {
    wrongs.push_back({path, "record.type", "an object"});
    return std::nullopt;
  }
  const auto below = [&](const std::string& name) { return path.empty() ? name : path + "." + name; };
  const size_t before = wrongs.size();
  Json out = Json::object();
  for (const Field& field : fields) {
    if (field.computed) continue;
    auto made = value(field, given.value(field.name, Json()), below(field.name), wrongs);
    if (made) out[field.name] = std::move(*made);
  }
  for (const auto& [name, value] : given.items()) {
    const auto named = [&, &name = name](const Field& field) { return field.name == name; };
    const auto field = std::find_if(fields.begin(), fields.end(), named);
    if (field == fields.end())
      wrongs.push_back({below(name), "record.field_unknown", name});
    else if (field->computed)
      wrongs.push_back({below(name), "record.field_computed", name});
  }
  if (wrongs.size() > before) return std::nullopt;
  return out;
}

sql::Value to_column(const Field& field, const Json& value) {
  switch (field.type) {
    case Type::whole:
      return value.get<int64_t>();
    case Type::decimal:
    case Type::money:
      return units_of(value.get_ref<const std::string&>(), digits_of(field)).value();
    case Type::flag:
      return int64_t(value.get<bool>());
    case Type::date:
      return days_of(value.get_ref<const std::string&>());
    case Type::time: {
      size_t used = 0;
      return int64_t(seconds_of(value.get_ref<const std::string&>(), used).value());
    }
    case Type::instant:
      return instant_of(value.get_ref<const std::string&>()).value();
    case Type::attachment:
    case Type::geometry:
    case Type::json:
    case Type::table:
      return value.dump();
    default:
      return value.get<std::string>();
  }
}

Json from_column(const Field& field, const sql::Value& held) {
  switch (field.type) {
    case Type::whole:
      return held.integer();
    case Type::decimal:
    case Type::money:
      return exact_text(held.integer(), digits_of(field));
    case Type::flag:
      return held.integer() != 0;
    case Type::date:
      return date_of(held.integer());
    case Type::time:
      return time_text(held.integer());
    case Type::instant:
      return instant_text(held.integer());
    case Type::attachment:
    case Type::geometry:
    case Type::json:
    case Type::table:
      return Json::parse(held.text(), nullptr, false);
    default:
      return held.text();
  }
}

std::optional<Json> adapted(const Field& from, const Json& value, const Field& to) {
  if (value.is_null()) return value;
  if (from.type == Type::table || to.type == Type::table) {
    if (from.type != to.type) return std::nullopt;
    Json out = Json::array();
    for (const Json& row : value) {
      Json made = Json::object();
      for (const Field& column : to.columns) {
        if (column.computed) continue;
        for (const Field& former : from.columns)
          if (former.name == column.name) {
            auto item = adapted(former, row.value(column.name, Json()), column);
            if (!item) return std::nullopt;
            made[column.name] = std::move(*item);
          }
      }
      out.push_back(std::move(made));
    }
    return out;
  }
  if (!from.many && !to.many) return scalar_as(from, value, to);
  if (!from.many) return Json::array({scalar_as(from, value, to)});
  if (!to.many) {
    if (value.size() > 1) return std::nullopt;
    return value.empty() ? Json() : scalar_as(from, value.front(), to);
  }
  Json out = Json::array();
  for (const Json& each : value) out.push_back(scalar_as(from, each, to));
  return out;
}

}  // namespace chengxin::record
