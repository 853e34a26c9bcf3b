#pragma once
#include "pack/impl/bpmn_vet.h"

namespace chengxin::pack {

// What follows a step of a BPMN process. Steps are named by their identifiers; "" is the end.
struct Onward {
  struct Outcome {
    std::string name, to;
    Place at;
  };
  std::string to;
  std::vector<Outcome> outcomes;  // of a decision
  std::vector<std::string> fork;
  std::string join;
  std::string when;
  Place when_at;
};

struct BpmnGraph {
  std::string first;
  std::map<std::string, Onward> steps;  // by identifier
  std::map<std::string, const Element*>
      late_end;  // by identifier of the step: where its deadline leads, if anywhere
};

// Follows the flows of a vetted process: gateways that only bring together are passed, a decision's gateway
// becomes its outcomes, one around a task its condition, a fork finds its join. Mistakes:
// pack.bpmn_reference, pack.bpmn_flow, pack.bpmn_condition. nullopt with any.
std::optional<BpmnGraph> follow_bpmn(const Element& process, const std::string& file, Findings& findings);

// `${amount > 3}` → `it.amount > 3`: what to write in its stead, as far as it can be said.
std::string rule_instead(std::string_view expression);
// The expression within ${…} or #{…}; nullopt: it is not in such.
std::optional<std::string_view> within_braces(std::string_view text);

}  // namespace chengxin::pack
