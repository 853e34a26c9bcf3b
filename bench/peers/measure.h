#pragma once
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// What the peers in C++ share: how long each figure is measured, on how much, and the line that is printed.
namespace peers {

inline constexpr size_t kKeys = 64, kMessageBytes = 200, kHashedBytes = 1024, kNodeBytes = 65;

// Ends the program when a peer refuses what it must accept: a figure of wrong answers is worth nothing.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

inline double processor_seconds() {  // of this process, so that its neighbours do not count
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

class Bench {
 public:
  Bench(const char* peer, std::string version, int argc, char** argv)
      : peer_(peer), version_(std::move(version)) {
    for (int i = 1; i + 1 < argc; ++i)
      if (std::strcmp(argv[i], "--seconds") == 0) seconds_ = std::atof(argv[i + 1]);
  }

  // work(i) is called for i = 0, 1, … until the time is over.
  template <typename Work>
  void run(const char* what, const char* included, Work&& work) const {
    for (size_t i = 0; i < 20; ++i) work(i);
    const double started = processor_seconds();
    size_t done = 0;
    double passed = 0;
    while (passed < seconds_) {
      for (int k = 0; k < 20; ++k) work(done++);
      passed = processor_seconds() - started;
    }
    std::printf(
        "{\"peer\":\"%s\",\"version\":\"%s\",\"what\":\"%s\",\"per_second\":%.1f,\"included\":\"%s\"}\n",
        peer_, version_.c_str(), what, double(done) / passed, included);
    std::fflush(stdout);
  }

 private:
  const char* peer_;
  std::string version_;
  double seconds_ = 0.3;
};

inline std::vector<uint8_t> message_of(size_t number, size_t size) {
  std::vector<uint8_t> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = uint8_t(number * 31 + i * 7);
  return out;
}

}  // namespace peers
