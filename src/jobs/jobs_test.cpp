#include "jobs/jobs.h"

#include <gtest/gtest.h>

namespace chengxin::jobs {
namespace {

Job ended(const Runner& runner, const std::string& id) {
  for (;;) {
    Job job = runner.get(id).value();
    if (job.state == State::done || job.state == State::failed) return job;
    std::this_thread::yield();
  }
}

TEST(Jobs, RunOneAfterAnotherAndReport) {
  Runner runner([] { return 7; });
  std::atomic<int> running = 0, most = 0;
  runner.define("count", [&](const Json& arguments, const Report& report) -> Result<Json> {
    most = std::max(most.load(), ++running);
    for (int i = 1; i <= arguments.at("to").get<int>(); ++i)
      report(uint64_t(i), arguments.at("to").get<uint64_t>());
    --running;
    return Json{{"counted", arguments.at("to")}};
  });
  runner.define("fail", [](const Json&, const Report&) -> Result<Json> {
    return fail(Code::conflict, "some.reason", "why");
  });
  runner.define("throw",
                [](const Json&, const Report&) -> Result<Json> { throw std::runtime_error("a library's"); });
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(runner.start("count", {{"to", 100 + i}}).value().id);
  auto failing = runner.start("fail", {}).value().id;
  for (int i = 0; i < 8; ++i) {
    Job job = ended(runner, ids[size_t(i)]);
    EXPECT_EQ(job.result["counted"], 100 + i);
    EXPECT_EQ(job.done, job.total);
    EXPECT_EQ(job.ended_ms, 7);
  }
  EXPECT_EQ(ended(runner, failing).error.reason, "some.reason");
  EXPECT_EQ(ended(runner, runner.start("throw", {}).value().id).error.reason, "jobs.internal");
  EXPECT_EQ(most, 1);
  EXPECT_EQ(runner.list()[1].id, failing);
  EXPECT_EQ(runner.start("nothing", {}).error().reason, "jobs.unknown_kind");
  EXPECT_EQ(runner.get("nothing").error().reason, "jobs.not_found");
}

TEST(Jobs, AreBounded) {
  std::mutex gate;
  gate.lock();
  Runner runner([] { return 0; });
  runner.define("wait", [&](const Json&, const Report&) -> Result<Json> {
    std::lock_guard lock(gate);
    return Json();
  });
  auto first = runner.start("wait", {}).value().id;
  while (runner.get(first)->state != State::running) std::this_thread::yield();
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(runner.start("wait", {}));
  EXPECT_EQ(runner.start("wait", {}).error().reason, "jobs.too_many");
  gate.unlock();
}

}  // namespace
}  // namespace chengxin::jobs
