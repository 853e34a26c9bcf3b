#include "rules/typed.h"

#include "rules/impl/exchange.h"

namespace chengxin::rules {
namespace {

Mistake mistake(const Json& found) {
  return {found.value("reason", ""), found.value("detail", ""), found.value("mend", ""),
          found.value("line", 0), found.value("column", 0)};
}

}  // namespace

std::string Mistake::to_string() const {
  std::string text = fmt::format("{}: line {}, column {}: {}", reason, line, column, detail);
  return mend.empty() ? text : text + " (" + mend + ")";
}

Result<Environment> Environment::compile(const Json& environment) {
  ASSIGN(const std::string text, written(environment, "rules.environment"));
  Environment made;
  const cx_environment* compiled = nullptr;
  cx_buffer error{};
  const cx_verdict verdict = cx_environment_compile(view(text), &compiled, &error);
  TRY(answered(verdict, error, "rule.internal").map([](const Json&) {}));
  made.environment_ = {compiled, cx_environment_free};
  return made;
}

Result<Mapping> Mapping::compile(const Json& mapping) {
  ASSIGN(const std::string text, written(mapping, "rules.sql_mapping"));
  Mapping made;
  const cx_mapping* compiled = nullptr;
  cx_buffer error{};
  const cx_verdict verdict = cx_mapping_compile(view(text), &compiled, &error);
  TRY(answered(verdict, error, "rule.internal").map([](const Json&) {}));
  made.mapping_ = {compiled, cx_mapping_free};
  return made;
}

Result<Checked> Rule::check(const Environment& environment, const Json& wanted) const {
  const std::string type = wanted.is_null() ? std::string() : wanted.dump();
  const cx_typed* typed = nullptr;
  cx_buffer report{};
  const cx_verdict verdict =
      cx_rule_check(rule_.get(), environment.environment_.get(), view(type), &typed, &report);
  ASSIGN(const Json found, answered(verdict, report, "rule.internal"));
  Checked checked;
  for (const Json& one : found) checked.mistakes.push_back(mistake(one));
  if (typed) {
    checked.rule.emplace().typed_ = {typed, cx_typed_free};
    checked.rule->gives_ = taken(cx_typed_gives(typed)).get<std::string>();
    const Json reads = taken(cx_typed_reads(typed));
    for (const Json& each : reads.at("fields"))
      checked.rule->reads_.emplace(each.at(0).get<std::string>(), each.at(1).get<std::string>());
    checked.rule->steps_ = reads.at("steps").get<size_t>();
  }
  return checked;
}

Result<Json> Typed::evaluate(const Json& variables, uint64_t budget) const {
  ASSIGN(const std::string data, written(variables, "rule.data"));
  cx_buffer result{};
  const cx_verdict verdict = cx_typed_evaluate(typed_.get(), view(data), budget, &result);
  return answered(verdict, result, "rule.internal");
}

Result<Condition> Typed::sql(SqlDialect dialect, const Mapping& mapping, const Json& variables) const {
  ASSIGN(const std::string data, written(variables, "rule.data"));
  cx_buffer result{};
  const bool postgresql = dialect == SqlDialect::postgresql;
  const cx_verdict verdict =
      cx_typed_sql(typed_.get(), postgresql, mapping.mapping_.get(), view(data), &result);
  ASSIGN(const Json answer, answered(verdict, result, "rule.internal"));
  Condition condition{answer.at("text").get<std::string>(), {}};
  for (const Json& value : answer.at("values")) {
    if (value.is_number())
      condition.values.emplace_back(value.get<int64_t>());
    else if (value.is_string())
      condition.values.emplace_back(value.get<std::string>());
    else
      condition.values.emplace_back(unhex(value.at("b").get<std::string>()).value());
  }
  return condition;
}

}  // namespace chengxin::rules
