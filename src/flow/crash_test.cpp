#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "flow/rig_for_tests.h"

// Processes that are killed while they work through cases, and one that is not: every case has the same
// history, every record the same changes, and every message was sent.
namespace chengxin::flow {
namespace {

using sql::Session;

constexpr int kCases = 12;
const std::string kSteps =
    "  a: {zh: A, by: head, within: 1 hour, on_late: remind, may: [add_before, delegate, hand_over]}\n"
    "  f: {zh: F, fork: [b, c], join: e}\n"
    "  b: {zh: B, in_turn: [boss, head], back: [a], to: e, may: [add_after], state: open}\n"
    "  c: {zh: C, wait: 2 hours, to: c2}\n  c2: {zh: C2, all_of: [head, boss], to: e, back: [c]}\n"
    "  e: {zh: E, any_of: [boss, owner], state: shut, within: 1 workday, on_late: escalate, escalate_to: "
    "keeper}\n";

// Works until every case has ended. What it does follows from what is in the database alone.
class Worker {
 public:
  Worker(const std::string& url, const fs::path& sent)
      : url_(url), sent_(::open(sent.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600)) {}
  ~Worker() { ::close(sent_); }

  Status work(const Process& process) {
    ASSIGN(database_, sql::Database::open({.url = url_}));
    TRY(Engine::migrate(*database_));
    TRY(database_->migrate("town", Town::kTables));
    TRY(database_->transaction([&](Session& s) { return engine_.publish(s, process, 0); }));
    for (int i = 0; i < kCases; ++i) TRY(finish(std::to_string(i), 1'764'000'000'000 + i * 1'000'000'000ll));
    return {};
  }

 private:
  Status finish(const std::string& record, int64_t begin) {
    for (;;) {
      Case at;
      TRY(database_->transaction([&](Session& s) -> Status {
        ASSIGN(const auto ids, engine_.cases_of(s, record));
        const int64_t id = ids.empty() ? 0 : ids[0];
        if (id == 0) {
          ASSIGN(at.id, engine_.start(s, "p", record, {"anna", begin, ""}));
        }
        ASSIGN(at, engine_.find(s, id == 0 ? at.id : id));
        return {};
      }));
      if (at.is_open()) TRY(next(at, begin + at.events * 60'000));
      TRY(send());
      if (!at.is_open()) return {};
    }
  }

  Status next(const Case& at, int64_t now) {
    std::optional<int64_t> due;
    TRY(database_->read([&](Session& s) -> Status {
      ASSIGN(const auto row, s.row("select min(due_ms) from flow_timer where case_id = ?", at.id));
      due = row->optional_integer(0);
      return {};
    }));
    std::mt19937 random(unsigned(std::stoi(at.record) * 1000 + at.events));
    std::vector<const Task*> tasks;
    for (const Task& each : at.open.tasks)
      if (!each.waits) tasks.push_back(&each);
    if (due && (tasks.empty() || random() % 4 == 0)) {
      ASSIGN(const auto ran, engine_.run_due(*database_, *due));
      return ran.refused.empty() ? Status() : tl::unexpected(ran.refused[0].second);
    }
    const Task& task = *tasks[random() % tasks.size()];
    const Verb verbs[] = {Verb::complete,  Verb::add_before, Verb::delegate,
                          Verb::hand_over, Verb::back,       Verb::add_after};
    Action action{at.events > 60 ? Verb::complete : verbs[random() % std::size(verbs)],
                  id_of(at.id, task.id),
                  {task.people[0], now, "好"},
                  {},
                  {}};
    for (const char* person : {"eve", "fan", "gu"})
      if (action.people.empty() && task.people[0] != person && random() % 2) action.people = {person};
    for (const Token& each : at.open.tokens)
      if (each.id == task.token) action.step = each.step == "b" ? "a" : "c";
    const Status done = engine_.act(*database_, action);
    if (done || !done.error().reason.starts_with("flow.")) return done;
    action.verb = Verb::complete;
    return engine_.act(*database_, action);
  }

  // What is sent may be sent again when the process dies before it is acknowledged.
  Status send() {
    std::vector<Message> all;
    TRY(database_->read([&](Session& s) -> Status {
      ASSIGN(all, Engine::messages(s, 5));
      return {};
    }));
    std::vector<std::string> ids;
    for (const Message& each : all) {
      const std::string line = fmt::format("{} {} {} {}\n", each.id, each.kind, each.to, each.detail.dump());
      if (::write(sent_, line.data(), line.size()) != ssize_t(line.size()))
        return fail(Code::internal, "test.write");
      ids.push_back(each.id);
    }
    TRY(database_->transaction([&](Session& s) { return Engine::acknowledge(s, ids); }));
    return all.empty() ? Status() : send();
  }

  const std::string url_;
  const int sent_;
  std::unique_ptr<sql::Database> database_;
  Town town_;
  Engine engine_{town_, {.administrators = "keeper"}};
};

// Histories, records and what is left, as text. PostgreSQL never gives the number of a case again that was
// being made when the process died, so cases go by their records.
std::string contents(const std::string& url) {
  std::string out;
  const auto database = sql::Database::open({.url = url});
  if (!database) return "";
  const Status read = (*database)->read([&](Session& s) -> Status {
    out.clear();
    for (const char* query : {"select c.record, e.seq, e.at_ms, e.who, e.what, e.step, e.token, e.task, "
                              "e.detail from flow_event e join"
                              " flow_case c on c.id = e.case_id order by c.record, e.seq",
                              "select record, status, ended_ms, events, open from flow_case order by record",
                              "select record, state, changes from town_state order by record",
                              "select person, task from flow_task", "select case_id, number from flow_timer",
                              "select case_id, number from flow_message"})
      TRY(s.each(query, [&](const sql::Row& row) -> Status {
        for (size_t i = 0; i < row.size(); ++i)
          out += (row.is_null(i)                        ? "null"
                  : row[i].type() == sql::Type::integer ? std::to_string(row.integer(i))
                                                        : row.text(i)) +
                 " ";
        out += '\n';
        return {};
      }));
    return {};
  });
  EXPECT_TRUE(test::succeeded(read));
  return out;
}

// What came for each record, each once; a message that was sent twice was the same twice.
std::set<std::string> received(const fs::path& file, size_t& lines) {
  std::ifstream in(file);
  std::map<std::string, std::string> all;  // by id
  for (std::string line; std::getline(in, line); ++lines) {
    const size_t end = line.find(' ');
    const auto [first, fresh] = all.emplace(line.substr(0, end), line.substr(end));
    EXPECT_TRUE(fresh || first->second == line.substr(end)) << line;
  }
  std::set<std::string> out;
  for (const auto& [id, rest] : all) out.insert(id.substr(id.find('.')) + rest);
  EXPECT_EQ(out.size(), all.size());
  return out;
}

class CrashTest : public test::OnEachDatabase {};
INSTANTIATE_ON_EACH_DATABASE(CrashTest);

TEST_P(CrashTest, KilledAtAnyPointEachCaseEndsTheSame) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Process process = process_with(kSteps);
  const std::string calm = fresh_url(GetParam());
  {
    Worker worker(calm, folder / "calm");
    ASSERT_OK(worker.work(process));
  }
  int kills = 0;
  for (bool done = false; !done && kills < 300;) {
    const pid_t child = ::fork();
    if (child == 0) {
      Worker worker(url, folder / "killed");
      ::_exit(worker.work(process) ? 0 : 3);
    }
    // Soon on a fast machine, late enough on a slow one to get on.
    ::usleep(useconds_t(2'000 + random() % 15'000 + kills * kills * 50));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      ASSERT_EQ(WEXITSTATUS(status), 0);
    }
    done = WIFEXITED(status);
    kills += !done;
  }
  EXPECT_GE(kills, 5);
  const std::string expected = contents(calm);
  EXPECT_GT(std::count(expected.begin(), expected.end(), '\n'), 200);
  EXPECT_EQ(contents(url), expected);
  size_t sent_calm = 0, sent = 0;
  EXPECT_EQ(received(folder / "killed", sent), received(folder / "calm", sent_calm));
  EXPECT_GT(sent_calm, 100u);
}

}  // namespace
}  // namespace chengxin::flow
