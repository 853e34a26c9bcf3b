#pragma once
#include "flow/action.h"
#include "flow/outside.h"
#include "sql/query.h"

// Runs cases of processes, in SQL: docs/processes.md says what steps and verbs do, ADR 0051 why it is so.
// - Everything that one action does is in the transaction that it is called in: a case's row, its history,
// the list of tasks by person, timers and messages. Nothing of it is kept elsewhere, so a crash loses a
// whole action or none of it.
// - What is open in a case is one row (case.h), and rows of tasks and timers follow from it: an action reads
// one row by its key, and costs the same however many cases are open.
// - An action that is refused has to fail its transaction, or its part of one (sql::Session::part): what was
// written before goes with it.
// - Each action is durable when its transaction returns; sql::Together lets many callers share that wait.
// Thread-safe. Errors beside those named: sql.…, and what `outside` says.
namespace chengxin::flow {

class Engine {
 public:
  struct Options {
    std::string administrators;  // the role that gets what nobody else can do
  };
  Engine(Outside& outside, Options options) : outside_(outside), options_(std::move(options)) {}

  static Status migrate(sql::Database& database);

  // The version that new cases begin with.
  Status publish(sql::Session& session, const Process& process, int64_t at_ms);

  // Gives the case's id. Errors: flow.process_unknown, flow.may_not_start, flow.endless (steps without people
  // go round), flow.outcome, flow.nobody (neither the people of a step nor administrators are there).
  Result<int64_t> start(sql::Session& session, const std::string& process, const std::string& record,
                        const Act& act);

  // Errors: those of start, and flow.task_done (also when somebody else was faster), flow.task_unknown,
  // flow.not_yours, flow.not_starter (urge), flow.not_allowed, flow.task_waits (for people added before),
  // flow.no_way_back, flow.people (how many), flow.to_self, flow.person_unknown, flow.comment, flow.too_many.
  Status act(sql::Session& session, const Action& action);
  Status act(sql::Database& database, const Action& action);

  // Errors: flow.case_unknown, flow.not_starter, flow.case_ended, flow.too_late, flow.comment.
  Status withdraw(sql::Session& session, int64_t id, const Act& act);

  // Takes somebody who has left out of all open tasks.
  Status leave(sql::Session& session, const std::string& person, int64_t at_ms);

  // Moves the case to the version that new ones begin with, when every step that it stands in is there by its
  // name, of the same kind; else it stays, to end as it began, and false comes back.
  Result<bool> adopt(sql::Session& session, int64_t id, int64_t at_ms);
  // Open cases on other versions of the process than that, above `after`.
  Result<std::vector<int64_t>> older(sql::Session& session, const std::string& process, int64_t after,
                                     int64_t limit);

  // Does what is due, the oldest first, kBatch a transaction; a case that refuses (nobody is there, a rule
  // fails) is tried again kAgainMs later and keeps no other waiting. Any number of processes may do this
  // beside each other: each time comes once. Errors: sql.….
  static constexpr int64_t kBatch = 50, kAgainMs = 600'000;
  struct Ran {
    int64_t done = 0;
    std::vector<std::pair<int64_t, Error>> refused;  // by case
  };
  Result<Ran> run_due(sql::Database& database, int64_t now_ms);

  // flow.case_unknown.
  Result<Case> find(sql::Session& session, int64_t id);
  Result<std::shared_ptr<const Process>> process_of(sql::Session& session, const Case& at);
  Result<std::vector<int64_t>> cases_of(sql::Session& session, const std::string& record);
  Result<std::vector<Event>> history(sql::Session& session, int64_t id, int64_t after, int64_t limit);

  // Tasks (待办), cases that somebody began (我发起), what somebody did (已办) and was sent a copy of (抄送),
  // as pages (sql/query.h):
  //   case_id, task, step, due_ms, process, record, starter · id, process, record, status, begun_ms, ended_ms
  //   · case_id, seq, at_ms, what, step, task
  static sql::Query tasks_of(const std::string& person);
  static sql::Query begun_by(const std::string& person);
  static sql::Query done_by(const std::string& person);
  static sql::Query copied_to(const std::string& person);

  // Messages that nobody acknowledged yet, the oldest first. They stay until they are: who sends one and dies
  // sends it again, with the same id.
  static Result<std::vector<Message>> messages(sql::Session& session, int64_t limit);
  static Status acknowledge(sql::Session& session, std::span<const std::string> ids);

 private:
  Result<std::shared_ptr<const Process>> load(sql::Session& session, const std::string& version);
  Result<std::shared_ptr<const Process>> current(sql::Session& session, const std::string& name);
  Status change(sql::Session& session, int64_t id, const Act& act,
                const std::function<Status(class Walk&, const Case&)>& how);
  Status fire(sql::Session& session, int64_t id, int64_t number, int64_t now_ms);
  Status run_batch(sql::Database& database, int64_t now_ms, std::vector<std::pair<int64_t, int64_t>>& batch);
  Status run_singly(sql::Database& database, int64_t now_ms,
                    std::span<const std::pair<int64_t, int64_t>> batch, Ran& ran);

  Outside& outside_;
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Process>> processes_;  // by version
};

// CASE.NUMBER, the way tasks and messages are called outside.
std::string id_of(int64_t case_id, int64_t number);
std::optional<std::pair<int64_t, int64_t>> parse_id(std::string_view text);

}  // namespace chengxin::flow
