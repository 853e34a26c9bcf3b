#include <algorithm>

#include "flow/impl/walk.h"

// What people do to tasks, and what time does.
namespace chengxin::flow {
namespace {

constexpr std::string_view kVerbs[] = {"complete", "add_before", "add_after", "hand_over",
                                       "delegate", "back",       "copy",      "urge"};

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::string_view name_of(Verb verb) { return kVerbs[size_t(verb)]; }

std::optional<Verb> verb_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kVerbs); ++i)
    if (kVerbs[i] == name) return Verb(i);
  return std::nullopt;
}

Status Walk::check_comment() const {
  if (act_.comment.size() <= kMostComment) return {};
  return fail(Code::too_large, "flow.comment", "{} bytes", act_.comment.size());
}

Result<bool> Walk::is_administrator() { return outside_.has_role(session_, act_.who, administrators_); }

// Administrators may hand any task over: what nobody does must not stay.
Status Walk::check(const Action& action, const Task& task, const Step& step) {
  const bool mine = contains(task.people, act_.who);
  const bool may =
      action.verb == Verb::complete || action.verb == Verb::back || contains(step.may, name_of(action.verb));
  ASSIGN(const bool administers, action.verb == Verb::hand_over || action.verb == Verb::urge
                                     ? is_administrator()
                                     : Result<bool>(false));
  if (action.verb == Verb::hand_over && administers) return {};
  const bool urges = action.verb == Verb::urge && (act_.who == case_.starter || administers);
  if (!mine && !urges) return fail(Code::forbidden, "flow.not_yours");
  if (action.verb == Verb::urge && !urges) return fail(Code::forbidden, "flow.not_starter");
  if (!may) return fail(Code::forbidden, "flow.not_allowed", "{} at {}", name_of(action.verb), step.name);
  if (task.waits && action.verb != Verb::urge && action.verb != Verb::copy)
    return fail(Code::conflict, "flow.task_waits");
  if (action.verb == Verb::back && !contains(step.back, action.step))
    return fail(Code::invalid_argument, "flow.no_way_back", "from {} to {}", step.name, action.step);
  return {};
}

Status Walk::check_people(const Action& action) {
  const Verb verb = action.verb;
  const bool one = verb == Verb::hand_over || verb == Verb::delegate;
  const bool some = verb == Verb::add_before || verb == Verb::add_after || verb == Verb::copy;
  if (!one && !some) return {};
  if (action.people.empty() || action.people.size() > (one ? 1 : kMostPeople))
    return fail(Code::invalid_argument, "flow.people", "{} of {}", action.people.size(),
                one ? 1 : kMostPeople);
  if (contains(action.people, act_.who)) return fail(Code::invalid_argument, "flow.to_self");
  for (const std::string& person : action.people) {
    ASSIGN(const bool is_here, outside_.is_here(session_, person));
    if (!is_here) return fail(Code::invalid_argument, "flow.person_unknown", "{}", person);
  }
  return {};
}

Status Walk::act(const Action& action, int64_t id) {
  Task* at = task(id);
  if (!at && id > 0 && id < case_.open.next) return fail(Code::conflict, "flow.task_done");
  if (!at) return fail(Code::not_found, "flow.task_unknown");
  const Step& step = step_of(token(at->token));
  TRY(check(action, *at, step));
  TRY(check_people(action));
  TRY(check_comment());
  const std::set<std::string> unique(action.people.begin(), action.people.end());
  const People people(unique.begin(), unique.end());
  switch (action.verb) {
    case Verb::complete:
      TRY(complete(id));
      break;
    case Verb::back:
      TRY(back(id, action.step));
      break;
    case Verb::add_before:
      TRY(add_before(id, people));
      break;
    case Verb::add_after:
      note_own("added_after", *at).detail["people"] = people;
      at->after.insert(at->after.end(), people.begin(), people.end());
      break;
    case Verb::delegate:
      at->delegators.push_back(act_.who);
      note_own("delegated", *at).detail["people"] = people;
      show(*at, people);
      break;
    case Verb::hand_over:
      note_own("handed_over", *at).detail["people"] = people;
      at->waits ? void(at->people = people) : show(*at, people);
      break;
    case Verb::copy:
      note_own("copied", *at).detail["people"] = people;
      tell(people, "copy", &step, id);
      break;
    case Verb::urge:
      note_own("urged", *at);
      tell(at->people, "urge", &step, id);
  }
  return run();
}

Status Walk::complete(int64_t id) {
  Task& at = *task(id);
  if (!at.delegators.empty()) return give_back(id);
  note_own("completed", at);
  return done(id);
}

Status Walk::add_before(int64_t id, const People& people) {
  Task& at = *task(id);
  note_own("added_before", at).detail["people"] = people;
  at.waits = true;
  const int64_t of = at.token;
  for (const std::string& person : people) TRY(add_task(of, step_of(token(of)), {person}, id));
  return {};
}

// Out of every fork that the target is not within, then there.
Status Walk::back(int64_t id, const std::string& target) {
  const int64_t on = task(id)->token;
  note_own("returned", *task(id)).detail["to"] = target;
  for (const Task& each : case_.open.tasks)
    if (each.token == on && each.id != id) {
      note("task_ended", token(on).step, on, each.id).detail = {{"why", "returned"}};
      if (!each.waits) tell(each.people, "task_ended", &step_of(token(on)), each.id);
    }
  std::erase_if(case_.open.tasks, [&](const Task& each) { return each.token == on; });
  token(on).turns.clear();
  while (token(on).fork != 0 && !process_.is_within(*process_.find(fork(token(on).fork).step), target))
    cut_fork(token(on).fork, on, "returned");
  go(on, target);
  return {};
}

Status Walk::fire(int64_t number) {
  if (Task* at = task(number)) {
    if (at->due_ms != 0 && !at->late) TRY(late(number));
    return run();
  }
  for (Token& each : case_.open.tokens)
    if (each.id == number && each.due_ms != 0) {
      each.due_ms = 0;
      note("waited", each.step, each.id);
      go(each.id, step_of(each).to);
      break;
    }
  return run();
}

Status Walk::late(int64_t id) {
  Task& at = *task(id);
  const Step& step = step_of(token(at.token));
  at.late = true;
  note("late", step.name, at.token, id).detail = {{"due", at.due_ms}};
  if (step.remind) tell(at.people, "late", &step, id);
  if (!step.escalate) return {};
  ASSIGN(People to,
         step.escalate_to.empty() ? Result<People>(People()) : people_for(std::span(&step.escalate_to, 1)));
  ASSIGN(to, or_administrators(std::move(to), step, at.token, id));
  note("escalated", step.name, at.token, id).detail = {{"people", to}};
  tell(to, "escalated", &step, id);
  std::set<std::string> all(at.people.begin(), at.people.end());
  all.insert(to.begin(), to.end());
  at.people.assign(all.begin(), all.end());
  return {};
}

Status Walk::leave(const std::string& person) {
  for (Task& at : case_.open.tasks) {
    if (std::erase(at.people, person) == 0) continue;
    const Step& step = step_of(token(at.token));
    note("left", step.name, at.token, at.id).detail = {{"person", person}};
    if (!at.people.empty()) continue;
    ASSIGN(People people, or_administrators({}, step, at.token, at.id));
    at.waits ? void(at.people = std::move(people)) : show(at, std::move(people));
  }
  return {};
}

}  // namespace chengxin::flow
