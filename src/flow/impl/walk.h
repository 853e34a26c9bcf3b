#pragma once
#include <deque>

#include "flow/action.h"
#include "flow/outside.h"

namespace chengxin::flow {

// One action on one case: moves its tokens until each rests, and gathers what happened. Writes nothing
// itself but what `outside` does.
class Walk {
 public:
  // As many steps without people may follow one another in one action.
  static constexpr int kMostMoves = 500;
  static constexpr size_t kMostTasks = 1000, kMostCandidates = 1000;

  Walk(sql::Session& session, Outside& outside, const std::string& administrators, const Process& process,
       const Act& act, Case& at)
      : session_(session),
        outside_(outside),
        administrators_(administrators),
        process_(process),
        act_(act),
        case_(at) {}

  Status begin();
  Status act(const Action& action, int64_t task);
  Status withdraw();
  // The time of this token or task has come.
  Status fire(int64_t number);
  Status leave(const std::string& person);
  // The case goes on by `process_`, to which it has not belonged, from where it stands.
  void move();

  std::vector<Event> events;
  std::vector<Message> messages;

 private:
  using People = std::vector<std::string>;

  About about() const { return {process_, case_.record, case_.starter, act_.who, act_.at_ms}; }
  const Step& step_of(const Token& token) const { return *process_.find(token.step); }
  Token& token(int64_t id);
  Task* task(int64_t id);
  Fork& fork(int64_t id);
  bool has_tasks(int64_t token) const;

  Event& note(std::string_view what, std::string_view step = {}, int64_t token = 0, int64_t task = 0);
  Event& note_own(std::string_view what, const Task& task);  // what `act_.who` did, with the comment
  void tell(const People& to, std::string_view kind, const Step* step, int64_t task);

  // Tokens (walk.cpp)
  void go(int64_t token, const std::string& step) { moves_.emplace_back(token, step); }
  Status run();
  Status enter(int64_t token, const std::string& step);
  Status rest(int64_t token, const Step& step);
  Status decide(int64_t token, const Step& step);
  void split(int64_t token, const Step& step);
  void end_token(int64_t token);
  void settle(int64_t fork);
  void cut(int64_t token, std::string_view why);
  void cut_fork(int64_t fork, int64_t but, std::string_view why);
  bool holds_fork(int64_t outer, int64_t inner) const;
  Result<int64_t> due(Duration duration);
  void finish(std::string_view status);

  // Tasks (tasks.cpp)
  Status open_seats(int64_t token, const Step& step);
  Result<People> people_for(std::span<const std::string> seats);
  Result<People> or_administrators(People people, const Step& step, int64_t token, int64_t task);
  Result<People> here(const People& people);
  Status add_task(int64_t token, const Step& step, People people, int64_t before);
  void show(Task& task, People people);
  Status done(int64_t task);
  Status next_of(int64_t token);
  Status give_back(int64_t task);

  // Verbs (verbs.cpp)
  Status check(const Action& action, const Task& task, const Step& step);
  Status check_people(const Action& action);
  Result<bool> is_administrator();
  Status check_comment() const;
  Status complete(int64_t task);
  Status add_before(int64_t task, const People& people);
  Status back(int64_t task, const std::string& target);
  Status late(int64_t task);

  sql::Session& session_;
  Outside& outside_;
  const std::string& administrators_;
  const Process& process_;
  const Act& act_;
  Case& case_;
  std::deque<std::pair<int64_t, std::string>> moves_;
};

}  // namespace chengxin::flow
