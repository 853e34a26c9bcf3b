#pragma once
#include "pack/layout.h"
#include "pack/scope.h"
#include "sql/value.h"

// Values of fields: as people and programs give them, in JSON; in one form of JSON; and in columns.
namespace chengxin::record {

// What is wrong with one field of what was handed in.
struct Wrong {
  std::string field;  // lines[2].quantity; empty: the whole
  std::string reason, detail;
  bool operator==(const Wrong&) const = default;
};
using Wrongs = std::vector<Wrong>;

// Judges values against the fields that they are for, and brings them into one form: exact numbers with all
// digits of their field, days as 2025-01-31, times as 08:30:00, instants in UTC (2025-01-31T00:30:00Z), lists
// of codes sorted. null: nothing is given.
// Reasons: record.type, record.too_small, record.too_large, record.too_short, record.too_long,
// record.pattern, record.date, record.digits, record.code_unknown, record.code_invalid (not valid on that
// day), record.twice (in a list), record.too_many, record.field_unknown, record.required, record.geometry,
// record.text.
class Form {
 public:
  // Of fields with a pattern of their own: it.matches(…).
  using Patterns = std::map<const pack::Field*, rules::Rule>;

  // `today`: 2025-01-31; codes have to be valid then. Empty: any code will do (of records that are there).
  Form(const pack::Scope& scope, const Patterns& patterns, std::string today)
      : scope_(scope), patterns_(patterns), today_(std::move(today)) {}

  // nullopt when there is something wrong, which is added to `wrongs`.
  std::optional<Json> value(const pack::Field& field, const Json& given, const std::string& path,
                            Wrongs& wrongs) const;
  // An object of values by field; computed fields are left out, what is missing is null.
  std::optional<Json> object(const std::vector<pack::Field>& fields, const Json& given,
                             const std::string& path, Wrongs& wrongs) const;

 private:
  std::optional<Json> one(const pack::Field& field, const Json& given, const std::string& path,
                          Wrongs& wrongs) const;
  std::optional<Json> many(const pack::Field& field, const Json& given, const std::string& path,
                           Wrongs& wrongs) const;

  const pack::Scope& scope_;
  const Patterns& patterns_;
  const std::string today_;
};

// What a column of integers or texts holds of a value in that form, and back. The value is not null.
sql::Value to_column(const pack::Field& field, const Json& value);
Json from_column(const pack::Field& field, const sql::Value& held);

// Of a field that has another type now; nullopt: it does not fit. What comes out is judged by Form again.
std::optional<Json> adapted(const pack::Field& from, const Json& value, const pack::Field& to);

int64_t days_of(std::string_view date);  // since 1970-01-01, of what is_date() knows
std::string date_of(int64_t days);
std::string today_at(int64_t now_ms);  // in +08:00

}  // namespace chengxin::record
