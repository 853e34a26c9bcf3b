#include "api/events.h"

namespace chengxin::api {

uint64_t Bell::add(const std::string& chain, Wake wake) {
  std::lock_guard lock(mutex_);
  waiting_.emplace(next_, std::pair(chain, std::move(wake)));
  return next_++;
}

void Bell::remove(uint64_t ticket) {
  std::lock_guard lock(mutex_);
  waiting_.erase(ticket);
}

void Bell::ring(const std::string& chain) {
  std::lock_guard lock(mutex_);
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.first != chain) {
      ++at;
      continue;
    }
    at->second.second(true);
    at = waiting_.erase(at);
  }
}

void Bell::ring_all() {
  std::lock_guard lock(mutex_);
  for (auto& [ticket, one] : waiting_) one.second(true);
  waiting_.clear();
}

}  // namespace chengxin::api
