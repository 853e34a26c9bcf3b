#pragma once
#include "base/json.h"

// The one place where packs meet the rules module.
namespace chengxin::pack {

struct RuleProblem {
  std::string reason;  // rule.…, pack.rule_…
  size_t at = 0;       // byte of the rule's text
  std::string about, mend;
};

// What is wrong with a rule that reads `environment` (describe.h) and, at its place, `here`: {"it": TYPE,
// "record": TYPE}. Its syntax and functions are the rules
// module's word; names of variables, and of fields along references, are looked up here.
std::vector<RuleProblem> rule_problems(std::string_view text, const Json& environment, const Json& here);

// Fields of the record itself that a rule reads: b of it.b.c, of any variable named `root`.
std::vector<std::string> fields_read(std::string_view text, std::string_view root);

}  // namespace chengxin::pack
