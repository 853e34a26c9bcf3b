#pragma once
#include <optional>
#include <set>
#include <variant>

#include "base/bytes.h"
#include "rules/rule.h"

struct cx_environment;
struct cx_mapping;
struct cx_typed;

// Rules that are checked against the types of an application's data before they run, and conditions in SQL
// made of them (docs/adr/0047-types-and-sql-of-rules.md).
namespace chengxin::rules {

// What the data is made of:
//   {"it": {"object": "manifest"}, "today": "date",
//    "objects": {"manifest": {"fields": {"total": {"decimal": 3, "unit": "t"},
//                                        "producer": {"ref": "enterprise", "optional": true},
//                                        "lines": {"list": {"object": "manifest.lines"}}, …}}, …},
//    "dictionaries": {"waste_code": ["HW01", …]}}
// Types: bool, int, decimal, text, bytes, date, time, instant, geometry, dictionary, list, map, object (or
// ref). Copies share it.
class Environment {
 public:
  // At most 4 MiB. Errors: rules.environment (detail says where).
  static Result<Environment> compile(const Json& environment);

 private:
  friend class Rule;
  std::shared_ptr<const cx_environment> environment_;
};

// Where the fields of objects are in tables: written by the platform, never by who writes rules.
//   {"alias": "m", "objects": {"manifest": {"table": "manifest", "key": "id", "fields": {"total": "total",
//     "producer": "producer_id", "lines": {"of": "manifest_id"}, "code": {"sql": "lower({}.code)"},
//     "tags": {"table": "manifest_tag", "of": "manifest_id", "value": "tag"}}}, …}}
// Without "alias" the query calls the row by its table's name. A bool is 0 or 1, a decimal its units (12.340
// is 12340), a date days and an instant milliseconds since 1970, a time seconds of the day; a reference the
// key of a row that is there; what is not optional is not null.
class Mapping {
 public:
  // At most 4 MiB. Errors: rules.sql_mapping.
  static Result<Mapping> compile(const Json& mapping);

 private:
  friend class Typed;
  std::shared_ptr<const cx_mapping> mapping_;
};

struct Mistake {
  std::string reason;  // rules.type_…
  std::string detail;
  std::string mend;  // what to write instead; empty: nothing is known
  int line = 0, column = 0;
  std::string to_string() const;  // "rules.type_field: line 1, column 4: … (…)"
};

enum class SqlDialect { sqlite, postgresql };

struct Condition {
  std::string text;  // ? for each value, as module sql takes it
  std::vector<std::variant<int64_t, std::string, Bytes>> values;
};

class Typed {
 public:
  // The type that the rule gives, for people: "decimal(3) t".
  const std::string& gives() const { return gives_; }

  // What it reads of objects, as (object, field), and how many such steps it takes: no way along references
  // is longer.
  const std::set<std::pair<std::string, std::string>>& reads() const { return reads_; }
  size_t steps() const { return steps_; }

  // Values have the declared types: a decimal is "12.340" or a whole number, a date "2026-05-01", a time
  // "08:30", an instant RFC 3339 or milliseconds, bytes hexadecimal. Errors as those of Rule::evaluate.
  Result<Json> evaluate(const Json& variables, uint64_t budget = kDefaultBudget) const;

  // The rows of which the rule over `it` is true; what faults when it is evaluated is no such row.
  // `variables`: of all that it reads besides. It has to be made anew when they change, and is a few
  // microseconds' work. Errors: rules.sql_… (with line and column: this has no form in SQL), rule.variable,
  // rule.data.
  Result<Condition> sql(SqlDialect dialect, const Mapping& mapping, const Json& variables) const;

 private:
  friend class Rule;
  std::shared_ptr<const cx_typed> typed_;
  std::string gives_;
  std::set<std::pair<std::string, std::string>> reads_;
  size_t steps_ = 0;
};

struct Checked {
  std::optional<Typed> rule;  // none: there are mistakes
  std::vector<Mistake> mistakes;
};

}  // namespace chengxin::rules
