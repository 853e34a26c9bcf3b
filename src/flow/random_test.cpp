#include <random>

#include "flow/rig_for_tests.h"

// Random processes, random people who do random things to their cases.
namespace chengxin::flow {
namespace {

using sql::Session;
using Random = std::mt19937;

// The steps of a process, from its last to its first.
class Writer {
 public:
  explicit Writer(Random& random) : random_(random) {}

  std::string write() {
    sequence(2, "end");
    std::string out;
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      out += fmt::format("  {}: {{zh: S, {}", step->first, step->second);
      if (step->second.find("may:") != std::string::npos)
        out += fmt::format(", back: [{}, {}]", steps_[random_() % steps_.size()].first,
                           steps_[random_() % steps_.size()].first);
      out += "}\n";
    }
    return out;
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  std::string add(const std::string& text) {
    steps_.emplace_back(fmt::format("s{}", steps_.size()), text);
    return steps_.back().first;
  }

  // Steps that lead to `to`; gives the first.
  std::string sequence(int depth, std::string to) {
    for (unsigned i = 1 + random_() % 3; i > 0; --i) to = one(depth, to);
    return to;
  }

  std::string people(const std::string& to) {
    static const char* who[] = {"by: clerk",
                                "by: starter",
                                "by: owner",
                                "all_of: [head, boss, starter]",
                                "any_of: [boss, head]",
                                "in_turn: [clerk, head, boss]"};
    std::string out = who[random_() % std::size(who)];
    if (one_in(4)) out += ", when: 'it.floors > 1'";
    if (one_in(3)) out += ", state: shut";
    if (one_in(3))
      out += one_in(2) ? ", within: 1 workday, on_late: remind"
                       : ", within: 2 hours, on_late: escalate, escalate_to: boss";
    return add(out + ", may: [add_before, add_after, hand_over, delegate, copy, urge], to: " + to);
  }

  std::string one(int depth, const std::string& to) {
    const unsigned kind = random_() % 6;
    if (kind == 0) return add("wait: 3 hours, to: " + to);
    if (kind == 1 && depth > 0) {
      const std::string other = sequence(depth - 1, to);
      return add(fmt::format("decide: d, to: {{good: {}, bad: {}}}", to, other));
    }
    if (kind > 3 || depth == 0) return people(to);
    const std::string join = to == "end" ? people(to) : to;
    const std::string left = sequence(depth - 1, join), right = sequence(depth - 1, join);
    return add(fmt::format("fork: [{}, {}], join: {}", left, right, join));
  }

  Random& random_;
  std::vector<std::pair<std::string, std::string>> steps_;
};

// What is open, by the history alone.
struct Replay {
  struct At {
    std::string step;
    int64_t fork = 0;
    bool arrived = false;
    bool operator==(const At&) const = default;
  };
  std::map<int64_t, At> tokens;
  std::map<int64_t, std::pair<int64_t, std::string>> forks;  // parent, step
  std::map<int64_t, std::set<std::string>> tasks;
  std::map<int64_t, int> joins;  // of each fork
  bool operator==(const Replay&) const = default;

