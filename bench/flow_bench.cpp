// Steps of processes, durable: completing one task of a case, whose next step then asks somebody else. Beside
// it, in the same run, the bare database doing the same writes; and the same with few and with many open
// cases.
//   flow_bench [OPEN…]      how many cases are open meanwhile; 1000 and 100000 unless said otherwise
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "flow/engine.h"
#include "sql/together.h"
#include "stopwatch.h"
#include "support/postgres.h"

namespace chengxin {
namespace {

using flow::Engine;
using sql::Session;
using Cost = bench::Interval::Cost;

constexpr int kSteps = 1500, kThreads = 8, kLoops = 200;
constexpr int64_t kNow = 1'764'000'000'000;  // steps of a case before it ends

class Office : public flow::Outside {
 public:
  Result<bool> holds(Session&, const flow::About&, const flow::Step&) override { return true; }
  Result<Decision> decide(Session&, const flow::About&, const flow::Step&) override {
    return Decision{"good", {}};
  }
  Result<std::vector<std::string>> people(Session&, const flow::About&, const std::string& who) override {
    return std::vector<std::string>{who + "1", who + "2"};
  }
  Result<bool> has_role(Session&, const std::string&, const std::string&) override { return true; }
  Result<bool> is_here(Session&, const std::string&) override { return true; }
  Status set_state(Session&, const flow::About&, const std::string&) override { return {}; }
  Result<std::shared_ptr<const flow::Calendar>> calendar(Session&, const std::string&) override {
    return std::make_shared<const flow::Calendar>();
  }
};

// Two people by turns, each with a day's time.
flow::Process process() {
  Json steps = Json::array();
  for (int i = 0; i < kLoops; ++i)
    steps.push_back({{"step", fmt::format("s{}", i)},
                     {"zh", "办理"},
                     {"by", i % 2 ? "head" : "clerk"},
                     {"within", "1 workday"},
                     {"to", i + 1 < kLoops ? fmt::format("s{}", i + 1) : "end"}});
  return *flow::Process::from_json(
      {{"process", "p"}, {"for", "house"}, {"start", {"clerk"}}, {"steps", steps}});
}

void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "{}\n", status.error().to_string());
  std::exit(1);
}

class Bench {
 public:
  Bench(std::string url) : url_(std::move(url)) {
    database_ = open(true);
    together_ = std::make_unique<sql::Together>(*database_);
    must(Engine::migrate(*database_));
    must(database_->transaction([&](Session& s) { return engine_.publish(s, process(), 0); }));
  }

  // Without waiting for the disk: it is not what is measured.
  void fill(int64_t open_cases) {
    const auto quick = open(false);
    while (started_ < open_cases)
      must(quick->transaction([&](Session& s) -> Status {
        for (int i = 0; i < 500 && started_ < open_cases; ++i, ++started_)
          TRY(engine_.start(s, "p", std::to_string(started_), {"clerk1", kNow, ""}));
        return {};
      }));
  }

  // Steps a second, by so many at once. Each reads beforehand which task is open.
  Cost steps(int threads) {
    return by(threads, [&](Session& s, int64_t id) -> Status {
      ASSIGN(const auto at, engine_.find(s, id));
      const auto& first = at.open.tasks.at(0);
      return engine_.act(
          s, {flow::Verb::complete, flow::id_of(id, first.id), {first.people[0], kNow, "同意"}, {}, {}});
    });
  }

  // The statements that a step makes, with as many bytes, and nothing else.
  Cost bare(int threads) {
    return by(threads, [&](Session& s, int64_t id) { return write(s, id); });
  }

 private:
  std::unique_ptr<sql::Database> open(bool durable) {
    auto made = sql::Database::open({.url = url_, .max_connections = kThreads, .durable = durable});
    must(made ? Status() : Status(tl::unexpected(made.error())));
    return std::move(*made);
  }

