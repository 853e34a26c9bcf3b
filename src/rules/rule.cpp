#include "rules/rule.h"

#include "rules/impl/exchange.h"

namespace chengxin::rules {

Result<Rule> Rule::compile(std::string_view text) {
  const cx_rule* compiled = nullptr;
  cx_buffer error{};
  const cx_verdict verdict = cx_rule_compile(view(text), &compiled, &error);
  TRY(answered(verdict, error, "rule.internal").map([](const Json&) {}));
  Rule rule;
  rule.rule_ = {compiled, cx_rule_free};
  for (const Json& name : taken(cx_rule_variables(compiled)))
    rule.variables_.push_back(name.get<std::string>());
  return rule;
}

Result<Json> Rule::evaluate(const Json& variables, uint64_t budget) const {
  ASSIGN(const std::string data, written(variables, "rule.data"));
  cx_buffer result{};
  const cx_verdict verdict = cx_rule_evaluate(rule_.get(), view(data), budget, &result);
  return answered(verdict, result, "rule.internal");
}

}  // namespace chengxin::rules
