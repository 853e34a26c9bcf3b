#include "ethereum/impl/filters.h"

#include <algorithm>
#include <map>

#include "crypto/random.h"

namespace chengxin::ethereum {

uint64_t Filters::add(Filter filter, int64_t now_ms) {
  std::array<uint8_t, 8> random;  // so that nobody guesses another's
  crypto::random_fill(random);
  filter.id = get_be<uint64_t>(random.data());
  filter.asked_ms = now_ms;
  std::lock_guard lock(mutex_);
  std::erase_if(filters_, [&](const Filter& each) { return each.asked_ms + kIdleMs < now_ms; });
  make_room(filter.owner);
  filters_.push_back(filter);
  return filter.id;
}

void Filters::make_room(const std::string& owner) {
  std::map<std::string, size_t> held;
  for (const Filter& each : filters_) ++held[each.owner];
  const bool by_himself = held[owner] >= kMostOfOne;
  if (!by_himself && filters_.size() < kMost) return;
  const auto most =
      std::max_element(held.begin(), held.end(), [](auto& a, auto& b) { return a.second < b.second; });
  const std::string& whose = by_himself ? owner : most->first;
  auto oldest = filters_.end();
  for (auto at = filters_.begin(); at != filters_.end(); ++at)
    if (at->owner == whose && (oldest == filters_.end() || at->asked_ms < oldest->asked_ms)) oldest = at;
  filters_.erase(oldest);
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