  Cost by(int threads, const std::function<Status(Session&, int64_t)>& one) {
    std::atomic<int64_t> next = 0;
    bench::Interval interval;
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&] {
        for (int64_t i; (i = next++) < kSteps;) {
          const int64_t id = 1 + (i * 7919 + turn_) % started_;
          must(together_->run([&](Session& s) { return one(s, id); }));
        }
      });
    for (std::thread& each : all) each.join();
    turn_ += 13;
    return interval.take(kSteps);
  }

  Status write(Session& s, int64_t id) {
    const int64_t n = 1'000'000 + made_++ * 10;
    ASSIGN(const auto row,
           s.row("select process, version, record, starter, status, begun_ms, ended_ms, events,"
                 " open from flow_case where id = ?",
                 id));
    TRY(s.run("update flow_case set version = ?, status = ?, ended_ms = ?, events = ?, open = ? where id = ?",
              row->text(1), "open", std::optional<int64_t>(), row->integer(7), row->text(8), id));
    sql::Batch gone, tasks, timers_gone, timers, events, messages;
    for (const char* person : {"clerk1", "clerk2"}) gone.add(person, id, n - 7);
    for (const char* person : {"head1", "head2"}) tasks.add(person, id, n, "s1", kNow);
    timers_gone.add(id, n - 7);
    timers.add(id, n, kNow);
    const char* detail = R"({"comment":"同意","people":["head1","head2"]})";
    for (int i = 0; i < 3; ++i)
      events.add(id, n + i, kNow, i ? "" : "clerk1", "completed", "s1", 1, n, detail);
    const char* told =
        R"({"by":"clerk1","comment":"同意","en":"","process":"p","record":"1234","step":"s1","zh":"办理"})";
    for (int i = 0; i < 2; ++i) messages.add(id, n + i, "head1", "task", n, told, kNow);
    TRY(s.run_each("delete from flow_task where person = ? and case_id = ? and task = ?", gone));
    TRY(s.run_each("insert into flow_task values (?, ?, ?, ?, ?)", tasks));
    TRY(s.run_each("delete from flow_timer where case_id = ? and number = ?", timers_gone));
    TRY(s.run_each("insert into flow_timer values (?, ?, ?)", timers));
    TRY(s.run_each("insert into flow_event values (?, ?, ?, ?, ?, ?, ?, ?, ?)", events));
    return s.run_each(
        "insert into flow_message (case_id, number, person, kind, task, detail, at_ms) values (?, ?, ?, ?, "
        "?, ?, ?)",
        messages);
  }

  const std::string url_;
  Office office_;
  Engine engine_{office_, {.administrators = "keeper"}};
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Together> together_;
  int64_t started_ = 0, turn_ = 0;
  std::atomic<int64_t> made_ = 0;
};

void run(const char* name, const std::string& url, const std::vector<int64_t>& open_cases) {
  Bench bench(url);
  for (const int64_t open : open_cases) {
    bench.fill(open);
    for (const int threads : {1, kThreads}) {
      const Cost bare = bench.bare(threads), steps = bench.steps(threads), again = bench.bare(threads);
      fmt::print(
          "{:<10} {:>6} open, {} at once: {:5.0f} steps/s; bare {:5.0f} and {:5.0f}/s. Processor here: "
          "{:4.0f} µs a step, bare {:4.0f}\n",
          name, open, threads, steps.rate, bare.rate, again.rate, steps.process_us, bare.process_us);
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace chengxin

int main(int argc, char** argv) {
  using namespace chengxin;
  std::vector<int64_t> open_cases;
  for (int i = 1; i < argc; ++i) open_cases.push_back(std::stoll(argv[i]));
  if (open_cases.empty()) open_cases = {1'000, 100'000};
  std::string folder = (fs::temp_directory_path() / "cx-flow-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  run("SQLite", folder + "/db", open_cases);
  auto server = test::Postgres::start(true);
  if (server) run("PostgreSQL", *(*server)->create_database(), open_cases);
  fs::remove_all(folder);
}
