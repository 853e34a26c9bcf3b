#include "flow/impl/walk.h"

#include <algorithm>

namespace chengxin::flow {

Token& Walk::token(int64_t id) {
  auto found = std::find_if(case_.open.tokens.begin(), case_.open.tokens.end(),
                            [&](const Token& each) { return each.id == id; });
  CHECK(found != case_.open.tokens.end());
  return *found;
}

Fork& Walk::fork(int64_t id) {
  auto found = std::find_if(case_.open.forks.begin(), case_.open.forks.end(),
                            [&](const Fork& each) { return each.id == id; });
  CHECK(found != case_.open.forks.end());
  return *found;
}

Event& Walk::note(std::string_view what, std::string_view step, int64_t token, int64_t task) {
  events.push_back(
      {++case_.events, act_.at_ms, {}, std::string(what), std::string(step), token, task, Json::object()});
  return events.back();
}

void Walk::tell(const People& to, std::string_view kind, const Step* step, int64_t task) {
  Json detail = {
      {"record", case_.record}, {"process", case_.process}, {"by", act_.who}, {"comment", act_.comment}};
  if (step) detail.update({{"step", step->name}, {"zh", step->title.zh}, {"en", step->title.en}});
  for (const std::string& person : to)
    messages.push_back({fmt::format("{}.{}", case_.id, case_.open.next++), person, std::string(kind),
                        case_.id, task, detail, act_.at_ms});
}

Result<int64_t> Walk::due(Duration duration) {
  ASSIGN(const auto calendar, outside_.calendar(session_, process_.calendar()));
  return calendar->due_after(act_.at_ms, duration);
}

Status Walk::begin() {
  TRY(check_comment());
  note("started").who = act_.who;
  case_.open.tokens.push_back(
      {.id = case_.open.next++, .fork = 0, .step = {}, .arrived = false, .turns = {}, .due_ms = 0});
  go(case_.open.tokens.back().id, process_.steps().front().name);
  return run();
}

Status Walk::run() {
  for (int moves = 0; !moves_.empty(); ++moves) {
    if (moves >= kMostMoves)
      return fail(Code::conflict, "flow.endless", "{}: {} steps without people, now at {}", case_.process,
                  moves, moves_.front().second);
    const auto [id, step] = std::move(moves_.front());
    moves_.pop_front();
    TRY(enter(id, step));
  }
  return {};
}

Status Walk::enter(int64_t id, const std::string& name) {
  Token& at = token(id);
  if (name == Process::kEnd) {
    end_token(id);
    return {};
  }
  if (at.fork != 0 && process_.find(fork(at.fork).step)->join == name) {
    at.step = name;
    at.arrived = true;
    note("arrived", name, id);
    settle(at.fork);
    return {};
  }
  const Step& step = *process_.find(name);
  case_.open.settled |= name == process_.withdraw_before();
  if (!step.when.empty()) {
    ASSIGN(const bool holds, outside_.holds(session_, about(), step));
    if (!holds) {
      note("skipped", name, id);
      go(id, step.to);
      return {};
    }
  }
  at.step = name;
  Event& reached = note("reached", name, id);
  if (!step.state.empty()) {
    reached.detail["state"] = step.state;
    TRY(outside_.set_state(session_, about(), step.state));
  }
  return rest(id, step);
}

Status Walk::rest(int64_t id, const Step& step) {
  if (step.has_people()) return open_seats(id, step);
  if (step.kind == Step::Kind::decide) return decide(id, step);
  if (step.kind == Step::Kind::fork) {
    split(id, step);
    return {};
  }
  ASSIGN(token(id).due_ms, due(step.wait));
  events.back().detail["until"] = token(id).due_ms;
  return {};
}

Status Walk::decide(int64_t id, const Step& step) {
  ASSIGN(const Outside::Decision decided, outside_.decide(session_, about(), step));
  const auto to = step.outcomes.find(decided.outcome);
  if (to == step.outcomes.end())
    return fail(Code::conflict, "flow.outcome", "{} gives {}, which step {} does not know", step.decision,
                decided.outcome, step.name);
  note("decided", step.name, id).detail = {
      {"decision", step.decision}, {"outcome", decided.outcome}, {"why", decided.why}};
  go(id, to->second);
  return {};
}

void Walk::split(int64_t id, const Step& step) {
  const Fork made{case_.open.next++, token(id).fork, step.name};
  std::erase_if(case_.open.tokens, [&](const Token& each) { return each.id == id; });
  case_.open.forks.push_back(made);
  Json branches = Json::array();
  for (const std::string& branch : step.branches) {
    case_.open.tokens.push_back({.id = case_.open.next++,
                                 .fork = made.id,
                                 .step = branch,
                                 .arrived = false,
                                 .turns = {},
                                 .due_ms = 0});
    branches.push_back(case_.open.tokens.back().id);
    go(case_.open.tokens.back().id, branch);
  }
  note("forked", step.name, id).detail = {{"fork", made.id}, {"within", made.parent}, {"tokens", branches}};
}

// The check of packs keeps branches from ending, so this one is of no fork; but a case that moved to another
// version may end one.
void Walk::end_token(int64_t id) {
  const int64_t of = token(id).fork;
  note("token_ended", {}, id);
  std::erase_if(case_.open.tokens, [&](const Token& each) { return each.id == id; });
  if (of != 0) return settle(of);
  if (case_.open.tokens.empty()) finish("ended");
}

void Walk::finish(std::string_view status) {
  note(status);
  case_.status = status;
  case_.ended_ms = act_.at_ms;
}

// When all that came of the fork have arrived, one goes on.
void Walk::settle(int64_t id) {
  const auto within = [&](const auto& each) { return each.fork == id; };
  const auto& open = case_.open;
  if (std::any_of(open.forks.begin(), open.forks.end(), [&](const Fork& each) { return each.parent == id; }))
    return;
  if (!std::all_of(open.tokens.begin(), open.tokens.end(),
                   [&](const Token& each) { return each.fork != id || each.arrived; }))
    return;
  const Fork done = fork(id);
  const std::string& join = process_.find(done.step)->join;
  const bool any = std::any_of(open.tokens.begin(), open.tokens.end(), within);
  std::erase_if(case_.open.tokens, within);
  std::erase_if(case_.open.forks, [&](const Fork& each) { return each.id == id; });
  case_.open.tokens.push_back({.id = case_.open.next++,
                               .fork = done.parent,
                               .step = join,
                               .arrived = false,
                               .turns = {},
                               .due_ms = 0});
  const int64_t on = case_.open.tokens.back().id;
  note("joined", join, on).detail = {{"fork", id}};
  go(on, any ? join : std::string(Process::kEnd));
}

// Ends a token with its tasks before its time.
void Walk::cut(int64_t id, std::string_view why) {
  const std::string step = token(id).step;
  for (const Task& each : case_.open.tasks) {
    if (each.token != id) continue;
    note("task_ended", step, id, each.id).detail = {{"why", why}};
    if (!each.waits) tell(each.people, "task_ended", process_.find(step), each.id);
  }
  std::erase_if(case_.open.tasks, [&](const Task& each) { return each.token == id; });
  note("token_ended", step, id).detail = {{"why", why}};
  std::erase_if(case_.open.tokens, [&](const Token& each) { return each.id == id; });
}

bool Walk::holds_fork(int64_t outer, int64_t inner) const {
  for (int64_t at = inner; at != 0;) {
    if (at == outer) return true;
    const auto found = std::find_if(case_.open.forks.begin(), case_.open.forks.end(),
                                    [&](const Fork& each) { return each.id == at; });
    at = found->parent;
  }
  return false;
}

// Ends what came of the fork, forks within it too, but one token, which is then of the fork around it.
void Walk::cut_fork(int64_t id, int64_t but, std::string_view why) {
  std::vector<int64_t> others;
  for (const Token& each : case_.open.tokens)
    if (each.id != but && holds_fork(id, each.fork)) others.push_back(each.id);
  for (const int64_t each : others) cut(each, why);
  token(but).fork = fork(id).parent;
  std::vector<int64_t> forks;
  for (const Fork& each : case_.open.forks)
    if (holds_fork(id, each.id)) forks.push_back(each.id);
  std::erase_if(case_.open.forks,
                [&](const Fork& each) { return std::count(forks.begin(), forks.end(), each.id) > 0; });
  note("fork_ended", {}, but).detail = {{"fork", id}, {"why", why}};
}

Status Walk::withdraw() {
  if (act_.who != case_.starter) return fail(Code::forbidden, "flow.not_starter");
  if (!case_.is_open()) return fail(Code::conflict, "flow.case_ended");
  if (process_.withdraw_before().empty() || case_.open.settled) return fail(Code::conflict, "flow.too_late");
  TRY(check_comment());
  Event& own = note("withdrawn_by");
  own.who = act_.who;
  own.detail["comment"] = act_.comment;
  while (!case_.open.tokens.empty()) cut(case_.open.tokens.front().id, "withdrawn");
  case_.open.forks.clear();
  finish("withdrawn");
  return {};
}

void Walk::move() {
  note("moved").detail = {{"from", case_.version}, {"to", process_.version()}};
  case_.version = process_.version();
}

}  // namespace chengxin::flow
