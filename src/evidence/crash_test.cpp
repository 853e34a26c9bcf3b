#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <thread>

#include "evidence/rig_for_tests.h"
#include "support/databases.h"

// A process that adds evidence is killed at random moments; what it had acknowledged is looked for by the
// next one. The process is this test program again, told by its environment to be the one that is killed.
namespace chengxin::evidence {
namespace {

constexpr const char* kFolder = "CHENGXIN_CRASH_FOLDER";
constexpr const char* kUrl = "CHENGXIN_CRASH_URL";

std::unique_ptr<Rig> open_rig(const fs::path& folder, const std::string& url) {
  return std::make_unique<Rig>(folder, url, crypto::Sm2PrivateKey::from_scalar(Bytes(32, 3)).value(),
                               crypto::Sm2PrivateKey::from_scalar(Bytes(32, 4)).value());
}

TEST(CrashChild, AddsUntilItIsKilled) {
  const char* folder = ::getenv(kFolder);
  if (!folder) return;  // only what the test below starts does something
  auto rig = open_rig(folder, ::getenv(kUrl));
  int log = ::open((fs::path(folder) / "acknowledged").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  auto note_down = [log](std::string_view what, const Added& added) {
    if (!added) return;
    for (const Evidence& each : *added) {
      std::string line = fmt::format("{} {} {}\n", what, each.id, hex(each.content.digest));
      if (::write(log, line.data(), line.size()) < 0) ::_exit(1);
    }
  };
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (uint64_t i = 0;; ++i) {
        std::vector<NewEvidence> items;
        for (int k = 0; k < 3; ++k)
          items.push_back(note(fmt::format("{} {} {} {}", ::getpid(), caller, i, k)));
        auto promise = std::make_shared<std::promise<void>>();
        rig->service->add(
            "main", std::move(items), [&](Added added) { note_down("accepted", added); },
            [&, promise](Added added) {
              note_down("anchored", added);
              promise->set_value();
            });
        promise->get_future().wait();
      }
    });
  for (auto& caller : callers) caller.join();
}

class CrashTest : public test::OnEachDatabase {
 protected:
  uintmax_t acknowledged_bytes() const {
    std::error_code error;
    uintmax_t size = fs::file_size(folder / "acknowledged", error);
    return error ? 0 : size;
  }
  pid_t spawn() {
    ::setenv(kFolder, folder.c_str(), 1);
    ::setenv(kUrl, url.c_str(), 1);
    std::string program = fs::read_symlink("/proc/self/exe").string(), filter = "--gtest_filter=CrashChild.*";
    char* arguments[] = {program.data(), filter.data(), nullptr};
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ), 0);
    ::unsetenv(kFolder);
    ::unsetenv(kUrl);
    return child;
  }
};
INSTANTIATE_ON_EACH_DATABASE(CrashTest);

TEST_P(CrashTest, NothingAcknowledgedIsLostOrAnchoredTwice) {
  unsigned seed = std::random_device{}();
  std::mt19937 engine(seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  for (int round = 0; round < 3; ++round) {
    const uintmax_t before = acknowledged_bytes();
    pid_t child = spawn();
    for (int i = 0; i < 1000 && acknowledged_bytes() == before; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(engine() % 300));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  }

  auto rig = open_rig(folder, url);
  std::ifstream log(folder / "acknowledged");
  std::string what, id, digest;
  size_t accepted = 0;
  while (log >> what >> id >> digest) {
    if (digest.size() != 64) break;  // the last line, torn
    auto now = rig->service->get(id);
    ASSERT_OK(now) << what << " " << id;
    if (what == "anchored") continue;
    ++accepted;
    Evidence found = rig->settled(id);
    EXPECT_EQ(found.state, State::anchored);
    EXPECT_EQ(hex(found.content.digest), digest);
    auto places = rig->chain()->ledger->find_items(found.content.digest);
    ASSERT_OK(places);
    ASSERT_EQ(places->size(), 1u) << id;
    EXPECT_EQ(places->front().transaction, found.transaction);
    EXPECT_EQ(places->front().index, found.index);
    if (accepted % 50 == 1) {
      auto bundle = rig->service->bundle(id, {});
      ASSERT_OK(bundle);
      EXPECT_TRUE(test::succeeded(proof::verify(*bundle, {}, found.content.digest)));
    }
  }
  EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace chengxin::evidence
