#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

struct cx_rule;

// Rules in CEL and schemas in JSON Schema, by the sandbox (docs/adr/0035-rules-and-schemas.md). Both are
// compiled once; copies share what was compiled, and any number of threads may use it.
namespace chengxin::rules {

// Steps that one evaluation may take: about a tenth of a second.
constexpr uint64_t kDefaultBudget = 1'000'000;

class Environment;
struct Checked;

// An expression of CEL, without types of its own: what it gets and gives is JSON. Whole numbers of the data
// are int (uint above 2^63 - 1), others double.
class Rule {
 public:
  // At most 16 KiB. The detail of a failure says line and column. Errors: rule.syntax, rule.too_large,
  // rule.unknown_function, rule.unsupported, rule.pattern.
  static Result<Rule> compile(std::string_view text);

  // Names that it reads, ascending; of a.b.c it is a.
  const std::vector<std::string>& variables() const { return variables_; }

  // `variables`: an object. Errors: rule.variable (one that it reads is missing), rule.key, rule.type,
  // rule.arithmetic, rule.conversion, rule.number, rule.cost, rule.data, rule.data_too_large.
  Result<Json> evaluate(const Json& variables, uint64_t budget = kDefaultBudget) const;

  // The rule with its types, or all its mistakes (typed.h). `wanted`: the type that it has to give, as in an
  // environment; null: any. Errors: rules.environment (`wanted` is no type).
  Result<Checked> check(const Environment& environment, const Json& wanted = nullptr) const;

 private:
  std::shared_ptr<const cx_rule> rule_;
  std::vector<std::string> variables_;
};

}  // namespace chengxin::rules
