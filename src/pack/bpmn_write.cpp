#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "pack/bpmn.h"
#include "pack/impl/bpmn_words.h"
#include "pack/impl/diagram.h"
#include "pack/steps.h"

namespace chengxin::pack {
namespace {

using Xml = pugi::xml_node;
using Attributes = std::vector<std::pair<const char*, std::string>>;

Xml add(Xml parent, const char* name, const Attributes& attributes = {}) {
  Xml out = parent.append_child(name);
  for (const auto& [key, value] : attributes)
    if (!value.empty()) out.append_attribute(key) = value.c_str();
  return out;
}

void add_text(Xml parent, const char* name, const std::string& text, const Attributes& attributes = {}) {
  add(parent, name, attributes).text() = text.c_str();
}

void add_expression(Xml parent, const char* name, const std::string& text, std::string_view language = {}) {
  add_text(parent, name, text, {{"xsi:type", "bpmn:tFormalExpression"}, {"language", std::string(language)}});
}

std::string text_of(const Node& node, std::string_view member) {
  const Node* found = node.find(member);
  return found ? found->text : std::string();
}

// Names, blanks between.
std::string list_of(const Node& node, std::string_view member) {
  std::vector<std::string> names;
  if (const Node* found = node.find(member))
    for (const Node& item : found->items) names.push_back(item.text);
  return fmt::format("{}", fmt::join(names, " "));
}

Titles titles_of(const Node* node) {
  if (!node) return {};
  return node->is(Node::Kind::scalar) ? Titles{node->text, {}}
                                      : Titles{text_of(*node, "zh"), text_of(*node, "en")};
}

bool is_multiple(const Node& step) {
  return step.find("all_of") || step.find("any_of") || step.find("in_turn");
}
bool is_of_people(const Node& step) { return step.find("by") || is_multiple(step); }

std::vector<std::string> people_of(const Node& step) {
  std::vector<std::string> out;
  if (const Node* by = step.find("by")) out.push_back(by->text);
  for (const char* verb : {"all_of", "any_of", "in_turn"})
    if (const Node* names = step.find(verb))
      for (const Node& name : names->items) out.push_back(name.text);
  return out;
}

// 3 workdays → P3D; ISO 8601 knows no workdays.
std::string iso_duration(const std::string& text) {
  const std::string number = text.substr(0, text.find(' ')), unit = text.substr(text.find(' ') + 1);
  if (unit.starts_with("minute")) return "PT" + number + "M";
  return unit.starts_with("hour") ? "PT" + number + "H" : "P" + number + "D";
}
std::string unit_of(const std::string& text) {
  return text.find("workday") == std::string::npos ? std::string() : "workday";
}

// What each step is in the picture, and what leads where.
class Drawer {
 public:
  explicit Drawer(const Source& process) : steps_(process.root), regions_(regions(steps_)) {}

  Diagram run() {
    figure("Start", "startEvent");
    lead("Start", {}, 0, kEndStep);
    for (size_t i = 0; i < steps_.all().size(); ++i) step(i);
    for (const Region& each : regions_) join(each);
    for (size_t i = 0; i < regions_.size(); ++i) meet(i);
    for (const Region& each : regions_) enter(steps_.name(each.fork));
    figure("End", "endEvent");
    lay_out(out_);
    return std::move(out_);
  }

 private:
  using Entry = std::pair<size_t, size_t>;  // region, branch

  void figure(std::string id, std::string_view element, std::string attached_to = {}) {
    out_.figures.push_back({.id = std::move(id), .element = element, .attached_to = std::move(attached_to)});
  }

  void arrow(const std::string& from, const std::string& suffix, const std::string& to) {
    out_.arrows.push_back({.id = "Flow-" + from + (suffix.empty() ? "" : "-" + suffix),
                           .from = from,
                           .to = to,
                           .name = {},
                           .condition = {}});
  }

  // An arrow to the step `to`, or to the join that waits before it, by where `within` stands (kEndStep:
  // nowhere).
  Arrow& lead(const std::string& from, const std::string& suffix, size_t to, size_t within) {
    if (const auto entry = entry_of(to, within)) {
      arrow(from, suffix, {});
      entries_.emplace(*entry, out_.arrows.size() - 1);
    } else {
      arrow(from, suffix, to == kEndStep ? "End" : entrance(to));
    }
    return out_.arrows.back();
  }

