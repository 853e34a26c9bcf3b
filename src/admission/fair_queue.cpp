#include "admission/impl/fair_queue.h"

namespace chengxin::admission {
namespace {

template <typename Ring>
void rotate(Ring& ring) {
  ring.push_back(std::move(ring.front()));
  ring.pop_front();
}

}  // namespace

bool FairQueue::push(const LanePtr& lane, Submission& submission) {
  Source& source = *lane->source;
  const size_t bytes = submission.envelope.size();
  if (source.counts.queued + items_ + 1 > max_items_) return false;
  if (source.counts.queued > 0 && source.counts.queued_bytes + bytes_ + bytes > max_bytes_) return false;
  if (bytes_ + bytes > max_bytes_) return false;
  if (source.counts.queued == 0) ring_.push_back(lane->source);
  if (lane->items_.empty()) source.ring_.push_back(lane);
  lane->items_.push_back(std::move(submission));
  ++source.counts.queued;
  source.counts.queued_bytes += bytes;
  ++items_;
  bytes_ += bytes;
  return true;
}

Lane* FairQueue::next() {
  for (;;) {
    Source& source = *ring_.front();
    Lane& lane = *source.ring_.front();
    const size_t cost = kItemCost + lane.items_.front().envelope.size();
    if (source.credit_ < cost) {
      source.credit_ += kQuantum;
      rotate(ring_);
    } else if (lane.credit_ < cost) {
      lane.credit_ += kQuantum;
      rotate(source.ring_);
    } else {
      source.credit_ -= cost;
      lane.credit_ -= cost;
      return &lane;
    }
  }
}

std::vector<FairQueue::Item> FairQueue::take(size_t most_items, size_t most_bytes) {
  std::vector<Item> out;
  size_t taken = 0;
  while (items_ > 0 && out.size() < most_items && (out.empty() || taken < most_bytes)) {
    Lane& lane = *next();
    // Both rings have it in front, and may hold the last references.
    std::shared_ptr<Source> source = lane.source;
    const LanePtr held = source->ring_.front();
    out.push_back({source, std::move(lane.items_.front())});
    lane.items_.pop_front();
    const size_t bytes = out.back().submission.envelope.size();
    taken += bytes;
    --items_;
    bytes_ -= bytes;
    --source->counts.queued;
    source->counts.queued_bytes -= bytes;
    if (lane.items_.empty()) {
      lane.credit_ = 0;
      source->ring_.pop_front();
    }
    if (source->counts.queued == 0) {
      source->credit_ = 0;
      ring_.pop_front();
    }
  }
  return out;
}

}  // namespace chengxin::admission
