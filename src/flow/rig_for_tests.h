#pragma once
#include <gtest/gtest.h>

#include "flow/engine.h"
#include "support/databases.h"

namespace chengxin::flow {

using Told = std::vector<std::string>;

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
    return std::make_shared<const Calendar>();
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

}  // namespace chengxin::flow
