#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "record/chain_rig_for_tests.h"

// A process that makes records and anchors them is killed at random moments. The process is this test program
// again, told by its environment to be the one that is killed.
namespace chengxin::record {
namespace {

constexpr const char* kFolder = "CHENGXIN_RECORD_CRASH_FOLDER";
constexpr const char* kUrl = "CHENGXIN_RECORD_CRASH_URL";

struct Process {
  Process(const fs::path& folder, const std::string& url) : rig(open_chain(folder, url)) {
    const auto make_id = [this] { return fmt::format("r{}-{}", ::getpid(), ++made); };
    installation =
        Installation::open(*rig->database, {Bytes(16, 7), [] { return now_ms(); }, make_id}).value();
    anchoring = Anchoring::open(*rig->database, *rig->service, {"main", 20}).value();
  }
  ~Process() { anchoring.reset(); }

  std::atomic<int> made = 0;
  std::unique_ptr<evidence::Rig> rig;
  std::unique_ptr<Installation> installation;
  std::unique_ptr<Anchoring> anchoring;
};

TEST(RecordCrashChild, WritesUntilItIsKilled) {
  const char* folder = ::getenv(kFolder);
  if (!folder) return;  // only what the test below starts does something
  Process process(folder, ::getenv(kUrl));
  std::vector<std::thread> writers;
  for (int i = 0; i < 2; ++i)
    writers.emplace_back([&] {
      for (;;) {
        const Status done =
            process.installation->work([&](sql::Session& session, const Work::Means& means) -> Status {
              Work work(session, means, kClerk);
              for (int k = 0; k < 5; ++k) TRY(work.create("permit", {{"fields", permit("一号")}}));
              return {};
            });
        if (done) process.anchoring->wake();
      }
    });
  for (std::thread& each : writers) each.join();
}

class RecordCrashTest : public RecordsOnEachDatabase {
 protected:
  pid_t spawn() {
    ::setenv(kFolder, folder.c_str(), 1);
    ::setenv(kUrl, url.c_str(), 1);
    std::string program = fs::read_symlink("/proc/self/exe").string(),
                filter = "--gtest_filter=RecordCrashChild.*";
    char* arguments[] = {program.data(), filter.data(), nullptr};
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ), 0);
    ::unsetenv(kFolder);
    ::unsetenv(kUrl);
    return child;
  }
  size_t anchored() {
    const auto all = anchors(*database);
    return size_t(std::count_if(all.begin(), all.end(),
                                [](const Anchor& each) { return each.state == AnchorState::anchored; }));
  }
};
INSTANTIATE_ON_EACH_DATABASE(RecordCrashTest);

TEST_P(RecordCrashTest, EachVersionIsOnTheChainExactlyOnce) {
  const unsigned seed = std::random_device{}();
  std::mt19937 engine(seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  apply(permits());
  for (int round = 0; round < 4; ++round) {
    const size_t before = anchored();
    const pid_t child = spawn();
    for (int i = 0; i < 1000 && anchored() == before; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::microseconds(engine() % 200'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  }
  Process process(folder, url);
  ASSERT_TRUE(settled(*database));
  expect_each_once(*database, *process.rig);
  ASSERT_TRUE(database->read([&](sql::Session& session) -> Status {
    ASSIGN(const auto counts,
           session.row("select (select count(*) from e_permit), (select count(*) from record_anchor), "
                       "(select count(*) from evidence)"));
    EXPECT_GT(counts->integer(0), 0);
    EXPECT_EQ(counts->integer(1), counts->integer(0)) << "no version without its commitment";
    EXPECT_EQ(counts->integer(2), counts->integer(0)) << "none handed in twice";
    return {};
  }));
  Reconciliation reconciliation(*process.installation, *process.rig->service,
                                {[] { return chengxin::now_ms(); }, 1000, {}});
  const auto done = reconciliation.run(0, [](const Discrepancy& each) {
    ADD_FAILURE() << each.record << " " << name_of(each.what) << " " << each.detail;
  });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(done->sound, done->versions);
}

}  // namespace
}  // namespace chengxin::record
