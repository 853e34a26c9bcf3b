#include <algorithm>

#include "pack/impl/link.h"

namespace chengxin::pack {
namespace {

constexpr std::string_view kEnd = "end";

// What a process says of its entity, of roles and of its own steps.
class ProcessLinker {
 public:
  ProcessLinker(const Source& source, const Scope& scope, Findings& findings)
      : source_(source), scope_(scope), findings_(findings) {}

  void run() {
    const Node *about = source_.root.find("for"), *steps = source_.root.find("steps");
    roles(source_.root.find("start"));
    if (const Node* calendar = source_.root.find("calendar"))
      names_one(*calendar, scope_.calendars, "pack.calendar_unknown", source_, findings_);
    if (!about || !steps || !steps->is(Node::Kind::map)) return;
    if (!names_one(*about, scope_.entity_names, "pack.entity_unknown", source_, findings_)) return;
    take_entity(*scope_.entities.at(about->text));
    for (const Member& step : steps->members) steps_.push_back(step.name);
    if (const Node* before = source_.root.find("withdraw_before")) step(*before);
    for (size_t i = 0; i < steps->members.size(); ++i) check(steps->members[i], i);
    reach(*steps);
    for (size_t i = 0; i < steps->members.size(); ++i) branches(steps->members[i].value);
  }

 private:
  void wrong(std::string_view reason, Place at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, source_.file, at, about, std::move(mend));
  }

  void take_entity(const Entity& entity) {
    it_ = {{"object", entity.name}};
    people_ = scope_.roles;
    people_.emplace_back("starter");
    for (const Field& field : entity.fields)
      if (field.type == Type::ref) people_.push_back(field.name);
    if (const Node* states = entity.node().find("states"))
      for (const Member& state : states->members) states_.push_back(state.name);
  }

  void roles(const Node* names) {
    if (names)
      for (const Node& role : names->items)
        names_one(role, scope_.roles, "pack.role_unknown", source_, findings_);
  }

  bool step(const Node& node) { return names_one(node, steps_, "pack.step_unknown", source_, findings_); }

  // The step that `node` leads to, noted for reach().
  void leads(size_t from, const Node& node, bool returns = false) {
    if (node.text == kEnd)
      ends_.insert(from);
    else if (node.is(Node::Kind::scalar) && step(node))
      goes(from, index_of(node), returns);
  }

  void goes(size_t from, size_t to, bool returns = false) {
    edges_.emplace(from, to);
    if (!returns) onward_.emplace(from, to);
  }

  bool is_step(const Node& node) const {
    return std::find(steps_.begin(), steps_.end(), node.text) != steps_.end();
  }
  size_t index_of(const Node& node) const {
    return size_t(std::find(steps_.begin(), steps_.end(), node.text) - steps_.begin());
  }

  void check(const Member& member, size_t index) {
    const Node& node = member.value;
    if (member.name == kEnd) wrong("pack.name_reserved", member.at, member.name, "end_");
    who(node);
    if (const Node* state = node.find("state"))
      names_one(*state, states_, "pack.state_unknown", source_, findings_);
    if (const Node* form = node.find("form"))
      names_one(*form, scope_.views, "pack.view_unknown", source_, findings_);
    if (const Node* role = node.find("escalate_to"))
      names_one(*role, scope_.roles, "pack.role_unknown", source_, findings_);
    if (const Node* when = node.find("when"))
      check_rule(when, scope_.environment(it_), "bool", source_, findings_);
    if (const Node* back = node.find("back"))
      for (const Node& each : back->items) leads(index, each, true);
    const Node* fork = node.find("fork");
    if (fork)
      for (const Node& branch : fork->items) leads(index, branch);
    if (const Node* join = node.find("join")) leads(index, *join);
    if (fork && !node.find("join")) wrong("pack.member_missing", fork->at, "join");
    const Node* to = node.find("to");
    if (fork && to) wrong("pack.member_twice", to->at, "fork, to", "join");
    if (!fork) onward(node, index);
  }

  void who(const Node& node) {
    if (const Node* by = node.find("by")) names_one(*by, people_, "pack.person_unknown", source_, findings_);
    for (const char* verb : {"all_of", "any_of", "in_turn"})
      if (const Node* names = node.find(verb))
        for (const Node& name : names->items)
          names_one(name, people_, "pack.person_unknown", source_, findings_);
  }

