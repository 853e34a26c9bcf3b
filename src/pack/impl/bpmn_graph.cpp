#include "pack/impl/bpmn_graph.h"

#include <algorithm>

#include "pack/impl/bpmn_words.h"

namespace chengxin::pack {
namespace {

constexpr std::string_view kFlowNodes[] = {
    "startEvent",       "endEvent",        "userTask",      "businessRuleTask",
    "exclusiveGateway", "parallelGateway", "boundaryEvent", "intermediateCatchEvent"};

constexpr size_t kMostVertices = 1000, kMostFlows = 4000, kMostForks = 16;  // forks: one within another

struct Vertex {
  const Element* xml;
  std::vector<size_t> in, out;  // flows
};
struct Flow {
  const Element* xml;
  size_t from, to;
};

// "${outcome == 'passed'}" → passed; `variable` is what the decision's result is called.
std::optional<std::string> outcome_in(std::string_view text, std::string_view variable) {
  if (const auto inner = within_braces(text)) text = *inner;
  text = trimmed(text);
  const size_t equals = text.find("==");
  if (equals == std::string_view::npos || trimmed(text.substr(0, equals)) != variable) return std::nullopt;
  text = trimmed(text.substr(equals + 2));
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') || text.back() != text.front())
    return std::nullopt;
  const std::string_view word = text.substr(1, text.size() - 2);
  if (word.find(text.front()) != std::string_view::npos) return std::nullopt;
  return std::string(word);
}

class Follower {
 public:
  Follower(const Element& process, const std::string& file, Findings& findings)
      : process_(process), file_(file), findings_(findings), before_(findings.total()) {}

  std::optional<BpmnGraph> run() {
    take();
    if (!good()) return std::nullopt;
    for (size_t i = 0; i < vertices_.size(); ++i) check(i);
    if (starts_ != 1) wrong("pack.bpmn_flow", process_, "startEvent");
    if (!good()) return std::nullopt;
    for (size_t i = 0; i < vertices_.size(); ++i) follow(i);
    if (!good()) return std::nullopt;
    return std::move(out_);
  }

 private:
  bool good() const { return findings_.total() == before_; }
  void wrong(std::string_view reason, const Element& at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, file_, at.at, about, std::move(mend));
  }
  void wrong_flow(size_t vertex, std::string mend = {}) {
    wrong("pack.bpmn_flow", xml(vertex), id(vertex), std::move(mend));
  }
  const Element& xml(size_t vertex) const { return *vertices_[vertex].xml; }
  std::string id(size_t vertex) const { return attribute_of(xml(vertex), "id"); }
  bool is(size_t vertex, std::string_view element) const { return xml(vertex).name == element; }
  size_t target(size_t vertex, size_t which = 0) const { return flows_[vertices_[vertex].out[which]].to; }
  size_t source(size_t vertex) const { return flows_[vertices_[vertex].in[0]].from; }

  // --- what there is

  void take() {
    for (const Element& child : process_.children)
      if (child.space == bpmn::kModel &&
          std::find(std::begin(kFlowNodes), std::end(kFlowNodes), child.name) != std::end(kFlowNodes)) {
        if (attribute_of(child, "id").empty()) wrong("pack.bpmn_id", child, child.name);
        by_id_.emplace(attribute_of(child, "id"), vertices_.size());
        vertices_.push_back({&child, {}, {}});
      }
    for (const Element& child : process_.children)
      if (child.space == bpmn::kModel && child.name == "sequenceFlow") take_flow(child);
    if (vertices_.size() > kMostVertices || flows_.size() > kMostFlows)
      return wrong(
          "pack.too_many", process_,
          fmt::format("{} > {}, {} > {}", vertices_.size(), kMostVertices, flows_.size(), kMostFlows));
    for (const Vertex& each : vertices_) references(each);
  }

  void take_flow(const Element& flow) {
    const auto from = found(flow, "sourceRef"), to = found(flow, "targetRef");
    if (!from || !to) return;
    vertices_[*from].out.push_back(flows_.size());
    vertices_[*to].in.push_back(flows_.size());
    flows_.push_back({&flow, *from, *to});
  }

