#include "keys/use.h"

#include <algorithm>

namespace chengxin::keys {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr size_t kMostRows = 100'000;  // between two times that they are taken; what is above joins one row

void add(Use& to, const Use& from) {
  to.what = from.what;
  to.hour_ms = from.hour_ms;
  to.last_ms = std::max(to.last_ms, from.last_ms);
  to.calls += from.calls;
  to.items += from.items;
}

}  // namespace

void Uses::note(UseKey what, size_t items, int64_t now_ms) {
  Use one{std::move(what), now_ms / kHourMs * kHourMs, now_ms, 1, int64_t(items)};
  std::lock_guard lock(mutex_);
  if (uses_.size() >= kMostRows && !uses_.contains({one.hour_ms, one.what}))
    one.what.key = one.what.caller = "*";
  add(uses_[{one.hour_ms, one.what}], one);
}

std::vector<Use> Uses::take() {
  std::vector<Use> out;
  std::lock_guard lock(mutex_);
  for (auto& [key, use] : uses_) out.push_back(std::move(use));
  uses_.clear();
  return out;
}

void Uses::put_back(std::vector<Use> uses) {
  std::lock_guard lock(mutex_);
  for (const Use& each : uses) add(uses_[{each.hour_ms, each.what}], each);
}

}  // namespace chengxin::keys
