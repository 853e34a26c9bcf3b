#include "base/clock.h"

#include <fmt/chrono.h>

namespace chengxin {

std::string format_time(int64_t time_ms) {
  int64_t seconds = time_ms / 1000, rest = time_ms % 1000;
  if (rest < 0) --seconds, rest += 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::time_t(seconds)), rest);
}

}  // namespace chengxin