  void take(const Event& event) {
    const Json& d = event.detail;
    const auto people = [&] { return d.at("people").get<std::set<std::string>>(); };
    if (event.what == "started") tokens[1] = {};
    if (event.what == "reached") tokens.at(event.token).step = event.step;
    if (event.what == "arrived")
      tokens.at(event.token).step = event.step, tokens.at(event.token).arrived = true;
    if (event.what == "token_ended") {
      EXPECT_EQ(tokens.erase(event.token), 1u);
    }
    if (event.what == "forked") {
      forks[d["fork"]] = {d["within"], event.step};
      tokens.erase(event.token);
      for (const Json& each : d["tokens"]) tokens[each] = {"", d["fork"], false};
    }
    if (event.what == "joined") {
      const int64_t fork = d["fork"];
      EXPECT_EQ(++joins[fork], 1) << "a join that fires twice";
      std::erase_if(tokens, [&](const auto& each) {
        EXPECT_TRUE(each.second.fork != fork || each.second.arrived);
        return each.second.fork == fork;
      });
      tokens[event.token] = {"", forks.at(fork).first, false};
      forks.erase(fork);
    }
    if (event.what == "fork_ended") {
      tokens.at(event.token).fork = forks.at(d["fork"]).first;
      drop(d["fork"]);
    }
    if (event.what == "task") tasks[event.task] = people();
    if (event.what == "nobody" || event.what == "resumed" || event.what == "delegated" ||
        event.what == "handed_over" || event.what == "delegate_done")
      if (tasks.contains(event.task)) tasks[event.task] = people();
    if (event.what == "escalated") tasks.at(event.task).merge(people());
    if (event.what == "left") tasks.at(event.task).erase(d.at("person").get<std::string>());
    if (event.what == "completed" || event.what == "returned" || event.what == "task_ended")
      tasks.erase(event.task);
    if (event.what == "withdrawn") forks.clear();
  }
  void drop(int64_t fork) {
    forks.erase(fork);
    for (bool again = true; std::exchange(again, false);)
      for (const auto& [id, at] : forks)
        if (at.first != 0 && !forks.contains(at.first)) {
          forks.erase(id);
          again = true;
          break;
        }
  }
};

Replay of(const Case& at) {
  Replay out;
  for (const Token& each : at.open.tokens) out.tokens[each.id] = {each.step, each.fork, each.arrived};
  for (const Fork& each : at.open.forks) out.forks[each.id] = {each.parent, each.step};
  for (const Task& each : at.open.tasks) out.tasks[each.id] = {each.people.begin(), each.people.end()};
  return out;
}

class RandomTest : public test::OnEachDatabase {
 protected:
  const Told kEverybody{"anna", "bo", "chen", "dai", "kim", "ou", "eve", "fan", "gu"};

  std::string anybody() { return kEverybody[random() % kEverybody.size()]; }

  Case find(int64_t id) {
    Case out;
    EXPECT_TRUE(test::succeeded(database->read([&](Session& s) -> Status {
      ASSIGN(out, engine.find(s, id));
      return {};
    })));
    return out;
  }

  // What the lists of tasks and timers have, and what follows from the case, are the same.
  void expect_rows(const Case& at) {
    std::set<std::string> listed, follow;
    for (const Task& each : at.open.tasks) {
      if (each.due_ms != 0 && !each.late) follow.insert(fmt::format("timer {}", each.id));
      for (const std::string& person : each.people)
        if (!each.waits) follow.insert(fmt::format("{} {} {}", person, each.id, each.due_ms));
    }
    for (const Token& each : at.open.tokens)
      if (each.due_ms != 0) follow.insert(fmt::format("timer {}", each.id));
    EXPECT_TRUE(test::succeeded(database->read([&](Session& s) -> Status {
      listed.clear();
      ASSIGN(const auto rows, s.rows("select person, task, due_ms from flow_task where case_id = ?", at.id));
      for (const auto& row : rows)
        listed.insert(
            fmt::format("{} {} {}", row.text(0), row.integer(1), row.optional_integer(2).value_or(0)));
      ASSIGN(const auto timers, s.rows("select number from flow_timer where case_id = ?", at.id));
      for (const auto& row : timers) listed.insert(fmt::format("timer {}", row.integer(0)));
      return {};
    })));
    EXPECT_EQ(listed, follow);
  }