  std::string entrance(size_t step) const {
    return (steps_.node(step).find("when") ? "Skip-" : "") + steps_.name(step);
  }

  // Of the innermost fork around `within` that waits before `to`.
  std::optional<Entry> entry_of(size_t to, size_t within) const {
    std::optional<Entry> out;
    for (size_t i = 0; i < regions_.size(); ++i)
      for (size_t k = 0; k < regions_[i].branches.size(); ++k)
        if (regions_[i].join == to && regions_[i].branches[k].contains(within) &&
            (!out || regions_[i].size() < regions_[out->first].size()))
          out = Entry{i, k};
    return out;
  }

  void step(size_t i) {
    const Node& node = steps_.node(i);
    const std::string& name = steps_.name(i);
    if (is_of_people(node)) return people(i, node, name);
    if (node.find("fork")) return fork(i, name);
    if (node.find("decide")) return decide(i, node, name);
    figure(name, "intermediateCatchEvent");
    lead(name, {}, steps_.next(i).front(), i);
  }

  void people(size_t i, const Node& node, const std::string& name) {
    const size_t next = steps_.next(i).front();
    if (const Node* when = node.find("when")) {
      figure("Skip-" + name, "exclusiveGateway");
      arrow("Skip-" + name, "do", name);
      out_.arrows.back().condition = when->text;
      lead("Skip-" + name, "skip", next, i).otherwise = true;
    }
    figure(name, "userTask");
    lead(name, {}, next, i);
    if (!node.find("within")) return;
    figure("Late-" + name, "boundaryEvent", name);
    figure("LateEnd-" + name, "endEvent");
    arrow("Late-" + name, {}, "LateEnd-" + name);
  }

  void decide(size_t i, const Node& node, const std::string& name) {
    figure(name, "businessRuleTask");
    figure("Gateway-" + name, "exclusiveGateway");
    arrow(name, {}, "Gateway-" + name);
    for (const Member& outcome : node.find("to")->members) {
      Arrow& made = lead("Gateway-" + name, outcome.name, *steps_.find(outcome.value.text), i);
      made.name = outcome.name;
      made.condition = fmt::format("outcome == '{}'", outcome.name);
    }
  }

  void fork(size_t i, const std::string& name) {
    figure(name, "parallelGateway");
    const auto region = size_t(
        std::find_if(regions_.begin(), regions_.end(), [&](const Region& each) { return each.fork == i; }) -
        regions_.begin());
    const std::vector<size_t> branches = steps_.next(i);
    for (size_t k = 0; k < branches.size(); ++k) {
      const std::string suffix = std::to_string(k + 1);
      const bool straight = branches[k] == regions_[region].join;
      arrow(name, suffix, straight ? std::string() : entrance(branches[k]));
      if (straight) entries_.emplace(Entry{region, k}, out_.arrows.size() - 1);
    }
  }

  void join(const Region& region) {
    const std::string waits = "Join-" + steps_.name(region.fork);
    figure(waits, "parallelGateway");
    lead(waits, {}, region.join, region.fork);
  }

  // A join waits for one token of each branch, so arrows of one branch meet before it.
  void meet(size_t i) {
    const std::string& name = steps_.name(regions_[i].fork);
    for (size_t k = 0; k < regions_[i].branches.size(); ++k) {
      const auto [from, until] = entries_.equal_range(Entry{i, k});
      const bool several = std::distance(from, until) > 1;
      const std::string waits = "Join-" + name, meets = fmt::format("Merge-{}-{}", name, k + 1);
      for (auto each = from; each != until; ++each) out_.arrows[each->second].to = several ? meets : waits;
      if (!several) continue;
      figure(meets, "exclusiveGateway");
      arrow(meets, {}, waits);
    }
  }

  // A parallel gateway would wait for all that leads to it.
  void enter(const std::string& fork) {
    const auto leads = [&](const Arrow& each) { return each.to == fork; };
    if (std::count_if(out_.arrows.begin(), out_.arrows.end(), leads) < 2) return;
    for (Arrow& each : out_.arrows)
      if (leads(each)) each.to = "Merge-" + fork;
    figure("Merge-" + fork, "exclusiveGateway");
    arrow("Merge-" + fork, {}, fork);
  }

