#pragma once
#include <gtest/gtest.h>

#include "flow/engine.h"
#include "support/databases.h"

namespace chengxin::flow {

using Told = std::vector<std::string>;
constexpr int64_t kBegin = 1'764'000'000'000;  // 2025-11-24, a Monday

// A checked pack around the steps (YAML, indented by two) of the process `p`.
inline pack::Packs pack_with(const std::string& steps, const std::string& more = {}) {
  const std::map<std::string, std::string> content{
      {"pack.yaml",
       "pack: town\nversion: 1.0.0\ntitle: 镇\nengine: '>=1.0'\n"
       "roles: {clerk: 职员, head: 主任, boss: 局长, keeper: 管理员}\n"},
      {"entities/house.yaml",
       "entity: house\ntitle: 房屋\nowner: creator\nfields: {owner: {ref: house}, floors: {whole: true, "
       "required: true}}\n"
       "states: {open: {zh: 开, to: [shut]}, shut: 关}\n"},
      {"rules/d.yaml", "decision: d\ntitle: D\nfor: house\ngives: [good, bad]\nrows: [{then: good}]\n"},
      {"calendars/c.yaml", "calendar: c\ntitle: C\ndays: [{off: 2025-10-01, until: 2025-10-08, zh: 国庆}]\n"},
      {"processes/p.yaml", "process: p\ntitle: P\nfor: house\nstart: [clerk]\n" + more + "steps:\n" + steps}};
  pack::Files files{.label = "p", .content = {}};
  for (const auto& [path, text] : content) files.content[path] = to_bytes(view(text));
  pack::Packs out = pack::check(std::span(&files, 1));
  for (const pack::Finding& each : out.findings.shown())
    ADD_FAILURE() << each.reason << " " << each.file << ":" << each.at.line << ":" << each.at.column << "\n"
                  << steps;
  return out;
}

inline Process process_with(const std::string& steps, const std::string& more = {}) {
  const pack::Packs packs = pack_with(steps, more);
  return Process::compile(packs.packs.at(0), packs.packs.at(0).processes.at(0));
}

// Records and people of the tests. States are in SQL, within the session that the engine hands over.
class Town : public Outside {
 public:
  static constexpr sql::Migration kTables[] = {{1,
                                                "create table town_state (record {text} primary key, state "
                                                "{text} not null, changes {int} not null) {strict}"}};

  std::map<std::string, std::vector<std::string>> roles{{"clerk", {"anna"}},
                                                        {"head", {"bo", "chen"}},
                                                        {"boss", {"dai"}},
                                                        {"keeper", {"kim"}},
                                                        {"owner", {"ou"}}};
  std::set<std::string> others{"eve", "fan", "gu"}, left;
  std::set<std::string> skipped;  // steps whose `when` does not hold
  std::string outcome = "good";
  Calendar by;

  Result<bool> holds(sql::Session&, const About&, const Step& step) override {
    return !skipped.contains(step.name);
  }
  Result<Decision> decide(sql::Session&, const About& about, const Step&) override {
    return Decision{outcome, {{"row", 1}, {"record", about.record}}};
  }
  Result<std::vector<std::string>> people(sql::Session&, const About& about,
                                          const std::string& who) override {
    std::vector<std::string> out = who == "starter" ? std::vector{about.starter} : roles[who];
    std::erase_if(out, [&](const std::string& each) { return left.contains(each); });
    return out;
  }
  Result<bool> has_role(sql::Session&, const std::string& person, const std::string& role) override {
    const auto& all = roles[role];
    return std::count(all.begin(), all.end(), person) > 0 && !left.contains(person);
  }
  Result<bool> is_here(sql::Session&, const std::string& person) override {
    bool known = others.contains(person);
    for (const auto& [role, all] : roles) known |= std::count(all.begin(), all.end(), person) > 0;
    return known && !left.contains(person);
  }
  Status set_state(sql::Session& session, const About& about, const std::string& state) override {
    TRY(session.run(
        "insert into town_state values (?, ?, 1) on conflict (record) do update set state = excluded.state,"
        " changes = town_state.changes + 1",
        about.record, state));
    return {};
  }
  Result<std::shared_ptr<const Calendar>> calendar(sql::Session&, const std::string&) override {
    return std::make_shared<const Calendar>(by);
  }
};

// What must hold of a case between two actions.
inline void expect_sound(const Case& at, const Process& process) {
  std::set<int64_t> numbers;
  const auto fresh = [&](int64_t number) {
    EXPECT_TRUE(number > 0 && number < at.open.next && numbers.insert(number).second);
  };
  std::map<int64_t, size_t> tasks, within;  // tasks of a token; tokens and forks of a fork
  std::set<int64_t> ids;
  for (const Task& each : at.open.tasks) ids.insert(each.id);
  for (const Task& each : at.open.tasks) {
    fresh(each.id);
    ++tasks[each.token];
    EXPECT_FALSE(each.people.empty()) << "nobody could do it";
    EXPECT_TRUE(each.before == 0 || ids.contains(each.before));
    const bool waited_for = std::any_of(at.open.tasks.begin(), at.open.tasks.end(),
                                        [&](const Task& other) { return other.before == each.id; });
    EXPECT_EQ(each.waits, waited_for) << "a task waits without end, or does not wait";
  }
  for (const Fork& each : at.open.forks) {
    fresh(each.id);
    ++within[each.parent];
    EXPECT_EQ(process.find(each.step)->kind, Step::Kind::fork);
  }
  for (const Token& each : at.open.tokens) {
    fresh(each.id);
    ++within[each.fork];
    const Step* step = process.find(each.step);
    ASSERT_NE(step, nullptr);
    const bool rests = !each.arrived && step->has_people();
    EXPECT_EQ(tasks[each.id] > 0, rests) << each.step;
    EXPECT_TRUE(each.arrived || rests || (step->kind == Step::Kind::wait && each.due_ms > 0)) << each.step;
    EXPECT_TRUE(!each.arrived || each.fork != 0);
    tasks.erase(each.id);
  }
  tasks.erase(0);
  EXPECT_TRUE(std::all_of(tasks.begin(), tasks.end(), [](const auto& each) { return each.second == 0; }))
      << "a task without its token";
  for (const Fork& each : at.open.forks) EXPECT_GT(within[each.id], 0u) << "a fork without a token";
  const bool nothing = at.open.tokens.empty() && at.open.forks.empty() && at.open.tasks.empty();
  EXPECT_EQ(at.is_open(), !nothing);
}

// An engine on each database, its town, and short ways to ask and to act.
class OnEngine : public test::OnEachDatabase {
 protected:
  void SetUp() override {
    OnEachDatabase::SetUp();
    database = open();
    ASSERT_TRUE(database);
    ASSERT_OK(Engine::migrate(*database));
    ASSERT_OK(database->migrate("town", Town::kTables));
  }