  std::optional<size_t> found(const Element& element, const char* attribute) {
    const auto at = by_id_.find(attribute_of(element, attribute));
    if (at != by_id_.end()) return at->second;
    wrong("pack.bpmn_reference", element,
          fmt::format("{} {}: {}", element.name, attribute, attribute_of(element, attribute)));
    return std::nullopt;
  }

  // What a node says itself of its flows has to be what the flows say.
  void references(const Vertex& vertex) {
    const auto among = [&](const std::vector<size_t>& flows, std::string_view name) {
      const size_t colon = name.find(':');
      if (colon != std::string_view::npos) name.remove_prefix(colon + 1);
      return std::any_of(flows.begin(), flows.end(),
                         [&](size_t each) { return attribute_of(*flows_[each].xml, "id") == name; });
    };
    for (const Element& child : vertex.xml->children) {
      const bool in = child.name == "incoming", out = child.name == "outgoing";
      if (child.space == bpmn::kModel && (in || out) &&
          !among(in ? vertex.in : vertex.out, trimmed(child.text)))
        wrong("pack.bpmn_reference", child, fmt::format("{}: {}", child.name, trimmed(child.text)));
    }
    const std::string* otherwise = vertex.xml->find("default");
    if (otherwise && !among(vertex.out, *otherwise))
      wrong("pack.bpmn_reference", *vertex.xml, "default: " + *otherwise);
  }

  // --- how many flows come and go

  void check(size_t i) {
    const size_t in = vertices_[i].in.size(), out = vertices_[i].out.size();
    if (is(i, "startEvent")) {
      ++starts_;
      if (in != 0 || out != 1) wrong_flow(i);
    } else if (is(i, "endEvent")) {
      end(i);
    } else if (is(i, "boundaryEvent")) {
      boundary(i);
    } else if (is(i, "exclusiveGateway")) {
      if (in == 0 || out == 0) wrong_flow(i);
    } else if (is(i, "parallelGateway")) {
      if (in == 0 || out == 0 || (in == 1) == (out == 1) || (in > 1 && out > 1)) wrong_flow(i);
    } else if (out != 1) {
      wrong_flow(i, out > 1 ? "parallelGateway" : "endEvent");
    }
    for (const size_t flow : vertices_[i].out)
      if (child_of(*flows_[flow].xml, "conditionExpression") && !is(i, "exclusiveGateway"))
        wrong("pack.bpmn_flow", *flows_[flow].xml, attribute_of(*flows_[flow].xml, "id"), "exclusiveGateway");
    if (is(i, "businessRuleTask") && out == 1 && !decides(target(i))) wrong_flow(i, "exclusiveGateway");
  }

  // A gateway that only the decision before it leads to.
  bool decides(size_t i) const {
    return is(i, "exclusiveGateway") && vertices_[i].in.size() == 1 && is(source(i), "businessRuleTask");
  }

  // The end of a process says nothing; that of a deadline sends a message or escalates.
  void end(size_t i) {
    const auto& in = vertices_[i].in;
    const bool late = in.size() == 1 && is(source(i), "boundaryEvent");
    const bool told =
        child_of(xml(i), "messageEventDefinition") || child_of(xml(i), "escalationEventDefinition");
    if (!vertices_[i].out.empty() || (told && !late)) wrong_flow(i);
  }

  void boundary(size_t i) {
    const Vertex& vertex = vertices_[i];
    const auto on = found(*vertex.xml, "attachedToRef");
    if (!on) return;
    if (!is(*on, "userTask")) return wrong("pack.bpmn_flow", xml(i), id(*on), "userTask");
    if (!vertex.in.empty() || vertex.out.size() > 1) return wrong_flow(i);
    if (!late_.insert(*on).second) return wrong_flow(i);
    if (vertex.out.empty()) return;
    const size_t to = target(i);
    if (!is(to, "endEvent") || vertices_[to].in.size() != 1) return wrong_flow(i, "endEvent");
    out_.late_end.emplace(id(*on), vertices_[to].xml);
  }

