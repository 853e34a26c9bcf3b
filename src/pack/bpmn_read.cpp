#include <algorithm>
#include <charconv>

#include "pack/bpmn.h"
#include "pack/impl/bpmn_graph.h"
#include "pack/impl/bpmn_words.h"
#include "pack/impl/tables.h"
#include "pack/steps.h"

namespace chengxin::pack {
namespace {

Node scalar(std::string text, Place at) {
  Node out;
  out.kind = Node::Kind::scalar;
  out.at = at;
  out.text = std::move(text);
  return out;
}
Node list(std::vector<std::string> texts, Place at) {
  Node out;
  out.kind = Node::Kind::list;
  out.at = at;
  for (std::string& text : texts) out.items.push_back(scalar(std::move(text), at));
  return out;
}
Node map(Place at) {
  Node out;
  out.kind = Node::Kind::map;
  out.at = at;
  return out;
}
void put(Node& map, std::string_view name, Node value) {
  const Place at = value.at;
  map.members.push_back({std::string(name), at, std::move(value)});
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out;
  while (!is_blank(text)) {
    const size_t end = text.find(at);
    if (const auto part = trimmed(text.substr(0, end)); !part.empty()) out.emplace_back(part);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// vacationRequest, sid-1F → vacation_request, sid_1f. What is in other letters stays, and is refused.
std::string name_from(std::string_view id) {
  if (is_name(id)) return std::string(id);
  std::string out;
  for (const char c : id) {
    const bool capital = c >= 'A' && c <= 'Z';
    const bool word_ends = !out.empty() && out.back() != '_' && !(out.back() >= 'A' && out.back() <= 'Z');
    if (capital && word_ends) out += '_';
    if (c == '-' || c == '.')
      out += '_';
    else
      out += capital ? char(c + 32) : c;
  }
  out.erase(0, out.find_first_not_of('_'));
  return is_name(out) ? out : std::string(id);
}

// P3D, PT2H, PT30M, PT1H30M, P1W as a pack says it; workdays are days that are marked so.
std::optional<std::string> length_of(std::string_view iso, bool workdays) {
  int64_t weeks = 0, days = 0, hours = 0, minutes = 0;
  if (!iso.starts_with('P') || iso.size() > 20) return std::nullopt;
  bool time = false;
  for (iso.remove_prefix(1); !iso.empty();) {
    if (iso.front() == 'T' && !time) {
      time = true;
      iso.remove_prefix(1);
      continue;
    }
    int value = 0;
    const auto [end, error] = std::from_chars(iso.data(), iso.data() + iso.size(), value);
    if (error != std::errc() || end == iso.data() + iso.size() || value < 0) return std::nullopt;
    int64_t* const unit = !time && *end == 'W'   ? &weeks
                          : !time && *end == 'D' ? &days
                          : time && *end == 'H'  ? &hours
                          : time && *end == 'M'  ? &minutes
                                                 : nullptr;
    if (!unit || *unit != 0) return std::nullopt;
    *unit = value;
    iso.remove_prefix(size_t(end - iso.data()) + 1);
  }
  days += 7 * weeks;
  if ((days > 0) == (hours + minutes > 0) || (workdays && days == 0)) return std::nullopt;
  const int64_t number = days > 0 ? days : minutes > 0 ? 60 * hours + minutes : hours;
  const char* unit = workdays ? "workday" : days > 0 ? "day" : minutes > 0 ? "minute" : "hour";
  return fmt::format("{} {}{}", number, unit, number == 1 ? "" : "s");
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
    roots_ = &*root;
    const auto graph = findings_.total() == before ? follow_bpmn(*process, file_, findings_) : std::nullopt;
    if (!graph) expressions(*process);
    take_names(*process, graph);
    if (graph) graph_ = *graph;
    Source source{.file = file_, .text = {}, .root = head(*process)};
    Node steps = map(process->at);
    for (const Element* step : steps_) put(steps, names_.at(attribute_of(*step, "id")), one(*process, *step));
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

  // Flows of a file whose elements are not all known are not followed, but what they say is looked at.
  void expressions(const Element& process) {
    for (const Element& flow : process.children)
      if (const Element* condition = child_of(flow, "conditionExpression"))
        if (const auto inner = within_braces(condition->text);
            inner && inner->find_first_of("'\"") == inner->npos)
          wrong("pack.bpmn_condition", *condition, trimmed(condition->text), rule_instead(*inner));
  }

  // --- names

  void take_names(const Element& process, const std::optional<BpmnGraph>& graph) {
    std::map<std::string, std::string> taken;
    for (const Element& child : process.children) {
      const std::string id = attribute_of(child, "id");
      const bool fork = graph && child.name == "parallelGateway" && graph->steps.contains(id);
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

  static const Element* ours_in(const Element& element, std::string_view name) {
    const Element* extensions = child_of(element, "extensionElements");
    if (!extensions) return nullptr;
    for (const Element& each : extensions->children)
      if (each.space == bpmn::kOurs && each.name == name) return &each;
    return nullptr;
  }

  // The same, after a look at what else stands there, and at its attributes, which are among `known`.
  const Element* ours(const Element& element, std::string_view name, const std::vector<std::string>& known) {
    const Element* out = ours_in(element, name);
    const Element* extensions = child_of(element, "extensionElements");
    if (!extensions) return nullptr;
    for (const Element& each : extensions->children)
      if (each.space == bpmn::kOurs && &each != out) wrong("pack.member_unknown", each, each.name);
    if (!out) return nullptr;
    for (const Element::Attribute& attribute : out->attributes)
      if (std::find(known.begin(), known.end(), attribute.name) == known.end() || !attribute.space.empty())
        wrong("pack.member_unknown", *out, attribute.name, nearest(attribute.name, known));
    return out;
  }

  Node titles(const std::string& zh, const std::string& en, Place at) {
    if (en.empty()) return scalar(zh, at);
    Node out = map(at);
    put(out, "zh", scalar(zh, at));
    put(out, "en", scalar(en, at));
    return out;
  }

  Node head(const Element& process) {
    static const std::vector<std::string> known{"en", "note_en", "for", "start", "withdraw_before"};
    const Element* own = ours(process, "process", known);
    const auto said = [&](const char* name) { return own ? attribute_of(*own, name) : std::string(); };
    const Place at = process.at;
    std::string id = attribute_of(process, "id");
    const std::string_view bare = std::string_view(id).substr(std::min(id.size(), bpmn::kProcessId.size()));
    out_.name = id.starts_with(bpmn::kProcessId) && is_name(bare) ? std::string(bare) : renamed(process, id);
    Node out = map(at);
    put(out, "process", scalar(out_.name, at));
    if (is_blank(attribute_of(process, "name"))) wrong("pack.bpmn_unnamed", process, id, "name=\"…\"");
    put(out, "title", titles(attribute_of(process, "name"), said("en"), at));
    if (const Element* note = child_of(process, "documentation"); note && !is_blank(note->text))
      put(out, "note", titles(note->text, said("note_en"), note->at));
    else if (!said("note_en").empty())
      wrong("pack.member_alone", *own, "note_en (documentation)");
    const std::string about = chosen(process, said("for"), defaults_.about, "for");
    if (!about.empty()) put(out, "for", scalar(about, at));
    auto start = split(said("start"), ' ');
    if (start.empty()) start = split(of_engine(process, "candidateStarterGroups"), ',');
    const std::string roles = chosen(process, fmt::format("{}", fmt::join(start, " ")),
                                     fmt::format("{}", fmt::join(defaults_.start, " ")), "start");
    if (!roles.empty()) put(out, "start", list(split(roles, ' '), at));
    return out;
  }

  void tail(Node& root, const Element& process) {
    const Element* own = ours_in(process, "process");
    if (own && own->find("withdraw_before"))
      put(root, "withdraw_before", scalar(attribute_of(*own, "withdraw_before"), own->at));
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

  // --- one step; what follows it comes later

  Node one(const Element& process, const Element& step) {
    static const std::vector<std::string> known{"en", "decide", "unit", "form", "back", "may", "state"};
    const Element* own = ours(step, "step", known);
    const auto said = [&](const char* name) { return own ? attribute_of(*own, name) : std::string(); };
    const std::string id = attribute_of(step, "id"), zh = attribute_of(step, "name");
    Node out = map(step.at);
    if (is_blank(zh)) wrong("pack.bpmn_unnamed", step, fmt::format("{} {}", step.name, id), "name=\"…\"");
    put(out, "zh", scalar(zh, step.at));
    if (own && own->find("en")) put(out, "en", scalar(said("en"), step.at));
    if (step.name == "userTask") people(process, step, out);
    if (step.name == "businessRuleTask" || own_decide(own)) decide(step, said("decide"), out);
    if (step.name == "intermediateCatchEvent")
      wait(step, said("unit"), out);
    else if (own && own->find("unit"))
      wrong("pack.member_alone", *own, "unit");
    std::string form = said("form");
    if (form.empty()) form = of_engine(step, "formKey");
    if (!form.empty()) put(out, "form", scalar(form, step.at));
    if (step.name == "userTask") deadline(process, id, out);
    for (const char* names : {"back", "may"})
      if (own && own->find(names)) put(out, names, list(split(said(names), ' '), own->at));
    if (own && own->find("state")) put(out, "state", scalar(said("state"), own->at));
    return out;
  }

  static bool own_decide(const Element* own) { return own && own->find("decide"); }

  void decide(const Element& step, std::string decision, Node& out) {
    if (decision.empty()) decision = of_engine(step, "decisionRef");
    if (decision.empty())
      wrong("pack.member_missing", step, "decide", "<cx:step decide=\"…\"/>");
    else
      put(out, "decide", scalar(decision, step.at));
  }

  std::string timer(const Element& event, std::string_view unit) {
    const Element* timer = child_of(event, "timerEventDefinition");
    const Element* length = timer ? child_of(*timer, "timeDuration") : nullptr;
    if (!unit.empty() && unit != "workday") wrong("pack.choice", event, unit, "workday");
    const auto out = length ? length_of(trimmed(length->text), unit == "workday") : std::nullopt;
    if (!out)
      wrong("pack.bpmn_time", length ? *length : event, length ? trimmed(length->text) : "",
            "P3D | PT2H | PT30M");
    return out.value_or("");
  }

  void wait(const Element& step, const std::string& unit, Node& out) {
    const std::string length = timer(step, unit);
    if (!length.empty()) put(out, "wait", scalar(length, step.at));
  }

  void deadline(const Element& process, const std::string& id, Node& out) {
    const auto late =
        std::find_if(process.children.begin(), process.children.end(), [&](const Element& each) {
          return each.space == bpmn::kModel && each.name == "boundaryEvent" &&
                 attribute_of(each, "attachedToRef") == id;
        });
    if (late == process.children.end()) return;
    const Element& event = *late;
    const Element* own = ours(event, "step", {"unit", "escalate_to"});
    const std::string length = timer(event, own ? attribute_of(*own, "unit") : "");
    if (!length.empty()) put(out, "within", scalar(length, event.at));
    std::string to = own ? attribute_of(*own, "escalate_to") : std::string();
    if (const auto end = graph_.late_end.find(id); end != graph_.late_end.end()) {
      const Element* escalates = child_of(*end->second, "escalationEventDefinition");
      const bool reminds = child_of(*end->second, "messageEventDefinition");
      if (escalates && reminds) wrong("pack.bpmn_flow", *end->second, attribute_of(*end->second, "id"));
      if (escalates && escalates->find("escalationRef")) to = role_of(*escalates);
      if (escalates || reminds) put(out, "on_late", scalar(escalates ? "escalate" : "remind", event.at));
    }
    if (!to.empty()) put(out, "escalate_to", scalar(to, event.at));
  }

  std::string role_of(const Element& definition) {
    std::string_view wanted = *definition.find("escalationRef");
    if (const size_t colon = wanted.find(':'); colon != std::string_view::npos)
      wanted.remove_prefix(colon + 1);
    for (const Element& each : roots_->children)
      if (each.space == bpmn::kModel && each.name == "escalation" && attribute_of(each, "id") == wanted)
        if (const std::string* role = each.find("escalationCode")) return *role;
    wrong("pack.bpmn_reference", definition, wanted);
    return {};
  }

  // --- who does it

  void people(const Element& process, const Element& task, Node& out) {
    std::vector<std::string> who = owners(task);
    const auto also = [&](std::vector<std::string> other) {
      if (!who.empty() && !other.empty() && who != other)
        wrong("pack.member_twice", task, fmt::format("{}; {}", fmt::join(who, ", "), fmt::join(other, ", ")));
      if (who.empty()) who = std::move(other);
    };
    also(split(of_engine(task, "candidateGroups"), ','));
    if (const std::string one = of_engine(task, "assignee"); !one.empty())
      also({assignee(process, task, one)});
    if (const std::string users = of_engine(task, "candidateUsers"); !users.empty())
      wrong("pack.bpmn_people", task, users, "candidateGroups");
    if (who.empty())
      return wrong("pack.bpmn_people", task, attribute_of(task, "id"), "candidateGroups=\"…\"");
    const Element* loop = child_of(task, "multiInstanceLoopCharacteristics");
    if (loop)
      put(out, several(*loop, who.size()), list(who, task.at));
    else if (who.size() > 1)
      put(out, "any_of", list(who, task.at));
    else
      put(out, "by", scalar(who.front(), task.at));
  }

  std::vector<std::string> owners(const Element& task) {
    std::vector<std::string> out;
    for (const Element& child : task.children) {
      if (child.space != bpmn::kModel || child.name != "potentialOwner") continue;
      const Element* assigned = child_of(child, "resourceAssignmentExpression");
      const Element* expression = assigned ? child_of(*assigned, "formalExpression") : nullptr;
      if (assigned && !expression)
        expression = child_of(*assigned, "expression");  // what both are in the schema
      for (std::string& each : split(expression ? expression->text : "", ',')) {
        if (each.starts_with("group(") && each.ends_with(')')) each = each.substr(6, each.size() - 7);
        if (!is_name(each)) wrong("pack.bpmn_people", child, each, "a_role");
        out.push_back(std::move(each));
      }
    }
    return out;
  }

  // ${field}; the variable in which an engine keeps who started it is our starter.
  std::string assignee(const Element& process, const Element& task, const std::string& text) {
    const auto inner = within_braces(text);
    if (!inner || !is_name(name_from(*inner))) {
      wrong("pack.bpmn_people", task, text, "candidateGroups=\"…\"");
      return text;
    }
    for (const Element& each : process.children)
      if (each.name == "startEvent" && of_engine(each, "initiator") == *inner) return "starter";
    return std::string(*inner);
  }

  // What several people are to one another.
  std::string several(const Element& loop, size_t people) {
    const auto said = [&](const char* name) {
      const Element* found = child_of(loop, name);
      if (!found) return std::string();
      std::string text(within_braces(found->text).value_or(trimmed(found->text)));
      text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
      return text;
    };
    const std::string many = said("loopCardinality"), enough = said("completionCondition");
    if (const std::string of = of_engine(loop, "collection"); !of.empty())
      wrong("pack.bpmn_people", loop, of, "candidateGroups=\"…\"");
    if (!many.empty() && many != std::to_string(people))
      wrong("pack.bpmn_people", loop, "loopCardinality: " + many, std::to_string(people));
    const bool in_turn =
        attribute_of(loop, "isSequential") == "true" || attribute_of(loop, "isSequential") == "1";
    constexpr std::string_view kOne[] = {"nrOfCompletedInstances>=1", "nrOfCompletedInstances==1",
                                         "nrOfCompletedInstances>0"};
    const bool one = std::find(std::begin(kOne), std::end(kOne), enough) != std::end(kOne);
    if (!enough.empty() && (!one || in_turn))
      wrong("pack.bpmn_people", loop, "completionCondition: " + enough,
            in_turn ? "" : "nrOfCompletedInstances >= 1");
    return in_turn ? "in_turn" : one ? "any_of" : "all_of";
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
    if (!onward.when.empty()) put(step, "when", scalar(onward.when, onward.when_at));
    if (!onward.fork.empty()) {
      std::vector<std::string> branches;
      for (const std::string& each : onward.fork) branches.push_back(name_of(each));
      put(step, "fork", list(branches, step.at));
      put(step, "join", scalar(name_of(onward.join), step.at));
    } else if (!onward.outcomes.empty()) {
      Node to = map(step.at);
      for (const Onward::Outcome& each : onward.outcomes) {
        if (to.find(each.name)) findings_.wrong("pack.member_twice", file_, each.at, each.name);
        put(to, each.name, scalar(name_of(each.to), each.at));
      }
      put(step, "to", std::move(to));
    } else {
      put(step, "to", scalar(name_of(onward.to), step.at));
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
  const Element* roots_ = nullptr;
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
