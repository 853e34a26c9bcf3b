#include "pack/impl/bpmn_vet.h"

#include <algorithm>

#include "pack/impl/bpmn_words.h"

namespace chengxin::pack {
namespace {

// An element of the subset. Of its children those after a ~ are left out; of its attributes those with a
// value have no other.
struct Word {
  std::string_view element, children, attributes;
};

constexpr Word kWords[] = {
    {"definitions",
     "process escalation ~documentation ~collaboration ~message ~signal ~error ~itemDefinition ~resource "
     "~category "
     "~dataStore ~import ~extension",
     "id name targetNamespace expressionLanguage typeLanguage exporter exporterVersion"},
    {"process",
     "documentation startEvent endEvent userTask businessRuleTask exclusiveGateway parallelGateway "
     "intermediateCatchEvent boundaryEvent sequenceFlow ~laneSet ~textAnnotation ~association ~group "
     "~dataObject "
     "~dataObjectReference ~dataStoreReference ~property",
     "id name isExecutable processType isClosed definitionalCollaborationRef"},
    {"escalation", "~documentation", "id name escalationCode structureRef"},
    {"startEvent", "~documentation outgoing", "id name isInterrupting=true parallelMultiple=false"},
    {"endEvent", "~documentation incoming messageEventDefinition escalationEventDefinition", "id name"},
    {"userTask",
     "~documentation incoming outgoing potentialOwner multiInstanceLoopCharacteristics ~ioSpecification "
     "~property "
     "~dataInputAssociation ~dataOutputAssociation ~rendering",
     "id name implementation isForCompensation=false startQuantity=1 completionQuantity=1"},
    {"businessRuleTask",
     "~documentation incoming outgoing ~ioSpecification ~property ~dataInputAssociation "
     "~dataOutputAssociation",
     "id name implementation isForCompensation=false startQuantity=1 completionQuantity=1"},
    {"exclusiveGateway", "~documentation incoming outgoing", "id name gatewayDirection default"},
    {"parallelGateway", "~documentation incoming outgoing", "id name gatewayDirection"},
    {"intermediateCatchEvent", "~documentation incoming outgoing timerEventDefinition",
     "id name parallelMultiple=false"},
    {"boundaryEvent", "~documentation outgoing timerEventDefinition",
     "id name attachedToRef cancelActivity=false parallelMultiple=false"},
    {"sequenceFlow", "~documentation conditionExpression", "id name sourceRef targetRef isImmediate"},
    {"timerEventDefinition", "~documentation timeDuration", "id"},
    {"messageEventDefinition", "~documentation", "id messageRef"},
    {"escalationEventDefinition", "~documentation", "id escalationRef"},
    {"potentialOwner", "~documentation resourceAssignmentExpression", "id name"},
    {"resourceAssignmentExpression", "~documentation formalExpression expression", "id"},
    {"multiInstanceLoopCharacteristics", "~documentation loopCardinality completionCondition",
     "id isSequential behavior=All"},
    {"documentation", "", "id textFormat"},
    {"incoming", "", ""},
    {"outgoing", "", ""},
    {"conditionExpression", "", "id language evaluatesToTypeRef"},
    {"formalExpression", "", "id language evaluatesToTypeRef"},
    {"expression", "", "id language evaluatesToTypeRef"},
    {"loopCardinality", "", "id language evaluatesToTypeRef"},
    {"completionCondition", "", "id language evaluatesToTypeRef"},
    {"timeDuration", "", "id language evaluatesToTypeRef"},
};

// What is read of the attributes that engines add.
constexpr std::string_view kOfEngines[] = {
    "candidateGroups", "candidateUsers",         "assignee",  "formKey", "decisionRef", "resultVariable",
    "initiator",       "candidateStarterGroups", "collection"};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string called(const Element& element) {
  const std::string* id = element.find("id");
  return id ? element.name + " " + *id : element.name;
}

class Vetter {
 public:
  Vetter(const std::string& file, std::vector<std::string>& left_out, Findings& findings)
      : file_(file), left_out_(left_out), findings_(findings) {}

  void element(const Element& element) {
    const auto word = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](const Word& each) { return each.element == element.name; });
    attributes(element, words(word->attributes));
    const auto allowed = words(word->children);
    if (!allowed.empty() && !is_blank(element.text))
      wrong("pack.bpmn_element", element, trimmed(element.text));
    std::set<std::string> seen;
    for (const Element& child : element.children) {
      this->child(element, child, allowed);
      const bool of_bpmn = child.space == bpmn::kModel;
      if (of_bpmn && stands_once(element, child.name) && !seen.insert(child.name).second)
        wrong("pack.bpmn_element", child, called(element) + ": " + child.name);
    }
  }

 private:
  void wrong(std::string_view reason, const Element& at, std::string_view about, std::string mend = {}) {
    findings_.wrong(reason, file_, at.at, about, std::move(mend));
  }

