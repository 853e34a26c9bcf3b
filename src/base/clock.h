#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace chengxin {

// Wall time, milliseconds since 1970-01-01 UTC. ledger, contract and order never call it: they are handed the
// time.
inline int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Monotonic, for durations only.
inline int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string format_time(int64_t time_ms);  // RFC 3339, UTC, milliseconds: 2026-11-22T04:00:00.123Z

}  // namespace chengxin
