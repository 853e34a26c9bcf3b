#pragma once
#include <mutex>
#include <string>
#include <vector>

#include "ethereum/values.h"

namespace chengxin::ethereum {

// What logs are wanted: of any of the addresses (none: all), and at each place one of the topics (none: any).
struct LogFilter {
  std::vector<Address> addresses;
  std::vector<std::vector<Digest>> topics;
};

// What callers poll. One that nobody asked about for kIdleMs is dropped; beyond kMostOfOne of one caller the
// one of his that was asked about longest ago, and beyond kMost such a one of who has most. Thread-safe.
class Filters {
 public:
  static constexpr size_t kMost = 1024, kMostOfOne = 64;
  static constexpr int64_t kIdleMs = 300'000;

  struct Filter {
    uint64_t id = 0;
    std::string owner;                   // who made it
    std::optional<LogFilter> logs;       // none: blocks
    uint64_t from = 0, to = UINT64_MAX;  // that it was made with
    uint64_t next = 0;                   // the first height that was not told yet
    int64_t asked_ms = 0;
  };

  uint64_t add(Filter filter, int64_t now_ms);
  std::optional<Filter> find(uint64_t id, int64_t now_ms);
  void told_up_to(uint64_t id, uint64_t next);
  bool drop(uint64_t id);

 private:
  void make_room(const std::string& owner);

  std::mutex mutex_;
  std::vector<Filter> filters_;
};

}  // namespace chengxin::ethereum
