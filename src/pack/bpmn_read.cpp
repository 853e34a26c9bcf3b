#include <algorithm>

#include "pack/bpmn.h"
#include "pack/impl/bpmn_step.h"
#include "pack/impl/bpmn_words.h"
#include "pack/impl/tables.h"
#include "pack/steps.h"

namespace chengxin::pack {
namespace {

constexpr size_t kMostParts = 6000;  // elements of a process

// vacationRequest, sid-1F → vacation_request, sid_1f. What is in other letters stays, and is refused.
std::string name_from(std::string_view id) {
  if (is_name(id)) return std::string(id);
  std::string out;
  char before = '_';
  for (const char c : id) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && before >= 'a' && before <= 'z') out += '_';
    out += c == '-' || c == '.' ? '_' : capital ? char(c + 32) : c;
    before = c;
  }
  out.erase(0, out.find_first_not_of('_'));
  return is_name(out) ? out : std::string(id);
}

class Importer {
 public:
  Importer(const std::string& file, const BpmnDefaults& defaults, Findings& findings)
      : file_(file), defaults_(defaults), findings_(findings) {}

  std::optional<Imported> run(std::string_view xml) {
    const size_t before = findings_.total();
    const auto root = parse_xml(xml, file_, findings_);
    if (!root) return std::nullopt;
    const Element* process = vet_bpmn(*root, file_, out_.left_out, findings_);
    if (!process) return std::nullopt;
    if (process->children.size() > kMostParts) {
      wrong("pack.too_many", *process, fmt::format("{} > {}", process->children.size(), kMostParts));
      return std::nullopt;
    }
    const auto graph = findings_.total() == before ? follow_bpmn(*process, file_, findings_) : std::nullopt;
    if (!graph) expressions(*process);
    if (graph) graph_ = *graph;
    take_names(*process);
    Source source{.file = file_, .text = {}, .root = head(*process)};
    Node steps = map_node(process->at);
    for (const Element* step : steps_)
      put(steps, names_.at(attribute_of(*step, "id")),
          read_step({*root, *process, file_}, *step, late_end(*step), findings_));
    if (graph) lead_on(steps.members, *process);
    put(source.root, "steps", std::move(steps));
    tail(source.root, *process);
    if (findings_.total() == before) judge(source, *process);
    if (findings_.total() > before) return std::nullopt;
    out_.yaml = write_yaml(source.root);
    return std::move(out_);
  }

