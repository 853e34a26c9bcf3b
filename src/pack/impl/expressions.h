#pragma once
#include "base/json.h"
#include "rules/typed.h"

// The one place where packs meet the rules module.
namespace chengxin::pack {

struct RuleProblem {
  std::string reason;  // rule.…, rules.type_…, rules.sql_…, pack.rule_column
  size_t at = 0;       // byte of the rule's text
  std::string about, mend;
};

// What is wrong with a rule that may read `environment` and has to give `wanted` (a type of describe.h), and,
// with `columns`, to become a condition in SQL.
std::vector<RuleProblem> rule_problems(std::string_view text, const rules::Environment& environment,
                                       const Json& wanted, const rules::Mapping* columns);

// Fields of the record itself that a rule reads: b of it.b.c, of any variable named `root`.
std::vector<std::string> fields_read(std::string_view text, std::string_view root);

}  // namespace chengxin::pack
