#include "pack/impl/bpmn_step.h"

#include <algorithm>
#include <charconv>

#include "pack/grammar.h"
#include "pack/impl/bpmn_words.h"

namespace chengxin::pack {
namespace {

// P3D, PT2H, PT30M, PT1H30M, P1W as a pack says it; workdays are days that are marked so.
std::optional<std::string> length_of(std::string_view iso, bool workdays) {
  int64_t weeks = 0, days = 0, hours = 0, minutes = 0;
  if (!iso.starts_with('P') || iso.ends_with('T') || iso.size() > 20) return std::nullopt;
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

class StepReader {
 public:
  StepReader(const BpmnProcess& file, Findings& findings) : file_(file), findings_(findings) {}

  Node run(const Element& step, const Element* late_end) {
    static const std::vector<std::string> known{"en", "decide", "unit", "form", "back", "may", "state"};
    const Element* own = part(step, known);
    const auto said = [&](const char* name) { return own ? attribute_of(*own, name) : std::string(); };
    const std::string id = attribute_of(step, "id"), zh = attribute_of(step, "name");
    Node out = map_node(step.at);
    if (is_blank(zh)) wrong("pack.bpmn_unnamed", step, fmt::format("{} {}", step.name, id), "name=\"…\"");
    put(out, "zh", scalar_node(zh, step.at));
    if (own && own->find("en")) put(out, "en", scalar_node(said("en"), step.at));
    if (step.name == "userTask") people(step, out);
    if (step.name == "businessRuleTask" || (own && own->find("decide"))) decide(step, said("decide"), out);
    if (step.name == "intermediateCatchEvent")
      wait(step, said("unit"), out);
    else if (own && own->find("unit"))
      wrong("pack.member_alone", *own, "unit");
    std::string form = said("form");
    if (form.empty()) form = of_engine(step, "formKey");
    if (!form.empty()) put(out, "form", scalar_node(form, step.at));
    if (step.name == "userTask") deadline(id, late_end, out);
    for (const char* names : {"back", "may"})
      if (own && own->find(names)) put(out, names, list_node(split(said(names), ' '), own->at));
    if (own && own->find("state")) put(out, "state", scalar_node(said("state"), own->at));
    return out;
  }

 private:
  void wrong(std::string_view reason, const Element& at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, file_.file, at.at, about, std::move(mend));
  }
  const Element* part(const Element& element, const std::vector<std::string>& known) {
    return checked_part(element, "step", known, file_.file, findings_);
  }

  void decide(const Element& step, std::string decision, Node& out) {
    if (decision.empty()) decision = of_engine(step, "decisionRef");
    if (decision.empty())
      wrong("pack.member_missing", step, "decide", "<cx:step decide=\"…\"/>");
    else
      put(out, "decide", scalar_node(decision, step.at));
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
    if (!length.empty()) put(out, "wait", scalar_node(length, step.at));
  }

  void deadline(const std::string& id, const Element* late_end, Node& out) {
    const auto late =
        std::find_if(file_.process.children.begin(), file_.process.children.end(), [&](const Element& each) {
          return each.space == bpmn::kModel && each.name == "boundaryEvent" &&
                 attribute_of(each, "attachedToRef") == id;
        });
    if (late == file_.process.children.end()) return;
    const Element& event = *late;
    const Element* own = part(event, {"unit", "escalate_to"});
    const std::string length = timer(event, own ? attribute_of(*own, "unit") : "");
    if (!length.empty()) put(out, "within", scalar_node(length, event.at));
    std::string to = own ? attribute_of(*own, "escalate_to") : std::string();
    if (late_end) {
      const Element* escalates = child_of(*late_end, "escalationEventDefinition");
      const bool reminds = child_of(*late_end, "messageEventDefinition");
      if (escalates && reminds) wrong("pack.bpmn_flow", *late_end, attribute_of(*late_end, "id"));
      if (escalates && escalates->find("escalationRef")) to = role_of(*escalates);
      if (escalates || reminds) put(out, "on_late", scalar_node(escalates ? "escalate" : "remind", event.at));
    }
    if (!to.empty()) put(out, "escalate_to", scalar_node(to, event.at));
  }

  std::string role_of(const Element& definition) {
    std::string_view wanted = *definition.find("escalationRef");
    if (const size_t colon = wanted.find(':'); colon != std::string_view::npos)
      wanted.remove_prefix(colon + 1);
    for (const Element& each : file_.definitions.children)
      if (each.space == bpmn::kModel && each.name == "escalation" && attribute_of(each, "id") == wanted)
        if (const std::string* role = each.find("escalationCode")) return *role;
    wrong("pack.bpmn_reference", definition, wanted);
    return {};
  }

  // --- who does it

  void people(const Element& task, Node& out) {
    std::vector<std::string> who = owners(task);
    const auto also = [&](std::vector<std::string> other) {
      if (!who.empty() && !other.empty() && who != other)
        wrong("pack.member_twice", task, fmt::format("{}; {}", fmt::join(who, ", "), fmt::join(other, ", ")));
      if (who.empty()) who = std::move(other);
    };
    also(split(of_engine(task, "candidateGroups"), ','));
    if (const std::string one = of_engine(task, "assignee"); !one.empty()) also({assignee(task, one)});
    if (const std::string users = of_engine(task, "candidateUsers"); !users.empty())
      wrong("pack.bpmn_people", task, users, "candidateGroups");
    if (who.empty())
      return wrong("pack.bpmn_people", task, attribute_of(task, "id"), "candidateGroups=\"…\"");
    const Element* loop = child_of(task, "multiInstanceLoopCharacteristics");
    if (loop)
      put(out, several(*loop, who.size()), list_node(who, task.at));
    else if (who.size() > 1)
      put(out, "any_of", list_node(who, task.at));
    else
      put(out, "by", scalar_node(who.front(), task.at));
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
  std::string assignee(const Element& task, const std::string& text) {
    const auto inner = within_braces(text);
    if (!inner || !is_name(*inner)) {
      wrong("pack.bpmn_people", task, text, "candidateGroups=\"…\"");
      return text;
    }
    for (const Element& each : file_.process.children)
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
  const BpmnProcess& file_;
  Findings& findings_;
};

}  // namespace

Node scalar_node(std::string text, Place at) {
  Node out;
  out.kind = Node::Kind::scalar;
  out.at = at;
  out.text = std::move(text);
  return out;
}
Node list_node(std::vector<std::string> texts, Place at) {
  Node out;
  out.kind = Node::Kind::list;
  out.at = at;
  for (std::string& text : texts) out.items.push_back(scalar_node(std::move(text), at));
  return out;
}
Node map_node(Place at) {
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

const Element* own_part(const Element& element, std::string_view name) {
  const Element* extensions = child_of(element, "extensionElements");
  if (!extensions) return nullptr;
  for (const Element& each : extensions->children)
    if (each.space == bpmn::kOurs && each.name == name) return &each;
  return nullptr;
}

const Element* checked_part(const Element& element, std::string_view name,
                            const std::vector<std::string>& known, const std::string& file,
                            Findings& findings) {
  const Element* out = own_part(element, name);
  const Element* extensions = child_of(element, "extensionElements");
  if (!extensions) return nullptr;
  for (const Element& each : extensions->children)
    if (each.space == bpmn::kOurs && &each != out)
      findings.wrong("pack.member_unknown", file, each.at, each.name);
  if (!out) return nullptr;
  for (const Element::Attribute& attribute : out->attributes)
    if (std::find(known.begin(), known.end(), attribute.name) == known.end() || !attribute.space.empty())
      findings.wrong("pack.member_unknown", file, out->at, attribute.name, nearest(attribute.name, known));
  return out;
}

Node read_step(const BpmnProcess& file, const Element& step, const Element* late_end, Findings& findings) {
  return StepReader(file, findings).run(step, late_end);
}

}  // namespace chengxin::pack