  // --- what leads where

  bool is_join(size_t i) const { return is(i, "parallelGateway") && vertices_[i].out.size() == 1; }
  bool is_fork(size_t i) const { return is(i, "parallelGateway") && vertices_[i].out.size() > 1; }
  bool is_merge(size_t i) const {
    return is(i, "exclusiveGateway") && vertices_[i].out.size() == 1 && !decides(i);
  }

  // Behind gateways that only bring together.
  size_t behind(size_t i) const {
    for (size_t steps = 0; is_merge(i) && steps < vertices_.size(); ++steps) i = target(i);
    return i;
  }

  // The step that a flow to `i` leads to at last; nullopt: none, because gateways lead in a circle.
  std::optional<std::string> step(size_t i) const {
    for (size_t steps = 0; steps <= vertices_.size(); ++steps) {
      if (is(i, "endEvent")) return std::string();
      if (const auto task = skipped_by(i))
        i = *task;
      else if (is_merge(i) || is_join(i))
        i = target(i);
      else
        return id(i);
    }
    return std::nullopt;
  }

  void lead(size_t from, size_t to, std::string& out) {
    if (const auto found = step(to))
      out = *found;
    else
      wrong_flow(from);
  }

  // Of a gateway around one task: two flows, one to the task, the other to what is behind it.
  std::optional<size_t> skipped_by(size_t i) const {
    if (!is(i, "exclusiveGateway") || vertices_[i].out.size() != 2 || decides(i)) return std::nullopt;
    const size_t task = target(i, conditional(i));
    const bool around = is(task, "userTask") && vertices_[task].in.size() == 1 &&
                        vertices_[task].out.size() == 1 &&
                        behind(target(task)) == behind(target(i, 1 - conditional(i)));
    return around ? std::optional(task) : std::nullopt;
  }

  // Which of its two flows has the condition.
  size_t conditional(size_t i) const {
    return child_of(*flows_[vertices_[i].out[0]].xml, "conditionExpression") ? 0 : 1;
  }

  void follow(size_t i) {
    if (is(i, "startEvent")) return lead(i, target(i), out_.first);
    if (is(i, "exclusiveGateway")) return exclusive(i);
    if (is(i, "userTask") || is(i, "intermediateCatchEvent")) return lead(i, target(i), out_.steps[id(i)].to);
    if (is(i, "businessRuleTask")) return decision(i, target(i));
    if (is_fork(i)) fork(i);
  }

  // Neither a decision's nor one that brings together: it has to be around a task.
  void exclusive(size_t i) {
    if (decides(i) || is_merge(i)) return;
    const auto task = skipped_by(i);
    if (!task) return wrong("pack.bpmn_condition", xml(i), id(i), "businessRuleTask");
    const Element& with = *flows_[vertices_[i].out[conditional(i)]].xml;
    const Element& without = *flows_[vertices_[i].out[1 - conditional(i)]].xml;
    const std::string* otherwise = xml(i).find("default");
    const Element* condition = child_of(with, "conditionExpression");
    if (!condition || child_of(without, "conditionExpression") ||
        (otherwise && *otherwise != attribute_of(without, "id")))
      return wrong("pack.bpmn_condition", xml(i), id(i));
    Onward& onward = out_.steps[id(*task)];
    const bool ours = attribute_of(*condition, "language") == bpmn::kRules;
    onward.when = ours ? condition->text : std::string(trimmed(condition->text));
    onward.when_at = condition->at;
    if (is_blank(onward.when)) wrong("pack.bpmn_condition", *condition, id(i), "it.…");
    if (const auto inner = within_braces(onward.when))
      wrong("pack.bpmn_condition", *condition, onward.when, rule_instead(*inner));
  }