  template <typename T>
  T value(const std::function<Result<T>(sql::Session&)>& how) {
    T out{};
    const Status status = database->transaction([&](sql::Session& s) -> Status {
      ASSIGN(out, how(s));
      return {};
    });
    EXPECT_TRUE(test::succeeded(status));
    return out;
  }

  void publish(const std::string& steps, const std::string& more = {}) {
    const Process process = process_with(steps, more);
    ASSERT_OK(database->transaction([&](sql::Session& s) { return engine.publish(s, process, now); }));
  }
  int64_t start(const std::string& record = "r") {
    return value<int64_t>([&](sql::Session& s) { return engine.start(s, "p", record, {"anna", now, ""}); });
  }
  int64_t start_with(const std::string& steps, const std::string& more = {}) {
    publish(steps, more);
    return start();
  }
  Case at(int64_t id) {
    const Case out = value<Case>([&](sql::Session& s) { return engine.find(s, id); });
    const auto process =
        value<std::shared_ptr<const Process>>([&](sql::Session& s) { return engine.process_of(s, out); });
    expect_sound(out, *process);
    return out;
  }
  // Open tasks that somebody can do now: "step: people".
  Told open_tasks(int64_t id) {
    const Case now_at = at(id);
    Told out;
    for (const Task& each : now_at.open.tasks)
      for (const Token& token : now_at.open.tokens)
        if (token.id == each.token && !each.waits)
          out.push_back(fmt::format("{}: {}", token.step, fmt::join(each.people, " ")));
    return out;
  }
  // The first task that the person can do in the case.
  std::string task_of(int64_t id, const std::string& person) {
    for (const Task& each : at(id).open.tasks)
      if (!each.waits && std::count(each.people.begin(), each.people.end(), person) > 0)
        return id_of(id, each.id);
    ADD_FAILURE() << "nothing for " << person;
    return "0.0";
  }
  Status act(Verb verb, const std::string& task, const std::string& who, Told people = {},
             const std::string& step = {}) {
    return engine.act(*database, {verb, task, {who, ++now, "说明"}, std::move(people), step});
  }
  Status complete(int64_t id, const std::string& who) { return act(Verb::complete, task_of(id, who), who); }
  Status withdraw(int64_t id, const std::string& who) {
    return database->transaction([&](sql::Session& s) { return engine.withdraw(s, id, {who, ++now, ""}); });
  }
  // "what step" of each thing that happened after `seq`.
  Told story(int64_t id, int64_t after = 0) {
    Told out;
    for (const Event& each :
         value<std::vector<Event>>([&](sql::Session& s) { return engine.history(s, id, after, 1000); }))
      out.push_back(each.what + (each.step.empty() ? "" : " " + each.step) +
                    (each.who.empty() ? "" : " " + each.who));
    return out;
  }
  // "kind to" of what is still to be sent; taken away.
  Told messages() {
    Told out;
    EXPECT_TRUE(test::succeeded(database->transaction([&](sql::Session& s) -> Status {
      out.clear();
      ASSIGN(const auto all, Engine::messages(s, 1000));
      Told ids;
      for (const Message& each : all) {
        out.push_back(each.kind + " " + each.to);
        ids.push_back(each.id);
      }
      return Engine::acknowledge(s, ids);
    })));
    return out;
  }
  Engine::Ran run_due(int64_t time) {
    auto ran = engine.run_due(*database, time);
    EXPECT_TRUE(test::succeeded(ran));
    return ran ? *ran : Engine::Ran{};
  }
  // Tasks and cases as the list of tasks has them.
  Told listed(const std::string& person) {
    Told out;
    EXPECT_TRUE(test::succeeded(database->read([&](sql::Session& s) -> Status {
      ASSIGN(const auto page, s.page(Engine::tasks_of(person), "", 100));
      for (const auto& row : page.rows)
        out.push_back(id_of(row.integer(0), row.integer(1)) + " " + row.text(2));
      return {};
    })));
    return out;
  }
  std::string state(const std::string& record) {
    return value<std::string>([&](sql::Session& s) -> Result<std::string> {
      ASSIGN(const auto row, s.row("select state from town_state where record = ?", record));
      return row ? row->text(0) : "";
    });
  }

  std::unique_ptr<sql::Database> database;
  Town town;
  Engine engine{town, {.administrators = "keeper"}};
  int64_t now = kBegin;
};

}  // namespace chengxin::flow