  Steps steps_;
  std::vector<Region> regions_;
  std::multimap<Entry, size_t> entries_;  // arrows that wait for a join
  Diagram out_;
};

class Writer {
 public:
  explicit Writer(const Source& process)
      : root_(process.root), steps_(process.root), diagram_(Drawer(process).run()) {}

  std::string run() {
    Xml declaration = document_.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    definitions_ = add(document_, "bpmn:definitions",
                       {{"xmlns:bpmn", std::string(bpmn::kModel)},
                        {"xmlns:bpmndi", std::string(bpmn::kDrawing)},
                        {"xmlns:dc", std::string(bpmn::kShapes)},
                        {"xmlns:di", std::string(bpmn::kLines)},
                        {"xmlns:xsi", std::string(bpmn::kInstance)},
                        {"xmlns:cx", std::string(bpmn::kOurs)},
                        {"id", "Definitions"},
                        {"targetNamespace", std::string(bpmn::kOurs)},
                        {"exporter", "chengxin"}});
    escalations();
    process();
    drawing();
    std::ostringstream out;
    document_.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
    return out.str();
  }

 private:
  std::string id() const { return std::string(bpmn::kProcessId) + text_of(root_, "process"); }

  void escalations() {
    std::set<std::string> roles;
    for (const Member& step : steps_.all())
      if (text_of(step.value, "on_late") == "escalate" && step.value.find("escalate_to"))
        roles.insert(text_of(step.value, "escalate_to"));
    for (const std::string& role : roles)
      add(definitions_, "bpmn:escalation",
          {{"id", "Escalation-" + role}, {"name", role}, {"escalationCode", role}});
  }

  void process() {
    const Titles title = titles_of(root_.find("title")), note = titles_of(root_.find("note"));
    process_ =
        add(definitions_, "bpmn:process", {{"id", id()}, {"name", title.zh}, {"isExecutable", "true"}});
    if (!note.zh.empty()) add_text(process_, "bpmn:documentation", note.zh);
    add(add(process_, "bpmn:extensionElements"), "cx:process",
        {{"en", title.en},
         {"note_en", note.en},
         {"for", text_of(root_, "for")},
         {"start", list_of(root_, "start")},
         {"withdraw_before", text_of(root_, "withdraw_before")},
         {"calendar", text_of(root_, "calendar")}});
    for (const Figure& figure : diagram_.figures) flow_node(figure);
    for (const Arrow& arrow : diagram_.arrows) sequence_flow(arrow);
  }

  void flow_node(const Figure& figure) {
    const auto found = steps_.find(figure.id);
    const Node* step = found ? &steps_.node(*found) : nullptr;
    Xml xml = add(process_, ("bpmn:" + std::string(figure.element)).c_str(), {{"id", figure.id}});
    if (step) xml.append_attribute("name") = text_of(*step, "zh").c_str();
    if (!figure.attached_to.empty()) {
      xml.append_attribute("attachedToRef") = figure.attached_to.c_str();
      xml.append_attribute("cancelActivity") = false;
    }
    if (step) extension(xml, *step);
    if (!figure.attached_to.empty()) late_extension(xml, steps_.node(*steps_.find(figure.attached_to)));
    for (const Arrow& arrow : diagram_.arrows) {
      if (arrow.to == figure.id) add_text(xml, "bpmn:incoming", arrow.id);
      if (arrow.otherwise && arrow.from == figure.id) xml.append_attribute("default") = arrow.id.c_str();
    }
    for (const Arrow& arrow : diagram_.arrows)
      if (arrow.from == figure.id) add_text(xml, "bpmn:outgoing", arrow.id);
    if (step && is_of_people(*step)) performers(xml, *step);
    if (step && step->find("wait")) timer(xml, text_of(*step, "wait"));
    if (!figure.attached_to.empty())
      timer(xml, text_of(steps_.node(*steps_.find(figure.attached_to)), "within"));
    constexpr std::string_view kLateEnd = "LateEnd-";
    if (figure.id.starts_with(kLateEnd))
      late_end(xml, steps_.node(*steps_.find(figure.id.substr(kLateEnd.size()))));
  }

