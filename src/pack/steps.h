#pragma once
#include "pack/grammar.h"

// A process as the graph that its steps are.
namespace chengxin::pack {

constexpr size_t kEndStep = SIZE_MAX;

// The steps of a process whose file keeps the grammar and names only steps that it has.
class Steps {
 public:
  explicit Steps(const Node& process);

  const std::vector<Member>& all() const { return *all_; }
  const std::string& name(size_t step) const { return all()[step].name; }
  const Node& node(size_t step) const { return all()[step].value; }
  // nullopt: no step is called so. "end" is kEndStep.
  std::optional<size_t> find(std::string_view name) const;
  // Where it goes on: the branches of a fork, a step for each outcome in the order of the file, else one.
  std::vector<size_t> next(size_t step) const;
  // Of a fork: its join.
  size_t join(size_t step) const { return *find(node(step).find("join")->text); }

 private:
  const std::vector<Member>* all_;
  std::map<std::string, size_t, std::less<>> by_name_;
};

// The branches of a fork: the steps from the first of each up to the join, which is in none.
struct Region {
  size_t fork = 0, join = 0;
  std::vector<std::set<size_t>> branches;
  bool has(size_t step) const;
  size_t size() const;
};
std::vector<Region> regions(const Steps& steps);

// What BPMN cannot tell of a process, and nobody wants. Mistakes: pack.bpmn_branches (branches of a fork that
// are entered or left other than by fork and join), pack.bpmn_circle (steps in a circle where nobody does
// anything and nothing waits).
void check_structure(const Source& process, Findings& findings);

// to_json() of a process with what its order and its units leave open written out: `first`, `to` of each
// step that has none, lengths of time in one form. Equal for processes that mean the same.
Json process_json(const Node& process);

}  // namespace chengxin::pack
