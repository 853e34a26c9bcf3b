#include "pack/steps.h"

#include <algorithm>
#include <charconv>

#include "pack/impl/tables.h"

namespace chengxin::pack {
namespace {

std::set<size_t> reached(const Steps& steps, std::vector<size_t> open, size_t without) {
  std::set<size_t> out;
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    if (at == without || !out.insert(at).second || at == kEndStep) continue;
    for (const size_t next : steps.next(at)) open.push_back(next);
  }
  return out;
}

// A token passes it without stopping.
bool passes(const Node& step) { return step.find("decide") || step.find("fork"); }

class Checker {
 public:
  Checker(const Source& process, Findings& findings)
      : process_(process), steps_(process.root), findings_(findings) {}

  void run() {
    for (const Region& each : regions(steps_)) branches(each);
    circles();
  }

 private:
  void wrong(std::string_view reason, size_t step, std::string_view about) {
    findings_.wrong(reason, process_.file, steps_.all()[step].at, about);
  }
  std::string both(size_t a, std::string_view b) const { return fmt::format("{}, {}", steps_.name(a), b); }

  void branches(const Region& region) {
    std::set<size_t> seen;
    for (const std::set<size_t>& branch : region.branches)
      for (const size_t step : branch)
        if (step == kEndStep)
          wrong("pack.bpmn_branches", region.fork, both(region.fork, "end"));
        else if (!seen.insert(step).second || step == region.fork)
          wrong("pack.bpmn_branches", step, both(region.fork, steps_.name(step)));
    for (size_t from = 0; from < steps_.all().size(); ++from)
      if (from != region.fork && !seen.contains(from))
        for (const size_t to : steps_.next(from))
          if (to != kEndStep && seen.contains(to))
            wrong("pack.bpmn_branches", from, both(from, steps_.name(to)));
    if (seen.contains(0)) wrong("pack.bpmn_branches", 0, both(region.fork, steps_.name(0)));
  }

  // A step is in a circle when it can be reached from what follows it.
  void circles() {
    for (size_t start = 0; start < steps_.all().size(); ++start) {
      if (!passes(steps_.node(start))) continue;
      std::set<size_t> seen;
      std::vector<size_t> open = steps_.next(start);
      while (!open.empty()) {
        const size_t at = open.back();
        open.pop_back();
        if (at == kEndStep || !passes(steps_.node(at)) || !seen.insert(at).second) continue;
        for (const size_t next : steps_.next(at)) open.push_back(next);
      }
      if (seen.contains(start)) return wrong("pack.bpmn_circle", start, steps_.name(start));
    }
  }

  const Source& process_;
  Steps steps_;
  Findings& findings_;
};

// 2 hour → 2 hours, 1 days → 1 day.
void normalise(Json& step, const char* member) {
  const auto found = step.find(member);
  if (found == step.end() || !found->is_string()) return;
  std::string text = found->get<std::string>();
  if (text.ends_with('s')) text.pop_back();
  *found = text.starts_with("1 ") ? text : text + "s";
}

}  // namespace

Steps::Steps(const Node& process) : all_(&process.find("steps")->members) {
  for (const Member& each : *all_) by_name_.emplace(each.name, by_name_.size());
}

std::optional<size_t> Steps::find(std::string_view name) const {
  if (name == "end") return kEndStep;
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<size_t> Steps::next(size_t step) const {
  std::vector<size_t> out;
  const Node& at = node(step);
  if (const Node* fork = at.find("fork")) {
    for (const Node& branch : fork->items) out.push_back(*find(branch.text));
  } else if (const Node* to = at.find("to"); to && to->is(Node::Kind::map)) {
    for (const Member& outcome : to->members) out.push_back(*find(outcome.value.text));
  } else {
    out.push_back(to ? *find(to->text) : step + 1 < all_->size() ? step + 1 : kEndStep);
  }
  return out;
}

bool Region::has(size_t step) const {
  return std::any_of(branches.begin(), branches.end(), [&](const auto& each) { return each.contains(step); });
}

size_t Region::size() const {
  size_t out = 0;
  for (const auto& each : branches) out += each.size();
  return out;
}

std::vector<Region> regions(const Steps& steps) {
  std::vector<Region> out;
  for (size_t i = 0; i < steps.all().size(); ++i) {
    if (!steps.node(i).find("fork")) continue;
    Region region{.fork = i, .join = steps.join(i), .branches = {}};
    for (const size_t first : steps.next(i)) region.branches.push_back(reached(steps, {first}, region.join));
    out.push_back(std::move(region));
  }
  return out;
}

void check_structure(const Source& process, Findings& findings) { Checker(process, findings).run(); }

Json process_json(const Node& process) {
  Json out = to_json(process, process_shape());
  const Node* listed = process.find("steps");
  if (!listed || !listed->is(Node::Kind::map) || listed->members.empty()) return out;
  const std::vector<Member>& steps = listed->members;
  out["first"] = steps.front().name;
  for (size_t i = 0; i < steps.size(); ++i) {
    Json& step = out["steps"][steps[i].name];
    if (!step.is_object()) continue;
    if (!step.contains("to") && !step.contains("fork"))
      step["to"] = i + 1 < steps.size() ? steps[i + 1].name : "end";
    normalise(step, "wait");
    normalise(step, "within");
  }
  return out;
}

}  // namespace chengxin::pack
