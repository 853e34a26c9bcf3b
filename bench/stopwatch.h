#pragma once
#include <time.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace chengxin::bench {

inline uint64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

inline int64_t cpu_ns(clockid_t clock) {
  timespec at;
  ::clock_gettime(clock, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

// CPU time of this thread: other programs on the machine do not count.
struct Stopwatch {
  int64_t total_ns = 0;
  template <typename Work>
  auto run(Work work) {
    const int64_t start = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    auto result = work();
    total_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    if (!result) {
      std::cerr << result.error().to_string() << "\n";
      std::exit(1);
    }
    return result;
  }
  double us(double count) {
    const double out = double(total_ns) / 1000 / count;
    total_ns = 0;
    return out;
  }
};

// Of the process and by the clock on the wall, since the last call.
struct Interval {
  int64_t process_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall_ns = steady_ns();
  struct Cost {
    double process_us, rate;
  };
  Cost take(double count) {
    const int64_t process = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall = steady_ns();
    const Cost out{double(process - process_ns) / 1000 / count, count * 1e9 / double(wall - wall_ns)};
    process_ns = process;
    wall_ns = wall;
    return out;
  }
};

}  // namespace chengxin::bench
