#include "flow/impl/rows.h"

#include <algorithm>
#include <set>

#include "flow/engine.h"

namespace chengxin::flow {
namespace {

constexpr sql::Migration kHistory[] = {
    {1,
     "create table flow_process (version {text} primary key, name {text} not null, body {text} not null,"
     " at_ms {int} not null) {strict};"
     "create table flow_current (name {text} primary key, version {text} not null references flow_process "
     "(version))"
     " {strict};"
     "create table flow_case (id {id}, process {text} not null, version {text} not null references "
     "flow_process"
     " (version), record {text} not null, starter {text} not null, status {text} not null, begun_ms {int} "
     "not null,"
     " ended_ms {int}, events {int} not null, open {text} not null) {strict};"
     "create index flow_case_record on flow_case (record);"
     "create index flow_case_starter on flow_case (starter, id);"
     "create index flow_case_open on flow_case (process, id) where status = 'open';"
     "create table flow_task (person {text} not null, case_id {int} not null, task {int} not null, step "
     "{text} not"
     " null, due_ms {int}, primary key (person, case_id, task)) {clustered};"
     "create table flow_timer (case_id {int} not null, number {int} not null, due_ms {int} not null,"
     " primary key (case_id, number)) {clustered};"
     "create index flow_timer_due on flow_timer (due_ms);"
     "create table flow_event (case_id {int} not null, seq {int} not null, at_ms {int} not null, who {text} "
     "not null,"
     " what {text} not null, step {text} not null, token {int} not null, task {int} not null, detail {text} "
     "not null,"
     " primary key (case_id, seq)) {clustered};"
     "create index flow_event_who on flow_event (who, case_id, seq) where who <> '';"
     "create table flow_copy (person {text} not null, case_id {int} not null, seq {int} not null,"
     " primary key (person, case_id, seq)) {clustered};"
     "create table flow_message (id {id}, case_id {int} not null, number {int} not null, person {text} not "
     "null,"
     " kind {text} not null, task {int} not null, detail {text} not null, at_ms {int} not null) {strict};"
     "create unique index flow_message_number on flow_message (case_id, number)"},
};

// A row of flow_task: whose, task, step, when due.
using Shown = std::tuple<std::string, int64_t, std::string, int64_t>;
using Timer = std::pair<int64_t, int64_t>;  // number, when due

std::set<Shown> shown(const Case& at) {
  std::map<int64_t, std::string> steps;
  for (const Token& each : at.open.tokens) steps[each.id] = each.step;
  std::set<Shown> out;
  for (const Task& each : at.open.tasks)
    if (!each.waits)
      for (const std::string& person : each.people)
        out.emplace(person, each.id, steps[each.token], each.due_ms);
  return out;
}

std::set<Timer> timers(const Case& at) {
  std::set<Timer> out;
  for (const Token& each : at.open.tokens)
    if (each.due_ms != 0) out.emplace(each.id, each.due_ms);
  for (const Task& each : at.open.tasks)
    if (each.due_ms != 0 && !each.late) out.emplace(each.id, each.due_ms);
  return out;
}

// What is in `a` and not in `b`, a row each.
template <typename Rows>
sql::Batch less(const Rows& a, const Rows& b,
                const std::function<void(const typename Rows::value_type&, sql::Batch&)>& add) {
  sql::Batch out;
  for (const auto& each : a)
    if (!b.contains(each)) add(each, out);
  return out;
}

Status write(sql::Session& session, std::string_view statement, const sql::Batch& batch) {
  return batch.empty() ? Status() : session.run_each(statement, batch);
}

std::optional<int64_t> unless_zero(int64_t value) { return value == 0 ? std::nullopt : std::optional(value); }

}  // namespace

const std::span<const sql::Migration> kTables = kHistory;

Result<std::optional<Case>> read_case(sql::Session& session, int64_t id) {
  ASSIGN(const auto row,
         session.row("select process, version, record, starter, status, begun_ms, ended_ms, events,"
                     " open from flow_case where id = ?",
                     id));
  if (!row) return std::nullopt;
  Case out{id,
           row->text(0),
           row->text(1),
           row->text(2),
           row->text(3),
           row->text(4),
           row->integer(5),
           row->optional_integer(6).value_or(0),
           row->integer(7),
           {}};
  ASSIGN(out.open, open_from_json(row->text(8)));
  return out;
}

Result<int64_t> insert_case(sql::Session& session, const Case& at) {
  ASSIGN(const auto row,
         session.row("insert into flow_case (process, version, record, starter, status, begun_ms,"
                     " events, open) values (?, ?, ?, ?, ?, ?, 0, ?) returning id",
                     at.process, at.version, at.record, at.starter, at.status, at.begun_ms,
                     to_json(at.open).dump()));
  return row->integer(0);
}

Status write_case(sql::Session& session, const Case& before, const Case& after) {
  TRY(session.run(
      "update flow_case set version = ?, status = ?, ended_ms = ?, events = ?, open = ? where id = ?",
      after.version, after.status, unless_zero(after.ended_ms), after.events, to_json(after.open).dump(),
      after.id));
  const auto old_tasks = shown(before), new_tasks = shown(after);
  TRY(write(session, "delete from flow_task where person = ? and case_id = ? and task = ?",
            less(old_tasks, new_tasks, [&](const Shown& each, sql::Batch& out) {
              out.add(std::get<0>(each), after.id, std::get<1>(each));
            })));
  TRY(write(session, "insert into flow_task values (?, ?, ?, ?, ?)",
            less(new_tasks, old_tasks, [&](const Shown& each, sql::Batch& out) {
              out.add(std::get<0>(each), after.id, std::get<1>(each), std::get<2>(each),
                      unless_zero(std::get<3>(each)));
            })));
  const auto old_timers = timers(before), new_timers = timers(after);
  TRY(write(session, "delete from flow_timer where case_id = ? and number = ?",
            less(old_timers, new_timers,
                 [&](const Timer& each, sql::Batch& out) { out.add(after.id, each.first); })));
  return write(session, "insert into flow_timer values (?, ?, ?)",
               less(new_timers, old_timers,
                    [&](const Timer& each, sql::Batch& out) { out.add(after.id, each.first, each.second); }));
}

Status write_events(sql::Session& session, int64_t id, std::span<const Event> events) {
  sql::Batch batch, copies;
  for (const Event& each : events) {
    batch.add(id, each.seq, each.at_ms, each.who, each.what, each.step, each.token, each.task,
              each.detail.dump());
    if (each.what == "copied")
      for (const Json& person : each.detail["people"]) copies.add(person.get<std::string>(), id, each.seq);
  }
  TRY(write(session, "insert into flow_event values (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch));
  return write(session, "insert into flow_copy values (?, ?, ?)", copies);
}

Status write_messages(sql::Session& session, std::span<const Message> messages) {
  sql::Batch batch;
  for (const Message& each : messages)
    batch.add(each.case_id, parse_id(each.id)->second, each.to, each.kind, each.task, each.detail.dump(),
              each.at_ms);
  return write(session,
               "insert into flow_message (case_id, number, person, kind, task, detail, at_ms)"
               " values (?, ?, ?, ?, ?, ?, ?)",
               batch);
}

}  // namespace chengxin::flow
