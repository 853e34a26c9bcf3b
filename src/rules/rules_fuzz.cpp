#include <algorithm>

#include "base/check.h"
#include "rules/typed.h"

// Rules as authors write them: checked against types, made into SQL, evaluated over typed data. Whatever the
// text is, none of it fails inside, and a condition has a value for each of its placeholders. The first byte
// chooses the database.
using namespace chengxin;
using namespace chengxin::rules;

namespace {

const Json kEnvironment = Json::parse(R"({
  "it": {"object": "manifest"}, "me": {"object": "person"}, "today": "date",
  "objects": {
    "manifest": {"fields": {"total": {"decimal": 3, "unit": "t"}, "serial": "int", "number": "text",
      "note": {"type": "text", "optional": true}, "sealed": "bool", "day": "date",
      "producer": {"ref": "enterprise"}, "carrier": {"ref": "enterprise", "optional": true},
      "lines": {"list": {"object": "line"}}, "tags": {"list": "text"}}},
    "line": {"fields": {"waste": "text", "quantity": {"decimal": 3, "unit": "t"}, "flag": "bool"}},
    "enterprise": {"fields": {"district": "text", "email": {"type": "text", "optional": true}}},
    "person": {"fields": {"district": "text", "limit": {"decimal": 2}}}}})");

const Json kMapping = Json::parse(R"({"objects": {
  "manifest": {"table": "manifest", "key": "id", "fields": {"total": "total", "serial": "serial",
    "number": "number", "note": "note", "sealed": "sealed", "day": "day", "producer": "producer",
    "carrier": "carrier", "lines": {"of": "manifest"}, "tags": {"table": "tag", "of": "manifest", "value": "tag"}}},
  "line": {"table": "line", "key": "id", "fields": {"waste": "waste", "quantity": "quantity", "flag": "flag"}},
  "enterprise": {"table": "enterprise", "key": "id", "fields": {"district": "district", "email": "email"}}}})");

const Json kData = Json::parse(R"({
  "it": {"total": "12.340", "serial": 9223372036854775807, "number": "危险", "sealed": true, "day": "2026-05-01",
    "producer": {"district": "a"}, "lines": [{"waste": "w", "quantity": "1.5", "flag": true}], "tags": ["a"]},
  "me": {"district": "a", "limit": "7.5"}, "today": "2026-11-23"})");

void check_reason(const Error& error) {
  const std::string_view reason = error.reason;
  CHECK(reason.starts_with("rule") && reason != "rule.internal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Environment environment = Environment::compile(kEnvironment).value();
  static const Mapping mapping = Mapping::compile(kMapping).value();
  if (size == 0) return 0;
  const auto rule = Rule::compile({reinterpret_cast<const char*>(data + 1), size - 1});
  if (!rule) return check_reason(rule.error()), 0;
  const auto checked = rule->check(environment);
  CHECK(checked && checked->rule.has_value() == checked->mistakes.empty());
  for (const Mistake& mistake : checked->mistakes)
    CHECK(mistake.reason.starts_with("rules.type_") && mistake.line >= 1 && mistake.column >= 1);
  if (!checked->rule) return 0;
  if (const auto value = checked->rule->evaluate(kData, 20'000); !value) check_reason(value.error());
  const auto dialect = data[0] % 2 ? SqlDialect::postgresql : SqlDialect::sqlite;
  const auto condition = checked->rule->sql(dialect, mapping, kData);
  if (!condition) return check_reason(condition.error()), 0;
  CHECK(size_t(std::count(condition->text.begin(), condition->text.end(), '?')) == condition->values.size());
  return 0;
}