  void decision(size_t task, size_t gateway) {
    std::string variable = of_engine(xml(task), "resultVariable");
    if (variable.empty()) variable = "outcome";
    Onward& onward = out_.steps[id(task)];
    for (const size_t flow : vertices_[gateway].out) {
      const Element* condition = child_of(*flows_[flow].xml, "conditionExpression");
      const auto outcome = condition ? outcome_in(condition->text, variable) : std::nullopt;
      const Element& at = condition ? *condition : *flows_[flow].xml;
      if (!outcome || xml(gateway).find("default")) {
        wrong("pack.bpmn_condition", at, condition ? trimmed(condition->text) : attribute_of(at, "id"),
              fmt::format("{} == '{}'", variable, outcome.value_or("…")));
        continue;
      }
      onward.outcomes.push_back({*outcome, {}, at.at});
      lead(gateway, flows_[flow].to, onward.outcomes.back().to);
    }
  }

  // The join at which all branches meet, forks and joins between them counted.
  void fork(size_t i) {
    Onward& onward = out_.steps[id(i)];
    std::set<size_t> met;
    bool lost = false;
    std::vector<bool> seen(vertices_.size() * (kMostForks + 1));
    std::vector<std::pair<size_t, size_t>> open;  // vertex, forks that are open there
    for (const size_t flow : vertices_[i].out) {
      onward.fork.emplace_back();
      lead(i, flows_[flow].to, onward.fork.back());
      open.emplace_back(flows_[flow].to, 0);
    }
    while (!open.empty() && !lost) {
      auto [at, depth] = open.back();
      open.pop_back();
      if (seen[at * (kMostForks + 1) + depth]) continue;
      seen[at * (kMostForks + 1) + depth] = true;
      if (is_join(at) && depth == 0) {
        met.insert(at);
        continue;
      }
      depth += is_fork(at) ? 1 : is_join(at) ? size_t(-1) : 0;
      lost = vertices_[at].out.empty() || depth > kMostForks;
      for (const size_t flow : vertices_[at].out) open.emplace_back(flows_[flow].to, depth);
    }
    if (lost || met.size() != 1 || vertices_[*met.begin()].in.size() != vertices_[i].out.size())
      return wrong_flow(i, "parallelGateway");
    lead(i, target(*met.begin()), onward.join);
  }

  const Element& process_;
  const std::string& file_;
  Findings& findings_;
  const size_t before_;
  std::vector<Vertex> vertices_;
  std::vector<Flow> flows_;
  std::map<std::string, size_t> by_id_;
  size_t starts_ = 0;
  std::set<size_t> late_;  // tasks that have a deadline
  BpmnGraph out_;
};

}  // namespace

std::optional<std::string_view> within_braces(std::string_view text) {
  text = trimmed(text);
  if ((!text.starts_with("${") && !text.starts_with("#{")) || !text.ends_with('}')) return std::nullopt;
  return trimmed(text.substr(2, text.size() - 3));
}

std::string rule_instead(std::string_view expression) {
  constexpr size_t kMost = 200;
  if (expression.size() > kMost) return "it.…";
  const auto is_word = [](char c) { return std::isalnum(uint8_t(c)) || c == '_'; };
  std::string out;
  char quote = 0;
  for (size_t at = 0; at < expression.size();) {
    const char c = expression[at];
    if (quote == 0 && is_word(c) && !std::isdigit(uint8_t(c))) {
      const size_t from = at;
      while (at < expression.size() && is_word(expression[at])) ++at;
      const std::string_view word = expression.substr(from, at - from);
      const bool known = word == "true" || word == "false" || word == "it" || word == "me" ||
                         word == "today" || word == "now" ||
                         (from > 0 && (expression[from - 1] == '.' || is_word(expression[from - 1])));
      out += (known ? "" : "it.") + std::string(word);
      continue;
    }
    if (c == '\'' || c == '"') quote = quote == 0 ? c : quote == c ? '\0' : quote;
    out += c;
    ++at;
  }
  return out;
}

std::optional<BpmnGraph> follow_bpmn(const Element& process, const std::string& file, Findings& findings) {
  return Follower(process, file, findings).run();
}

}  // namespace chengxin::pack
