#include "flow/engine.h"

#include <algorithm>
#include <charconv>

#include "flow/impl/rows.h"
#include "flow/impl/walk.h"

namespace chengxin::flow {
namespace {

using sql::Session;

// Whether a case that stands where `at` does can go on by `to`.
bool fits(const Case& at, const Process& from, const Process& to) {
  const auto same = [&](const std::string& name) {
    const Step *was = from.find(name), *is = to.find(name);
    return is && was->kind == is->kind && was->join == is->join;
  };
  return std::all_of(at.open.tokens.begin(), at.open.tokens.end(),
                     [&](const Token& each) { return same(each.step); }) &&
         std::all_of(at.open.forks.begin(), at.open.forks.end(),
                     [&](const Fork& each) { return same(each.step); });
}

}  // namespace

std::string id_of(int64_t case_id, int64_t number) { return fmt::format("{}.{}", case_id, number); }

std::optional<std::pair<int64_t, int64_t>> parse_id(std::string_view text) {
  std::pair<int64_t, int64_t> out;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, out.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, out.second);
  if (second.ec != std::errc() || second.ptr != end || id_of(out.first, out.second) != text)
    return std::nullopt;
  return out;
}

Status Engine::migrate(sql::Database& database) { return database.migrate("flow", kTables); }

Status Engine::publish(Session& session, const Process& process, int64_t at_ms) {
  TRY(session.run("insert into flow_process values (?, ?, ?, ?) on conflict (version) do nothing",
                  process.version(), process.name(), process.to_json().dump(), at_ms));
  TRY(session.run(
      "insert into flow_current values (?, ?) on conflict (name) do update set version = excluded.version",
      process.name(), process.version()));
  return {};
}

// A version is named by its content, so what was once read stays right.
Result<std::shared_ptr<const Process>> Engine::load(Session& session, const std::string& version) {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = processes_.find(version); found != processes_.end()) return found->second;
  }
  ASSIGN(const auto row, session.row("select body from flow_process where version = ?", version));
  if (!row) return fail(Code::data_loss, "flow.process_malformed", "version {} is not there", version);
  const Json document = Json::parse(row->text(0), nullptr, false);
  if (document.is_discarded()) return fail(Code::data_loss, "flow.process_malformed", "version {}", version);
  ASSIGN(Process process, Process::from_json(document));
  if (process.version() != version)
    return fail(Code::data_loss, "flow.process_malformed", "version {}", version);
  auto made = std::make_shared<const Process>(std::move(process));
  std::lock_guard lock(mutex_);
  return processes_.emplace(version, std::move(made)).first->second;
}

Result<std::shared_ptr<const Process>> Engine::current(Session& session, const std::string& name) {
  ASSIGN(const auto row, session.row("select version from flow_current where name = ?", name));
  if (!row) return fail(Code::not_found, "flow.process_unknown", "{}", name);
  return load(session, row->text(0));
}

Result<std::shared_ptr<const Process>> Engine::process_of(Session& session, const Case& at) {
  return load(session, at.version);
}

Result<int64_t> Engine::start(Session& session, const std::string& name, const std::string& record,
                              const Act& act) {
  ASSIGN(const auto process, current(session, name));
  bool may = false;
  for (const std::string& role : process->start()) {
    if (may) break;
    ASSIGN(may, outside_.has_role(session, act.who, role));
  }
  if (!may) return fail(Code::forbidden, "flow.may_not_start", "{}", name);
  Case at{.process = name,
          .version = process->version(),
          .record = record,
          .starter = act.who,
          .begun_ms = act.at_ms};
  ASSIGN(at.id, insert_case(session, at));
  const Case before = at;
  Walk walk(session, outside_, options_.administrators, *process, act, at);
  TRY(walk.begin());
  TRY(write_case(session, before, at));
  TRY(write_events(session, at.id, walk.events));
  TRY(write_messages(session, walk.messages));
  return at.id;
}

Result<Case> Engine::find(Session& session, int64_t id) {
  ASSIGN(auto found, read_case(session, id));
  if (!found) return fail(Code::not_found, "flow.case_unknown", "{}", id);
  return std::move(*found);
}