 private:
  void wrong(std::string_view reason, const Element& at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, file_, at.at, about, std::move(mend));
  }

  static bool is_step(const Element& element) {
    return element.space == bpmn::kModel &&
           (element.name == "userTask" || element.name == "businessRuleTask" ||
            element.name == "intermediateCatchEvent");
  }

  const Element* late_end(const Element& step) const {
    const auto found = graph_.late_end.find(attribute_of(step, "id"));
    return found == graph_.late_end.end() ? nullptr : found->second;
  }

  // Flows of a file whose elements are not all known are not followed, but what they say is looked at.
  void expressions(const Element& process) {
    for (const Element& flow : process.children)
      if (const Element* condition = child_of(flow, "conditionExpression"))
        if (const auto inner = within_braces(condition->text);
            inner && inner->find_first_of("'\"") == inner->npos)
          wrong("pack.bpmn_condition", *condition, trimmed(condition->text), rule_instead(*inner));
  }

  // --- names

  void take_names(const Element& process) {
    std::map<std::string, std::string> taken;
    for (const Element& child : process.children) {
      const std::string id = attribute_of(child, "id");
      const bool fork = child.name == "parallelGateway" && graph_.steps.contains(id);
      if (!is_step(child) && !fork) continue;
      steps_.push_back(&child);
      const std::string name = renamed(child, id);
      if (const auto [at, fresh] = taken.emplace(name, id); !fresh)
        wrong("pack.name_taken", child, fmt::format("{}, {} → {}", at->second, id, name));
      if (name == "end") wrong("pack.name_reserved", child, id, "end_");
      names_[id] = name;
    }
  }

  std::string renamed(const Element& element, const std::string& id) {
    const std::string name = name_from(id);
    if (!is_name(name)) wrong("pack.name", element, id, "a_name");
    if (name != id) out_.renamed.push_back(fmt::format("{} → {}", id, name));
    return name;
  }

  std::string name_of(const std::string& id) const { return id.empty() ? "end" : names_.at(id); }

  // --- the process

  Node titles(const std::string& zh, const std::string& en, Place at) {
    if (en.empty()) return scalar_node(zh, at);
    Node out = map_node(at);
    put(out, "zh", scalar_node(zh, at));
    put(out, "en", scalar_node(en, at));
    return out;
  }

  Node head(const Element& process) {
    static const std::vector<std::string> known{"en",    "note_en",         "for",
                                                "start", "withdraw_before", "calendar"};
    const Element* own = checked_part(process, "process", known, file_, findings_);
    const auto said = [&](const char* name) { return own ? attribute_of(*own, name) : std::string(); };
    const Place at = process.at;
    std::string id = attribute_of(process, "id");
    const std::string_view bare = std::string_view(id).substr(std::min(id.size(), bpmn::kProcessId.size()));
    out_.name = id.starts_with(bpmn::kProcessId) && is_name(bare) ? std::string(bare) : renamed(process, id);
    Node out = map_node(at);
    put(out, "process", scalar_node(out_.name, at));
    if (is_blank(attribute_of(process, "name"))) wrong("pack.bpmn_unnamed", process, id, "name=\"…\"");
    put(out, "title", titles(attribute_of(process, "name"), said("en"), at));
    if (const Element* note = child_of(process, "documentation"); note && !is_blank(note->text))
      put(out, "note", titles(note->text, said("note_en"), note->at));
    else if (!said("note_en").empty())
      wrong("pack.member_alone", *own, "note_en (documentation)");
    const std::string about = chosen(process, said("for"), defaults_.about, "for");
    if (!about.empty()) put(out, "for", scalar_node(about, at));
    auto start = split(said("start"), ' ');
    if (start.empty()) start = split(of_engine(process, "candidateStarterGroups"), ',');
    const std::string roles = chosen(process, fmt::format("{}", fmt::join(start, " ")),
                                     fmt::format("{}", fmt::join(defaults_.start, " ")), "start");
    if (!roles.empty()) put(out, "start", list_node(split(roles, ' '), at));
    return out;
  }

  void tail(Node& root, const Element& process) {
    const Element* own = own_part(process, "process");
    for (const char* name : {"withdraw_before", "calendar"})
      if (own && own->find(name)) put(root, name, scalar_node(attribute_of(*own, name), own->at));
  }

  // What the file says, else what the caller does; both is one too many.
  std::string chosen(const Element& process, const std::string& said, const std::string& given,
                     const char* member) {
    if (!said.empty() && !given.empty() && said != given)
      wrong("pack.member_twice", process, fmt::format("{}: {}; {}", member, said, given));
    if (said.empty() && given.empty())
      wrong("pack.member_missing", process, member, fmt::format("--{} …", member));
    return said.empty() ? given : said;
  }

  // --- what follows

  void lead_on(std::vector<Member>& steps, const Element& process) {
    for (size_t i = 0; i < steps.size(); ++i)
      onward(steps[i].value, graph_.steps[attribute_of(*steps_[i], "id")]);
    const auto first = std::find_if(steps.begin(), steps.end(),
                                    [&](const Member& each) { return each.name == name_of(graph_.first); });
    if (first == steps.end()) return wrong("pack.bpmn_flow", process, "startEvent", "userTask");
    std::rotate(steps.begin(), first, first + 1);
    for (size_t i = 0; i < steps.size(); ++i)
      shorten(steps[i].value, i + 1 < steps.size() ? steps[i + 1].name : "end");
  }

  void judge(const Source& source, const Element& process) {
    if (!check_grammar(source, process_shape(), findings_)) return;
    if (!names_steps(source)) return;
    reach(source, process);
    check_structure(source, findings_);
  }

  void onward(Node& step, const Onward& onward) {
    if (!onward.when.empty()) put(step, "when", scalar_node(onward.when, onward.when_at));
    if (!onward.fork.empty()) {
      std::vector<std::string> branches;
      for (const std::string& each : onward.fork) branches.push_back(name_of(each));
      put(step, "fork", list_node(branches, step.at));
      put(step, "join", scalar_node(name_of(onward.join), step.at));
    } else if (!onward.outcomes.empty()) {
      Node to = map_node(step.at);
      for (const Onward::Outcome& each : onward.outcomes) {
        if (to.find(each.name)) findings_.wrong("pack.member_twice", file_, each.at, each.name);
        put(to, each.name, scalar_node(name_of(each.to), each.at));
      }
      put(step, "to", std::move(to));
    } else {
      put(step, "to", scalar_node(name_of(onward.to), step.at));
    }
  }

  // `to` is left out where it is the next step; what is left is in the order in which packs are written.
  static void shorten(Node& step, std::string_view next) {
    constexpr std::string_view kOrder[] = {
        "zh",   "en",   "by",     "all_of",  "any_of",      "in_turn", "decide", "wait",  "fork", "join",
        "when", "form", "within", "on_late", "escalate_to", "back",    "may",    "state", "to"};
    std::erase_if(step.members,
                  [&](const Member& each) { return each.name == "to" && each.value.text == next; });
    std::stable_sort(step.members.begin(), step.members.end(), [&](const Member& a, const Member& b) {
      return std::find(std::begin(kOrder), std::end(kOrder), a.name) <
             std::find(std::begin(kOrder), std::end(kOrder), b.name);
    });
  }

  // The steps that our own elements name.
  bool names_steps(const Source& source) {
    const Steps steps(source.root);
    std::vector<std::string> all;
    for (const Member& each : steps.all()) all.push_back(each.name);
    const auto before = findings_.total();
    const auto demand = [&](const Node& name) {
      if (std::find(all.begin(), all.end(), name.text) == all.end())
        findings_.wrong("pack.step_unknown", file_, name.at, name.text, nearest(name.text, all));
    };
    if (const Node* until = source.root.find("withdraw_before")) demand(*until);
    for (const Member& each : steps.all())
      if (const Node* back = each.value.find("back"))
        for (const Node& name : back->items) demand(name);
    return findings_.total() == before;
  }

  void reach(const Source& source, const Element& process) {
    const Steps steps(source.root);
    std::set<size_t> seen;
    std::vector<size_t> open{0};
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (!seen.insert(at).second || at == kEndStep) continue;
      for (const size_t next : steps.next(at)) open.push_back(next);
      if (const Node* back = steps.node(at).find("back"))
        for (const Node& name : back->items) open.push_back(*steps.find(name.text));
    }
    for (size_t i = 0; i < steps.all().size(); ++i)
      if (!seen.contains(i)) findings_.wrong("pack.step_unreached", file_, steps.node(i).at, steps.name(i));
    if (!seen.contains(kEndStep)) wrong("pack.no_end", process, "", "endEvent");
  }

  const std::string& file_;
  const BpmnDefaults& defaults_;
  Findings& findings_;
  std::vector<const Element*> steps_;  // in the order of the file
  std::map<std::string, std::string> names_;
  BpmnGraph graph_;
  Imported out_;
};

}  // namespace

std::optional<Imported> read_bpmn(std::string_view xml, const std::string& file, const BpmnDefaults& defaults,
                                  Findings& findings) {
  return Importer(file, defaults, findings).run(xml);
}

}  // namespace chengxin::pack
