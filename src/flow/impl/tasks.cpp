#include <algorithm>

#include "flow/impl/walk.h"

// Who is asked, and what follows when it is done.
namespace chengxin::flow {

Task* Walk::task(int64_t id) {
  auto found = std::find_if(case_.open.tasks.begin(), case_.open.tasks.end(),
                            [&](const Task& each) { return each.id == id; });
  return found == case_.open.tasks.end() ? nullptr : &*found;
}

bool Walk::has_tasks(int64_t token) const {
  return std::any_of(case_.open.tasks.begin(), case_.open.tasks.end(),
                     [&](const Task& each) { return each.token == token; });
}

Event& Walk::note_own(std::string_view what, const Task& task) {
  Event& out = note(what, token(task.token).step, task.token, task.id);
  out.who = act_.who;
  if (!act_.comment.empty()) out.detail["comment"] = act_.comment;
  return out;
}

Status Walk::open_seats(int64_t id, const Step& step) {
  if (step.kind == Step::Kind::in_turn) {
    token(id).turns = step.people;
    return next_of(id);
  }
  const bool each_one = step.kind == Step::Kind::all_of;
  for (size_t i = 0; i < (each_one ? step.people.size() : 1); ++i) {
    const auto seats = each_one ? std::span(step.people).subspan(i, 1) : std::span(step.people);
    ASSIGN(People people, people_for(seats));
    TRY(add_task(id, step, std::move(people), 0));
  }
  return {};
}

Result<Walk::People> Walk::people_for(std::span<const std::string> seats) {
  std::set<std::string> out;
  for (const std::string& seat : seats) {
    ASSIGN(const People people, outside_.people(session_, about(), seat));
    out.insert(people.begin(), people.end());
  }
  if (out.size() > kMostCandidates) return fail(Code::too_large, "flow.too_many", "{} people", out.size());
  return People(out.begin(), out.end());
}

Result<Walk::People> Walk::here(const People& people) {
  std::set<std::string> out;
  for (const std::string& person : people) {
    ASSIGN(const bool is_here, outside_.is_here(session_, person));
    if (is_here) out.insert(person);
  }
  return People(out.begin(), out.end());
}

// A task that nobody could do falls to the administrators, and everybody is told so.
Result<Walk::People> Walk::or_administrators(People people, const Step& step, int64_t token, int64_t task) {
  if (!people.empty()) return people;
  ASSIGN(people, people_for(std::span(&administrators_, 1)));
  if (people.empty())
    return fail(Code::unavailable, "flow.nobody", "step {} of {}, and no {}", step.name, case_.process,
                administrators_);
  note("nobody", step.name, token, task).detail = {{"people", people}};
  tell(people, "nobody", &step, task);
  return people;
}

Status Walk::add_task(int64_t id, const Step& step, People people, int64_t before) {
  if (case_.open.tasks.size() >= kMostTasks)
    return fail(Code::too_large, "flow.too_many", "{} tasks", kMostTasks);
  Task made{
      .id = case_.open.next++, .token = id, .people = {}, .delegators = {}, .after = {}, .before = before};
  if (step.within) {
    ASSIGN(made.due_ms, due(*step.within));
  }
  ASSIGN(people, or_administrators(std::move(people), step, id, made.id));
  Event& event = note("task", step.name, id, made.id);
  event.detail = {{"people", people}};
  if (made.due_ms != 0) event.detail["due"] = made.due_ms;
  case_.open.tasks.push_back(std::move(made));
  show(case_.open.tasks.back(), std::move(people));
  return {};
}

void Walk::show(Task& task, People people) {
  task.people = std::move(people);
  tell(task.people, "task", &step_of(token(task.token)), task.id);
}

// Its own `after` come first, then the one that waits for it, then the step's next, then the next step.
Status Walk::done(int64_t id) {
  const Task was = *task(id);
  const Step& step = step_of(token(was.token));
  std::erase_if(case_.open.tasks, [&](const Task& each) { return each.id == id; });
  for (const std::string& person : was.after) {
    ASSIGN(People people, here({person}));
    TRY(add_task(was.token, step, std::move(people), was.before));
  }
  const bool more = std::any_of(case_.open.tasks.begin(), case_.open.tasks.end(), [&](const Task& each) {
    return was.before != 0 && each.before == was.before;
  });
  if (was.before != 0 && !more) {
    Task& waiting = *task(was.before);
    waiting.waits = false;
    ASSIGN(People people, here(waiting.people));
    ASSIGN(people, or_administrators(std::move(people), step, waiting.token, waiting.id));
    note("resumed", step.name, waiting.token, waiting.id).detail = {{"people", people}};
    show(waiting, std::move(people));
  }
  return has_tasks(was.token) ? Status() : next_of(was.token);
}

Status Walk::next_of(int64_t id) {
  Token& at = token(id);
  const Step& step = step_of(at);
  if (at.turns.empty()) {
    go(id, step.to);
    return {};
  }
  const std::string seat = at.turns.front();
  at.turns.erase(at.turns.begin());
  ASSIGN(People people, people_for(std::span(&seat, 1)));
  return add_task(id, step, std::move(people), 0);
}

// From a delegate to whom it came from; past those who have left.
Status Walk::give_back(int64_t id) {
  Task& at = *task(id);
  const Step& step = step_of(token(at.token));
  People people;
  while (people.empty() && !at.delegators.empty()) {
    ASSIGN(people, here({at.delegators.back()}));
    at.delegators.pop_back();
  }
  ASSIGN(people, or_administrators(std::move(people), step, at.token, id));
  note_own("delegate_done", at).detail["people"] = people;
  show(at, std::move(people));
  return {};
}

}  // namespace chengxin::flow
