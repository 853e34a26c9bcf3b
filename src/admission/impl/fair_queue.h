#pragma once
#include <deque>

#include "admission/gatherer.h"

// What waits for admission, in two levels: sources and the lanes of each. Not thread-safe. Invariants:
// - a lane is served first in, first out;
// - sources take turns by deficit round robin, and so do the lanes of a source: between two that both wait
//   always, what has been served differs by no more than a quantum and the dearest item;
// - a source holds at most as much as is still free. So one alone takes half of the bound, n take 1/(n+1)
//   each, and whoever comes new finds room.
namespace chengxin::admission {

// Bytes that an item costs besides its own: a signature is as dear as hashing some thousand bytes.
inline constexpr size_t kItemCost = 1024;

class Source {
 public:
  explicit Source(std::string name) { counts.name = std::move(name); }
  SourceCounts counts;

 private:
  friend class FairQueue;
  std::deque<std::shared_ptr<Lane>> ring_;  // lanes with items
  size_t credit_ = 0;
};

class Lane {
 public:
  explicit Lane(std::shared_ptr<Source> of) : source(std::move(of)) {}
  const std::shared_ptr<Source> source;

 private:
  friend class FairQueue;
  std::deque<Submission> items_;
  size_t credit_ = 0;
};
class FairQueue {
 public:
  FairQueue(size_t max_items, size_t max_bytes) : max_items_(max_items), max_bytes_(max_bytes) {}

  size_t items() const { return items_; }
  size_t bytes() const { return bytes_; }

  // False, and nothing taken, when the source's share is used up.
  bool push(const LanePtr& lane, Submission& submission);
  struct Item {
    std::shared_ptr<Source> source;
    Submission submission;
  };
  // The next in turn, up to so many items and bytes; at least one when there is any.
  std::vector<Item> take(size_t most_items, size_t most_bytes);

 private:
  static constexpr size_t kQuantum = 16 << 10;
  Lane* next();  // whose turn it is, with credit for its first item

  const size_t max_items_, max_bytes_;
  size_t items_ = 0, bytes_ = 0;
  std::deque<std::shared_ptr<Source>> ring_;  // sources with items
};

}  // namespace chengxin::admission
