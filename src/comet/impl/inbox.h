#pragma once
#include <deque>
#include <map>
#include <optional>

#include "crypto/sm2.h"

// Messages that wait, by peer. Not thread-safe. Peers take turns by what their messages cost, so that one
// that sends much waits longer, and nobody else does.
namespace chengxin::comet {

class Inbox {
 public:
  Inbox(size_t max_bytes, size_t max_messages) : max_bytes_(max_bytes), max_messages_(max_messages) {}

  // False: the peer's queue is full.
  bool push(const crypto::Sm2Point& peer, Bytes message) {
    Lane& lane = lanes_[peer];
    if (lane.messages.size() >= max_messages_ || lane.bytes + message.size() > max_bytes_) return false;
    if (lane.messages.empty()) lane.served = std::max(lane.served, floor_);
    lane.bytes += message.size();
    lane.messages.push_back(std::move(message));
    return true;
  }

  // Of those that may now, who was served least.
  template <typename May>
  std::optional<std::pair<crypto::Sm2Point, Bytes>> pop(May&& may) {
    auto least = lanes_.end();
    for (auto each = lanes_.begin(); each != lanes_.end(); ++each)
      if (!each->second.messages.empty() &&
          (least == lanes_.end() || each->second.served < least->second.served) && may(each->first))
        least = each;
    if (least == lanes_.end()) return std::nullopt;
    Lane& lane = least->second;
    Bytes message = std::move(lane.messages.front());
    lane.messages.pop_front();
    lane.bytes -= message.size();
    floor_ = lane.served;
    lane.served += message.size() + kMessageCost;
    return std::pair(least->first, std::move(message));
  }

  void charge(const crypto::Sm2Point& peer, uint64_t cost) { lanes_[peer].served += cost; }
  void forget(const crypto::Sm2Point& peer) { lanes_.erase(peer); }
  bool empty() const {
    return std::all_of(lanes_.begin(), lanes_.end(), [](auto& each) { return each.second.messages.empty(); });
  }

 private:
  static constexpr uint64_t kMessageCost = 1024;
  struct Lane {
    std::deque<Bytes> messages;
    size_t bytes = 0;
    uint64_t served = 0;
  };
  const size_t max_bytes_, max_messages_;
  uint64_t floor_ = 0;
  std::map<crypto::Sm2Point, Lane> lanes_;
};

// What one peer may cost in a stretch of time. May be overdrawn by one answer.
class Budget {
 public:
  bool allows(int64_t now_ns, uint64_t per_second, uint64_t burst) {
    if (last_ns_ == 0)
      balance_ = double(burst);
    else
      balance_ = std::min(double(burst), balance_ + double(now_ns - last_ns_) / 1e9 * double(per_second));
    last_ns_ = now_ns;
    return balance_ >= 0;
  }
  void spend(uint64_t cost) { balance_ -= double(cost); }

 private:
  double balance_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace chengxin::comet