  static bool stands_once(const Element& parent, std::string_view child) {
    if (child == "extensionElements" || child == "documentation") return true;
    const bool holds_many = parent.name == "definitions" || parent.name == "process";
    return !holds_many && child != "incoming" && child != "outgoing" && child != "potentialOwner";
  }

  void child(const Element& parent, const Element& child, const std::vector<std::string>& allowed) {
    if (child.space == bpmn::kDrawing) return;
    if (child.space != bpmn::kModel) {
      left_out_.push_back(called(parent) + ": " + child.name);
    } else if (child.name == "extensionElements") {
      for (const Element& each : child.children)
        if (each.space != bpmn::kOurs) left_out_.push_back(called(parent) + ": " + each.name);
    } else if (contains(allowed, child.name)) {
      element(child);
    } else if (contains(allowed, "~" + child.name)) {
      left_out_.push_back(called(child));
    } else {
      wrong("pack.bpmn_element", child, called(child), instead_of(child, allowed));
    }
  }

  std::string instead_of(const Element& element, const std::vector<std::string>& allowed) const {
    if (element.name == "task" || element.name == "manualTask") return "userTask";
    if (element.name == "timeDate" || element.name == "timeCycle") return "timeDuration";
    if (element.name == "humanPerformer" || element.name == "performer") return "potentialOwner";
    std::vector<std::string> taken;
    for (const std::string& each : allowed)
      if (!each.starts_with('~')) taken.push_back(each);
    return fmt::format("{}", fmt::join(taken, " | "));
  }

  void attributes(const Element& element, const std::vector<std::string>& allowed) {
    if (element.name == "boundaryEvent" && !element.find("cancelActivity"))  // BPMN's own default is true
      wrong("pack.bpmn_element", element, called(element), "cancelActivity=\"false\"");
    for (const Element::Attribute& each : element.attributes) {
      if (!each.space.empty()) {
        foreign(element, each);
      } else if (!contains(allowed, each.name) && !contains(allowed, each.name + "=" + each.value)) {
        std::string mend;
        for (const std::string& one : allowed)
          if (one.starts_with(each.name + "="))
            mend = fmt::format("{}\"{}\"", one.substr(0, each.name.size() + 1),
                               one.substr(each.name.size() + 1));
        wrong("pack.bpmn_element", element,
              fmt::format("{}: {}=\"{}\"", called(element), each.name, each.value), mend);
      }
    }
  }

  void foreign(const Element& element, const Element::Attribute& attribute) {
    const bool engine = std::find(std::begin(bpmn::kEngines), std::end(bpmn::kEngines), attribute.space) !=
                        std::end(bpmn::kEngines);
    const bool read =
        std::find(std::begin(kOfEngines), std::end(kOfEngines), attribute.name) != std::end(kOfEngines);
    if (attribute.space != bpmn::kInstance && !(engine && read))
      left_out_.push_back(called(element) + ": " + attribute.name);
  }

  const std::string& file_;
  std::vector<std::string>& left_out_;
  Findings& findings_;
};

void identifiers(const Element& element, const std::string& file, std::set<std::string>& seen,
                 Findings& findings) {
  const std::string* id = element.find("id");
  if (id && !seen.insert(*id).second) findings.wrong("pack.bpmn_id", file, element.at, *id);
  for (const Element& child : element.children) identifiers(child, file, seen, findings);
}

}  // namespace

const Element* vet_bpmn(const Element& root, const std::string& file, std::vector<std::string>& left_out,
                        Findings& findings) {
  if (root.space != bpmn::kModel || root.name != "definitions") {
    findings.wrong("pack.bpmn_root", file, root.at, root.name);
    return nullptr;
  }
  Vetter(file, left_out, findings).element(root);
  std::set<std::string> seen;
  identifiers(root, file, seen, findings);
  const Element* out = nullptr;
  for (const Element& child : root.children) {
    if (child.space != bpmn::kModel || child.name != "process") continue;
    if (out) findings.wrong("pack.bpmn_process", file, child.at, called(child));
    if (!out) out = &child;
  }
  if (!out) findings.wrong("pack.bpmn_process", file, root.at);
  return out;
}

const Element* child_of(const Element& element, std::string_view name) {
  for (const Element& child : element.children)
    if (child.space == bpmn::kModel && child.name == name) return &child;
  return nullptr;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::string_view trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t\r\n");
  return from == std::string_view::npos ? std::string_view()
                                        : text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::string of_engine(const Element& element, std::string_view attribute) {
  for (const std::string_view space : bpmn::kEngines)
    if (const std::string* found = element.find(attribute, space)) return *found;
  return {};
}

std::string attribute_of(const Element& element, std::string_view name) {
  const std::string* found = element.find(name);
  return found ? *found : std::string();
}

}  // namespace chengxin::pack