Status Engine::change(Session& session, int64_t id, const Act& act,
                      const std::function<Status(Walk&, const Case&)>& how) {
  ASSIGN(Case at, find(session, id));
  ASSIGN(const auto process, load(session, at.version));
  const Case before = at;
  Walk walk(session, outside_, options_.administrators, *process, act, at);
  TRY(how(walk, before));
  TRY(write_case(session, before, at));
  TRY(write_events(session, id, walk.events));
  return write_messages(session, walk.messages);
}

Status Engine::act(Session& session, const Action& action) {
  const auto id = parse_id(action.task);
  if (!id) return fail(Code::not_found, "flow.task_unknown");
  Status done = change(session, id->first, action.act,
                       [&](Walk& walk, const Case&) { return walk.act(action, id->second); });
  if (!done && done.error().reason == "flow.case_unknown") return fail(Code::not_found, "flow.task_unknown");
  return done;
}

Status Engine::act(sql::Database& database, const Action& action) {
  return database.transaction([&](Session& session) { return act(session, action); });
}

Status Engine::withdraw(Session& session, int64_t id, const Act& act) {
  return change(session, id, act, [](Walk& walk, const Case&) { return walk.withdraw(); });
}

Status Engine::leave(Session& session, const std::string& person, int64_t at_ms) {
  ASSIGN(const auto rows,
         session.rows("select distinct case_id from flow_task where person = ? order by case_id", person));
  for (const sql::Row& row : rows)
    TRY(change(session, row.integer(0), {.who = {}, .at_ms = at_ms, .comment = {}},
               [&](Walk& walk, const Case&) { return walk.leave(person); }));
  return {};
}

Result<bool> Engine::adopt(Session& session, int64_t id, int64_t at_ms) {
  ASSIGN(Case at, find(session, id));
  ASSIGN(const auto from, load(session, at.version));
  ASSIGN(const auto to, current(session, at.process));
  if (!at.is_open() || at.version == to->version() || !fits(at, *from, *to)) return false;
  const Case before = at;
  const Act act{.who = {}, .at_ms = at_ms, .comment = {}};
  Walk walk(session, outside_, options_.administrators, *to, act, at);
  walk.move();
  TRY(write_case(session, before, at));
  TRY(write_events(session, id, walk.events));
  return true;
}

Result<std::vector<int64_t>> Engine::older(Session& session, const std::string& process, int64_t after,
                                           int64_t limit) {
  ASSIGN(
      const auto rows,
      session.rows("select id from flow_case where process = ? and status = 'open' and id > ? and version <>"
                   " (select version from flow_current where name = ?) order by id limit ?",
                   process, after, process, limit));
  std::vector<int64_t> out;
  for (const sql::Row& row : rows) out.push_back(row.integer(0));
  return out;
}

// Taking the row away is the claim: it comes back only with the whole transaction.
Status Engine::fire(Session& session, int64_t id, int64_t number, int64_t now_ms) {
  ASSIGN(const int64_t claimed,
         session.run("delete from flow_timer where case_id = ? and number = ?", id, number));
  if (claimed == 0) return {};
  return change(session, id, {.who = {}, .at_ms = now_ms, .comment = {}},
                [&](Walk& walk, const Case&) { return walk.fire(number); });
}

Status Engine::run_batch(sql::Database& database, int64_t now_ms,
                         std::vector<std::pair<int64_t, int64_t>>& batch) {
  return database.transaction([&](Session& session) -> Status {
    batch.clear();
    // PostgreSQL lets others take the next ones meanwhile; SQLite has one writer.
    const bool skips = session.dialect() == sql::Dialect::postgresql;
    ASSIGN(
        const auto rows,
        session.rows(
            fmt::format("select case_id, number from flow_timer where due_ms <= ? order by due_ms limit ?{}",
                        skips ? " for update skip locked" : ""),
            now_ms, kBatch));
    for (const sql::Row& row : rows) batch.emplace_back(row.integer(0), row.integer(1));
    for (const auto& [id, number] : batch) TRY(fire(session, id, number, now_ms));
    return {};
  });
}