  // One random thing; its outcome.
  Status do_something(const Case& at, const Process& process, bool hurry) {
    now += int64_t(random() % 5'000'000);
    town.outcome = random() % 2 ? "good" : "bad";
    if (random() % 8 == 0) town.left = random() % 2 ? std::set<std::string>{} : std::set{anybody()};
    town.skipped.clear();
    for (const Step& each : process.steps())
      if (random() % 4 == 0) town.skipped.insert(each.name);
    const unsigned kind = unsigned(random() % 20);
    if (at.open.tasks.empty() || kind == 0) {
      now += 100'000'000 * int64_t(random() % 3);
      ASSIGN(const auto ran, engine.run_due(*database, now));
      return ran.refused.empty() ? Status() : tl::unexpected(ran.refused[0].second);
    }
    if (kind == 1)
      return database->transaction([&](Session& s) {
        return engine.withdraw(s, at.id, {random() % 8 ? "bo" : "anna", now, ""});
      });
    if (kind == 2) return database->transaction([&](Session& s) { return engine.leave(s, anybody(), now); });
    const Task& task = at.open.tasks[random() % at.open.tasks.size()];
    const std::string who = random() % 10 ? task.people[random() % task.people.size()] : anybody();
    Action action{hurry || random() % 2 ? Verb::complete : Verb(random() % 8),
                  id_of(at.id, task.id),
                  {who, now, ""},
                  {anybody()},
                  {}};
    for (const Token& each : at.open.tokens)
      if (each.id == task.token) {
        const auto& back = process.find(each.step)->back;
        if (!back.empty()) action.step = back[random() % back.size()];
      }
    return engine.act(*database, action);
  }

  std::unique_ptr<sql::Database> database;
  Town town;
  Engine engine{town, {.administrators = "keeper"}};
  int64_t now = 1'764'000'000'000;
  Random random{std::random_device{}()};
};
INSTANTIATE_ON_EACH_DATABASE(RandomTest);

TEST_P(RandomTest, NothingIsLost) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  random.seed(seed);
  database = open({.url = url, .durable = false});
  ASSERT_OK(Engine::migrate(*database));
  ASSERT_OK(database->migrate("town", Town::kTables));
  int done = 0, refused = 0, ended = 0;
  std::set<std::string> happened;
  for (int round = 0; round < (GetParam() == sql::Dialect::sqlite ? 100 : 25); ++round) {
    const std::string text = Writer(random).write();
    const Process process = process_with(text);
    SCOPED_TRACE(text);
    town.left.clear();
    int64_t id = 0;
    const Status begun = database->transaction([&](Session& s) -> Status {
      TRY(engine.publish(s, process, now));
      ASSIGN(id, engine.start(s, "p", std::to_string(round), {"anna", now, ""}));
      return {};
    });
    ASSERT_OK(begun);
    Case at = find(id);
    for (int i = 0; at.is_open() && i < 120; ++i) {
      const Status status = do_something(at, process, i > 60);
      const Case next = find(id);
      expect_sound(next, process);
      expect_rows(next);
      if (!status) {
        EXPECT_TRUE(status.error().reason.starts_with("flow.")) << status.error().to_string();
        EXPECT_EQ(to_json(next.open), to_json(at.open)) << status.error().reason << " changed something";
        EXPECT_EQ(next.events, at.events);
      }
      ++(status ? done : refused);
      at = next;
      ASSERT_FALSE(HasFailure());
    }
    ended += !at.is_open();
    Replay replay;
    ASSERT_OK(database->read([&](Session& s) -> Status {
      ASSIGN(const auto history, engine.history(s, id, 0, 100'000));
      EXPECT_EQ(int64_t(history.size()), at.events);
      for (const Event& each : history) {
        happened.insert(each.what);
        replay.take(each);
      }
      return {};
    }));
    replay.joins.clear();
    EXPECT_TRUE(replay == of(at)) << "the history says something else";
    ASSERT_FALSE(HasFailure());
    // The next one is not to be disturbed by what is still due here.
    ASSERT_OK(database->transaction([&](Session& s) -> Status {
      TRY(s.run("delete from flow_timer"));
      TRY(s.run("delete from flow_task"));
      return {};
    }));
  }
  EXPECT_GT(done, 100);
  EXPECT_GT(refused, 20);
  EXPECT_GT(ended, 3);
  for (const char* each : {"completed", "returned", "delegated", "delegate_done", "added_before", "resumed",
                           "forked", "task", "nobody"})
    EXPECT_TRUE(happened.contains(each)) << each;
}

}  // namespace
}  // namespace chengxin::flow