  void onward(const Node& node, size_t index) {
    const Node *to = node.find("to"), *decide = node.find("decide");
    if (decide) return outcomes(*decide, to, index);
    if (to && to->is(Node::Kind::map)) return wrong("pack.outcomes", to->at, "to", steps_.front());
    if (to)
      leads(index, *to);
    else if (index + 1 < steps_.size())
      goes(index, index + 1);
    else
      ends_.insert(index);
  }

  // Every outcome of the decision table leads somewhere, and nothing else does.
  void outcomes(const Node& decide, const Node* to, size_t index) {
    const auto decision = scope_.decisions.find(decide.text);
    std::vector<std::string> known;
    for (const auto& [name, part] : scope_.decisions) known.push_back(name);
    if (!names_one(decide, known, "pack.decision_unknown", source_, findings_)) return;
    if (!to || !to->is(Node::Kind::map))
      return wrong("pack.outcomes", to ? to->at : decide.at, decide.text, "to: {…: …}");
    std::vector<std::string> gives;
    if (const Node* list = decision->second->source->root.find("gives"))
      for (const Node& each : list->items) gives.push_back(each.text);
    for (const Member& each : to->members) {
      if (std::find(gives.begin(), gives.end(), each.name) == gives.end())
        wrong("pack.outcome_unknown", each.at, each.name, nearest(each.name, gives));
      leads(index, each.value);
    }
    for (const std::string& outcome : gives)
      if (!to->find(outcome)) wrong("pack.outcomes", to->at, outcome, outcome + ": …");
  }

  // Branches meet at their join: none of them ends, or passes the join of a fork around it, before.
  void branches(const Node& node) {
    const Node *fork = node.find("fork"), *join = node.find("join");
    if (!fork || !join || !is_step(*join)) return;
    for (const Node& branch : fork->items)
      if (is_step(branch)) meets(branch, *join);
  }

  void meets(const Node& branch, const Node& join) {
    std::set<size_t> seen{index_of(join)};
    std::vector<size_t> open{index_of(branch)};
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (!seen.insert(at).second) continue;
      if (ends_.contains(at)) return wrong("pack.branch_ends", branch.at, steps_[at], "to: " + join.text);
      const auto [from, until] = onward_.equal_range(at);
      for (auto edge = from; edge != until; ++edge) open.push_back(edge->second);
    }
  }

  void reach(const Node& steps) {
    std::set<size_t> seen;
    std::vector<size_t> open{0};
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (!seen.insert(at).second) continue;
      const auto [from, until] = edges_.equal_range(at);
      for (auto edge = from; edge != until; ++edge) open.push_back(edge->second);
    }
    for (size_t i = 0; i < steps.members.size(); ++i)
      if (!seen.contains(i)) wrong("pack.step_unreached", steps.members[i].at, steps_[i]);
    if (std::none_of(ends_.begin(), ends_.end(), [&](size_t each) { return seen.contains(each); }))
      wrong("pack.no_end", steps.at, "", "to: end");
  }

  const Source& source_;
  const Scope& scope_;
  Findings& findings_;
  Json it_;
  std::vector<std::string> steps_, people_, states_;
  std::multimap<size_t, size_t> edges_, onward_;  // the second without what is returned
  std::set<size_t> ends_;
};

}  // namespace

// A day stands once, and a span has an end that is not before its beginning.
void link_calendar(const Source& source, Findings& findings) {
  const Node* days = source.root.find("days");
  if (!days) return;
  std::vector<std::pair<std::string, std::string>> spans;  // first and last day
  for (const Node& day : days->items) {
    const Node *off = day.find("off"), *first = off ? off : day.find("work"), *last = day.find("until");
    if (!last) last = first;
    if (!first || !is_date(first->text) || !is_date(last->text)) continue;  // said already
    if (last->text < first->text)
      findings.wrong("pack.dates", source.file, last->at, first->text + " > " + last->text);
    for (const auto& [from, until] : spans)
      if (first->text <= until && from <= last->text)
        findings.wrong("pack.day_twice", source.file, first->at, std::max(first->text, from));
    spans.emplace_back(first->text, last->text);
  }
}

void link_process(const Source& source, const Scope& scope, Findings& findings) {
  ProcessLinker(source, scope, findings).run();
}

}  // namespace chengxin::pack