Status Engine::run_singly(sql::Database& database, int64_t now_ms,
                          std::span<const std::pair<int64_t, int64_t>> batch, Ran& ran) {
  for (const auto& [id, number] : batch) {
    const auto one = [&, id = id, number = number](bool again) {
      return database.transaction([&](Session& session) -> Status {
        if (!again) return fire(session, id, number, now_ms);
        TRY(session.run("update flow_timer set due_ms = ? where case_id = ? and number = ?",
                        now_ms + kAgainMs, id, number));
        return {};
      });
    };
    const Status done = one(false);
    ran.done += done.has_value();
    if (done) continue;
    if (done.error().reason.starts_with("sql.")) return done;
    ran.refused.emplace_back(id, done.error());
    TRY(one(true));
  }
  return {};
}

Result<Engine::Ran> Engine::run_due(sql::Database& database, int64_t now_ms) {
  Ran ran;
  for (std::vector<std::pair<int64_t, int64_t>> batch;;) {
    const Status done = run_batch(database, now_ms, batch);
    if (!done && done.error().reason.starts_with("sql.")) return tl::unexpected(done.error());
    if (done) ran.done += int64_t(batch.size());
    if (!done) TRY(run_singly(database, now_ms, batch, ran));
    if (batch.empty()) return ran;
  }
}

Result<std::vector<int64_t>> Engine::cases_of(Session& session, const std::string& record) {
  ASSIGN(const auto rows, session.rows("select id from flow_case where record = ? order by id", record));
  std::vector<int64_t> out;
  for (const sql::Row& row : rows) out.push_back(row.integer(0));
  return out;
}

Result<std::vector<Event>> Engine::history(Session& session, int64_t id, int64_t after, int64_t limit) {
  ASSIGN(const auto rows,
         session.rows("select seq, at_ms, who, what, step, token, task, detail from flow_event where"
                      " case_id = ? and seq > ? order by seq limit ?",
                      id, after, limit));
  std::vector<Event> out;
  for (const sql::Row& row : rows)
    out.push_back({row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4), row.integer(5),
                   row.integer(6), Json::parse(row.text(7), nullptr, false)});
  return out;
}

sql::Query Engine::tasks_of(const std::string& person) {
  sql::Query out(
      "select t.case_id, t.task, t.step, t.due_ms, c.process, c.record, c.starter from flow_task t"
      " join flow_case c on c.id = t.case_id");
  out.where("t.person = ?", person).keys({"t.case_id", "t.task"});
  return out;
}

sql::Query Engine::begun_by(const std::string& person) {
  sql::Query out("select id, process, record, status, begun_ms, ended_ms from flow_case");
  out.where("starter = ?", person).keys({"id"}, sql::Order::descending);
  return out;
}

sql::Query Engine::copied_to(const std::string& person) {
  sql::Query out(
      "select p.case_id, p.seq, c.process, c.record, c.starter from flow_copy p"
      " join flow_case c on c.id = p.case_id");
  out.where("p.person = ?", person).keys({"p.case_id", "p.seq"}, sql::Order::descending);
  return out;
}

sql::Query Engine::done_by(const std::string& person) {
  sql::Query out("select case_id, seq, at_ms, what, step, task from flow_event");
  out.where("who = ? and who <> ''", person).keys({"case_id", "seq"}, sql::Order::descending);
  return out;
}

Result<std::vector<Message>> Engine::messages(Session& session, int64_t limit) {
  ASSIGN(
      const auto rows,
      session.rows(
          "select case_id, number, person, kind, task, detail, at_ms from flow_message order by id limit ?",
          limit));
  std::vector<Message> out;
  for (const sql::Row& row : rows)
    out.push_back({id_of(row.integer(0), row.integer(1)), row.text(2), row.text(3), row.integer(0),
                   row.integer(4), Json::parse(row.text(5), nullptr, false), row.integer(6)});
  return out;
}

Status Engine::acknowledge(Session& session, std::span<const std::string> ids) {
  sql::Batch batch;
  for (const std::string& id : ids)
    if (const auto at = parse_id(id)) batch.add(at->first, at->second);
  return batch.empty() ? Status()
                       : session.run_each("delete from flow_message where case_id = ? and number = ?", batch);
}

}  // namespace chengxin::flow
