#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

// A load generator for HTTP/1.1 on loopback: one thread, epoll, prepared requests over kept-alive
// connections. Its own processor time is part of the answer, because it shares the machine with what it
// measures.
namespace chengxin::app::bench {

struct Load {
  uint16_t port = 0;
  size_t connections = 64;
  double rate_per_second =
      0;             // 0: as fast as answers come; else an open loop, latency counted from the due time
  size_t count = 0;  // requests in all
  std::function<const std::string&(size_t number)> request;  // whole HTTP request; called in order
  std::function<void(size_t number, std::string_view body)> on_answer = {};  // of 2xx answers
};

struct LoadResult {
  uint64_t succeeded = 0, failed = 0;
  std::string first_failure;  // status line and start of the body
  double seconds = 0, cpu_seconds = 0;
  std::vector<uint32_t> latencies_us;  // sorted
  double per_second() const { return seconds > 0 ? double(succeeded) / seconds : 0; }
  double percentile_ms(double share) const;
};

Result<LoadResult> run_load(const Load& load);

double thread_cpu_seconds();  // that the calling thread has used

std::string http_request(const std::string& method, const std::string& path, const std::string& token,
                         const std::string& content_type = {}, std::string_view body = {});

}  // namespace chengxin::app::bench
