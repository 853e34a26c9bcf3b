#pragma once
#include <array>
#include <map>
#include <mutex>

#include "sql/database.h"

// What passed, by minute, application and route.
namespace chengxin::gateway {

// Upper bounds of the histogram of times, ms; the last count is of those above.
inline constexpr std::array<int, 12> kLatencyMs = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};

struct Counts {
  int64_t requests = 0, refused = 0, failed = 0;  // refused here; failed behind
  int64_t bytes_in = 0, bytes_out = 0;
  std::array<int64_t, kLatencyMs.size() + 1> latency{};  // of what passed
  void add(const Counts& other);
};

struct Traffic {
  int64_t minute_ms = 0;  // when it began; 0 in sums
  std::string application, route;
  Counts counts;
};

struct TrafficFilter {
  std::string application, route;  // empty: all
  int64_t from_ms = 0, to_ms = INT64_MAX;
  bool by_minute = false;  // else one row for each application and route
  int64_t limit = 500;
};

class Meter {
 public:
  void count(const std::string& application, const std::string& route, int64_t now_ms, const Counts& counts);
  Status flush(sql::Database& database);  // adds to the rows that are there; keeps what could not be written
  static Result<std::vector<Traffic>> read(sql::Session& session, const TrafficFilter& filter);

 private:
  using Key = std::tuple<int64_t, std::string, std::string>;
  std::mutex mutex_;
  std::map<Key, Counts> counts_;
};

}  // namespace chengxin::gateway
