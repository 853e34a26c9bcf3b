#include "ethereum/impl/filters.h"

#include <algorithm>

#include "crypto/random.h"

namespace chengxin::ethereum {

uint64_t Filters::add(Filter filter, int64_t now_ms) {
  std::array<uint8_t, 8> random;  // so that nobody guesses another's
  crypto::random_fill(random);
  filter.id = get_be<uint64_t>(random.data());
  filter.asked_ms = now_ms;
  std::lock_guard lock(mutex_);
  std::erase_if(filters_, [&](const Filter& each) { return each.asked_ms + kIdleMs < now_ms; });
  if (filters_.size() >= kMost)
    filters_.erase(std::min_element(filters_.begin(), filters_.end(), [](const Filter& a, const Filter& b) {
      return a.asked_ms < b.asked_ms;
    }));
  filters_.push_back(filter);
  return filter.id;
}

std::optional<Filters::Filter> Filters::find(uint64_t id, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  for (Filter& each : filters_)
    if (each.id == id) {
      each.asked_ms = now_ms;
      return each;
    }
  return std::nullopt;
}

void Filters::told_up_to(uint64_t id, uint64_t next) {
  std::lock_guard lock(mutex_);
  for (Filter& each : filters_)
    if (each.id == id) each.next = std::max(each.next, next);
}

bool Filters::drop(uint64_t id) {
  std::lock_guard lock(mutex_);
  return std::erase_if(filters_, [&](const Filter& each) { return each.id == id; }) > 0;
}

}  // namespace chengxin::ethereum