  void extension(Xml xml, const Node& step) {
    const Attributes all{{"en", text_of(step, "en")},
                         {"decide", text_of(step, "decide")},
                         {"unit", unit_of(text_of(step, "wait"))},
                         {"form", text_of(step, "form")},
                         {"back", list_of(step, "back")},
                         {"may", list_of(step, "may")},
                         {"state", text_of(step, "state")}};
    if (std::any_of(all.begin(), all.end(), [](const auto& each) { return !each.second.empty(); }))
      add(add(xml, "bpmn:extensionElements"), "cx:step", all);
  }

  // BPMN escalates to a role; it does not remind one beside.
  void late_extension(Xml xml, const Node& step) {
    const std::string unit = unit_of(text_of(step, "within"));
    const std::string to =
        text_of(step, "on_late") == "remind" ? text_of(step, "escalate_to") : std::string();
    if (!unit.empty() || !to.empty())
      add(add(xml, "bpmn:extensionElements"), "cx:step", {{"unit", unit}, {"escalate_to", to}});
  }

  void performers(Xml xml, const Node& step) {
    const auto people = people_of(step);
    for (const std::string& who : people)
      add_text(add(add(xml, "bpmn:potentialOwner"), "bpmn:resourceAssignmentExpression"),
               "bpmn:formalExpression", who);
    if (!is_multiple(step)) return;
    Xml loop = add(xml, "bpmn:multiInstanceLoopCharacteristics",
                   {{"isSequential", step.find("in_turn") ? "true" : "false"}});
    add_expression(loop, "bpmn:loopCardinality", std::to_string(people.size()));
    if (step.find("any_of")) add_expression(loop, "bpmn:completionCondition", "nrOfCompletedInstances >= 1");
  }

  void timer(Xml xml, const std::string& length) {
    add_expression(add(xml, "bpmn:timerEventDefinition"), "bpmn:timeDuration", iso_duration(length));
  }

  void late_end(Xml xml, const Node& step) {
    const std::string on_late = text_of(step, "on_late"), to = text_of(step, "escalate_to");
    if (on_late == "remind") add(xml, "bpmn:messageEventDefinition");
    if (on_late == "escalate")
      add(xml, "bpmn:escalationEventDefinition",
          {{"escalationRef", to.empty() ? std::string() : "Escalation-" + to}});
  }

  void sequence_flow(const Arrow& arrow) {
    Xml xml =
        add(process_, "bpmn:sequenceFlow",
            {{"id", arrow.id}, {"name", arrow.name}, {"sourceRef", arrow.from}, {"targetRef", arrow.to}});
    if (!arrow.condition.empty())
      add_expression(xml, "bpmn:conditionExpression", arrow.condition, bpmn::kRules);
  }

  void drawing() {
    Xml plane = add(add(definitions_, "bpmndi:BPMNDiagram", {{"id", "Diagram"}}), "bpmndi:BPMNPlane",
                    {{"id", "Plane"}, {"bpmnElement", id()}});
    for (const Figure& figure : diagram_.figures) {
      Xml shape = add(plane, "bpmndi:BPMNShape", {{"id", "Shape-" + figure.id}, {"bpmnElement", figure.id}});
      if (figure.element == "exclusiveGateway") shape.append_attribute("isMarkerVisible") = true;
      const Point size = figure.size();
      add(shape, "dc:Bounds",
          {{"x", std::to_string(figure.middle.x - size.x / 2)},
           {"y", std::to_string(figure.middle.y - size.y / 2)},
           {"width", std::to_string(size.x)},
           {"height", std::to_string(size.y)}});
    }
    for (const Arrow& arrow : diagram_.arrows) {
      Xml edge = add(plane, "bpmndi:BPMNEdge", {{"id", "Edge-" + arrow.id}, {"bpmnElement", arrow.id}});
      for (const Point& point : arrow.way)
        add(edge, "di:waypoint", {{"x", std::to_string(point.x)}, {"y", std::to_string(point.y)}});
    }
  }

  const Node& root_;
  Steps steps_;
  Diagram diagram_;
  pugi::xml_document document_;
  Xml definitions_, process_;
};

}  // namespace

std::optional<std::string> write_bpmn(const Source& process, Findings& findings) {
  const size_t before = findings.total();
  check_structure(process, findings);
  if (findings.total() > before) return std::nullopt;
  return Writer(process).run();
}

}  // namespace chengxin::pack
