#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace chengxin::gateway {

// A bucket of tokens for each source: `burst` at once, `per_second` in the long run. Thread-safe; sources
// that were not seen until their bucket was full again are forgotten.
class Limiter {
 public:
  Limiter(int64_t per_second, int64_t burst) : per_second_(double(per_second)), burst_(double(burst)) {}

  // 0: go on. Else how many ms until there is a token.
  int take(const std::string& source, int64_t now_ns) {
    std::lock_guard lock(mutex_);
    if (buckets_.size() > kMostSources) forget_full(now_ns);
    auto [at, fresh] = buckets_.try_emplace(source, Bucket{burst_, now_ns});
    Bucket& bucket = at->second;
    bucket.tokens = level(bucket, now_ns);
    bucket.at_ns = now_ns;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return 1 + int((1 - bucket.tokens) * 1000 / per_second_);
  }

 private:
  static constexpr size_t kMostSources = 10'000;
  struct Bucket {
    double tokens;
    int64_t at_ns;
  };
  double level(const Bucket& bucket, int64_t now_ns) const {
    const double more = double(now_ns - bucket.at_ns) / 1e9 * per_second_;
    return std::min(burst_, bucket.tokens + more);
  }
  void forget_full(int64_t now_ns) {
    std::erase_if(buckets_, [&](const auto& each) { return level(each.second, now_ns) >= burst_; });
  }

  const double per_second_, burst_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace chengxin::gateway
