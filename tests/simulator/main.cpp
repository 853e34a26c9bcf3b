#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <iostream>

#include "base/log.h"
#include "simulator/world.h"

// simulator_test                         200 seeds, and the models beside them
// simulator_test --seeds=N [--from=M]    so many, from there on
// simulator_test --seed=M [--trace]      that one, with all that happens
namespace chengxin::simulator {
namespace {

struct Asked {
  uint64_t from = 1, count = 200;
  int events = 1500;
  bool trace = false;
} asked;

// In memory where there is such a place: it is written to by every node at every height.
struct Folder {
  fs::path path;
  Folder() {
    std::error_code ignored;
    const fs::path memory = "/dev/shm";
    std::string pattern = ((fs::is_directory(memory, ignored) ? memory : fs::temp_directory_path()) /
                           "chengxin-simulator-XXXXXX")
                              .string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

bool holds(uint64_t seed) {
  Folder folder;
  World world({seed, seed % 3 == 0 ? size_t(7) : size_t(4), asked.events, asked.trace}, folder.path);
  const auto violation = world.run();
  if (violation)
    std::cout << "seed " << seed << ": " << *violation << "\n  again: simulator_test --seed=" << seed
              << " --trace" << std::endl;
  else if (asked.trace || asked.count == 1)
    std::cout << "seed " << seed << ": " << world.summary() << std::endl;
  return !violation;
}

// Half of the seeds in each of two processes: nothing of one is known to the other.
TEST(Simulator, EverySeedHolds) {
  log::configure(asked.trace ? log::Level::warn : log::Level::error, "auto");
  const uint64_t processes = asked.count > 1 ? 2 : 1;
  std::vector<pid_t> children;
  for (uint64_t part = 1; part < processes; ++part) {
    std::cout.flush();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool all = true;
      for (uint64_t i = part; i < asked.count; i += processes) all = holds(asked.from + i) && all;
      std::cout.flush();
      ::_exit(all ? 0 : 1);
    }
    children.push_back(child);
  }
  for (uint64_t i = 0; i < asked.count; i += processes)
    EXPECT_TRUE(holds(asked.from + i)) << "seed " << asked.from + i;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "seeds of the other process";
  }
}

bool take_number(std::string_view argument, std::string_view name, uint64_t& out) {
  if (!argument.starts_with(name)) return false;
  argument.remove_prefix(name.size());
  return std::from_chars(argument.data(), argument.data() + argument.size(), out).ec == std::errc();
}

}  // namespace
}  // namespace chengxin::simulator

int main(int argc, char** argv) {
  using namespace chengxin::simulator;
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    uint64_t number = 0;
    if (take_number(argument, "--seeds=", number)) {
      asked.count = number;
    } else if (take_number(argument, "--from=", number)) {
      asked.from = number;
    } else if (take_number(argument, "--seed=", number)) {
      asked.from = number;
      asked.count = 1;
    } else if (take_number(argument, "--events=", number)) {
      asked.events = int(number);
    } else if (argument == "--trace") {
      asked.trace = true;
    } else {
      std::cerr << "unknown: " << argument << "\n";
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
