#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace chengxin::api {

// A bounded number of places, of which a source may hold as many as are still free: one alone holds half of
// them, n 1/(n+1) each, and whoever comes new finds one (the rule of the admission queue). Thread-safe.
class Places {
 public:
  explicit Places(size_t most) : most_(most) {}

  // Given back when the last copy goes, which must not outlive this. Null: the source's share is used up.
  std::shared_ptr<void> take(const std::string& source) {
    {
      std::lock_guard lock(mutex_);
      size_t& held = held_[source];
      if (held + taken_ + 1 > most_) {
        if (held == 0) held_.erase(source);
        return nullptr;
      }
      ++held;
      ++taken_;
    }
    return {this, [source](void* places) { static_cast<Places*>(places)->give_back(source); }};
  }
  size_t taken() const {
    std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  void give_back(const std::string& source) {
    std::lock_guard lock(mutex_);
    --taken_;
    auto at = held_.find(source);
    if (--at->second == 0) held_.erase(at);
  }

  const size_t most_;
  mutable std::mutex mutex_;
  size_t taken_ = 0;
  std::unordered_map<std::string, size_t> held_;
};

}  // namespace chengxin::api
