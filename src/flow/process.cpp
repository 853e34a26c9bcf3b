#include "flow/process.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/sm3.h"

namespace chengxin::flow {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kKinds[] = {"by", "all_of", "any_of", "in_turn", "decide", "wait", "fork"};

std::string text_in(const Json& object, const char* member) { return object.value(member, std::string()); }
Names names_in(const Json& object, const char* member) { return object.value(member, Names()); }

pack::Titles titles_in(const Json& object) { return {text_in(object, "zh"), text_in(object, "en")}; }

void take_kind(const Json& from, Step& step) {
  for (size_t i = 0; i < std::size(kKinds); ++i)
    if (from.contains(kKinds[i])) step.kind = Step::Kind(i);
  const Json& value = from.at(kKinds[size_t(step.kind)]);
  if (step.kind == Step::Kind::by)
    step.people = {value.get<std::string>()};
  else if (step.has_people())
    step.people = value.get<Names>();
  else if (step.kind == Step::Kind::decide)
    step.decision = value;
  else if (step.kind == Step::Kind::wait)
    step.wait = parse_duration(value.get<std::string>()).value();
  else
    step.branches = value.get<Names>();
}

// Throws what nlohmann-json and std::optional throw.
Step step_of(const Json& from) {
  Step out;
  out.name = from.at("step");
  out.title = titles_in(from);
  take_kind(from, out);
  out.join = text_in(from, "join");
  if (out.kind == Step::Kind::decide)
    out.outcomes = from.at("to").get<std::map<std::string, std::string>>();
  else if (out.kind != Step::Kind::fork)
    out.to = from.at("to");
  out.when = text_in(from, "when");
  out.form = text_in(from, "form");
  out.state = text_in(from, "state");
  if (from.contains("within")) out.within = parse_duration(text_in(from, "within")).value();
  out.remind = text_in(from, "on_late") == "remind";
  out.escalate = text_in(from, "on_late") == "escalate";
  out.escalate_to = text_in(from, "escalate_to");
  out.back = names_in(from, "back");
  out.may = names_in(from, "may");
  return out;
}

// Every step that is named is there.
bool is_closed(const Process& process) {
  const auto known = [&](const std::string& name) { return name == Process::kEnd || process.find(name); };
  for (const Step& step : process.steps()) {
    if (!step.to.empty() && !known(step.to)) return false;
    if (!step.join.empty() && !known(step.join)) return false;
    for (const auto& [outcome, to] : step.outcomes)
      if (!known(to)) return false;
    for (const Names& names : {step.branches, step.back})
      if (!std::all_of(names.begin(), names.end(), known)) return false;
  }
  return !process.steps().empty();
}

}  // namespace

Process Process::compile(const pack::Pack& pack, const pack::Part& part) {
  const pack::Node& root = part.source->root;
  const auto& kinds = pack::file_kinds();
  const auto kind =
      std::find_if(kinds.begin(), kinds.end(), [](const auto& each) { return each.kind == "process"; });
  Json document = pack::to_json(root, *kind->shape), steps = Json::array();
  const auto& members = root.find("steps")->members;
  for (size_t i = 0; i < members.size(); ++i) {
    Json step = document["steps"][members[i].name];
    step["step"] = members[i].name;
    if (!step.contains("fork") && !step.contains("to"))
      step["to"] = i + 1 < members.size() ? members[i + 1].name : std::string(kEnd);
    steps.push_back(std::move(step));
  }
  document["steps"] = std::move(steps);
  document["pack"] = pack.name;
  auto out = from_json(document);
  CHECK(out && "the pack was not checked");
  return std::move(*out);
}

Result<Process> Process::from_json(const Json& document) {
  Process out;
  try {
    out.name_ = document.at("process");
    out.entity_ = document.at("for");
    out.start_ = document.at("start").get<Names>();
    out.calendar_ = text_in(document, "calendar");
    out.withdraw_before_ = text_in(document, "withdraw_before");
    for (const Json& each : document.at("steps")) out.steps_.push_back(step_of(each));
  } catch (const std::exception& error) {
    return fail(Code::data_loss, "flow.process_malformed", "{}", error.what());
  }
  if (!is_closed(out)) return fail(Code::data_loss, "flow.process_malformed", "a step that is not there");
  out.document_ = document;
  out.version_ = hex(crypto::sm3(view(document.dump())));
  return out;
}

const Step* Process::find(std::string_view step) const {
  const auto found =
      std::find_if(steps_.begin(), steps_.end(), [&](const Step& each) { return each.name == step; });
  return found == steps_.end() ? nullptr : &*found;
}

bool Process::is_within(const Step& fork, std::string_view step) const {
  std::set<std::string> seen{fork.join, std::string(kEnd)};
  Names open = fork.branches;
  while (!open.empty()) {
    const std::string at = std::move(open.back());
    open.pop_back();
    if (!seen.insert(at).second) continue;
    if (at == step) return true;
    const Step& each = *find(at);
    open.insert(open.end(), each.branches.begin(), each.branches.end());
    for (const std::string& to : {each.to, each.join})
      if (!to.empty()) open.push_back(to);
    for (const auto& [outcome, to] : each.outcomes) open.push_back(to);
  }
  return false;
}

}  // namespace chengxin::flow
