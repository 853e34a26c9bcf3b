#pragma once
#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace chengxin::gateway {

inline constexpr int kFirstRetryMs = 100;
// Deliveries of one route at once, so that what hangs behind it leaves room for others.
inline constexpr int kMostOfARoute = 2;

// What the buffers of all routes hold together. Thread-safe.
class Total {
 public:
  Total(int64_t most_writes, size_t most_bytes) : most_writes_(most_writes), most_bytes_(most_bytes) {}

  // gateway.buffer_total.
  Status take(size_t bytes) {
    std::lock_guard lock(mutex_);
    if (writes_ >= most_writes_ || bytes_ + bytes > most_bytes_)
      return tl::unexpected(Error{Code::busy, "gateway.buffer_total",
                                  fmt::format("{} writes, {} bytes", writes_, bytes_), 1000});
    ++writes_;
    bytes_ += bytes;
    return {};
  }
  // Of what was there at the start, whatever the bounds are now.
  void add(int64_t writes, size_t bytes) {
    std::lock_guard lock(mutex_);
    writes_ += writes;
    bytes_ += bytes;
  }
  void give_back(int64_t writes, size_t bytes) {
    std::lock_guard lock(mutex_);
    writes_ -= std::min(writes_, writes);
    bytes_ -= std::min(bytes_, bytes);
  }

 private:
  const int64_t most_writes_;
  const size_t most_bytes_;
  std::mutex mutex_;
  int64_t writes_ = 0;
  size_t bytes_ = 0;
};

// The writes of a route that are not settled, by application: how many, and who may be tried. Thread-safe.
// While one of an application's is parked, none of its is tried: their order is kept.
class Held {
 public:
  explicit Held(Total& total) : total_(total) {}

  // Taken before the row is there: what is held is never more than this. gateway.buffer_full,
  // gateway.buffer_total; gateway.no_route once it is closed.
  Status take(const std::string& application, size_t bytes, int64_t most, size_t most_bytes) {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(Code::not_found, "gateway.no_route", "it was removed");
    const auto at = queues_.find(application);
    const Queue former = at == queues_.end() ? Queue() : at->second;
    if (former.writes >= most || former.bytes + bytes > most_bytes)
      return tl::unexpected(
          Error{Code::busy, "gateway.buffer_full", fmt::format("{} wait", former.writes), 1000});
    TRY(total_.take(bytes));
    Queue& queue = queues_[application];
    ++queue.writes;
    queue.bytes += bytes;
    return {};
  }
  // Of what was there at the start.
  void add(const std::string& application, int64_t writes, int64_t parked, size_t bytes) {
    std::lock_guard lock(mutex_);
    Queue& queue = queues_[application];
    queue.writes += writes;
    queue.parked += parked;
    queue.bytes += bytes;
    total_.add(writes, bytes);
  }
  // So many writes, some of them parked, are settled.
  void give_back(const std::string& application, size_t bytes, int64_t writes = 1, int64_t parked = 0) {
    std::lock_guard lock(mutex_);
    total_.give_back(writes, bytes);
    auto at = queues_.find(application);
    at->second.writes -= std::min(at->second.writes, writes);
    at->second.bytes -= std::min(at->second.bytes, bytes);
    at->second.unpark(parked);
    if (at->second.writes == 0 && !at->second.busy) queues_.erase(at);
  }
  void park(const std::string& application) {
    std::lock_guard lock(mutex_);
    ++queues_.at(application).parked;
  }
  void unpark(const std::string& application) {
    std::lock_guard lock(mutex_);
    queues_.at(application).unpark(1);
  }

  // False when something is held; after true nothing is taken any more.
  bool close() {
    std::lock_guard lock(mutex_);
    closed_ =
        std::all_of(queues_.begin(), queues_.end(), [](const auto& each) { return each.second.writes == 0; });
    return closed_;
  }
  void reopen() {
    std::lock_guard lock(mutex_);
    closed_ = false;
  }

  // Not settled: of all applications, or of one.
  struct Count {
    int64_t writes = 0, parked = 0;
  };
  Count count(const std::optional<std::string>& application = std::nullopt) {
    std::lock_guard lock(mutex_);
    Count out;
    for (const auto& [name, queue] : queues_) {
      if (application && *application != name) continue;
      out.writes += queue.writes;
      out.parked += queue.parked;
    }
    return out;
  }

  // The application that waited longest and may be tried now, marked as busy.
  std::optional<std::string> claim(int64_t now_ns) {
    std::lock_guard lock(mutex_);
    auto best = queues_.end();
    int busy = 0;
    for (auto at = queues_.begin(); at != queues_.end(); ++at) {
      busy += at->second.busy;
      if (!at->second.may_be_tried(now_ns)) continue;
      if (best == queues_.end() || at->second.tried_ns < best->second.tried_ns) best = at;
    }
    if (best == queues_.end() || busy >= kMostOfARoute) return std::nullopt;
    best->second.busy = true;
    best->second.tried_ns = now_ns;
    return best->first;
  }
  // wait_ms: what the far side asks for; negative when nothing failed.
  void release(const std::string& application, int wait_ms, int most_retry_ms) {
    std::lock_guard lock(mutex_);
    auto at = queues_.find(application);
    Queue& queue = at->second;
    queue.busy = false;
    if (wait_ms < 0) {
      queue.retry_ms = 0;
      queue.not_before_ns = 0;
    } else {
      queue.retry_ms = std::clamp(queue.retry_ms * 2, kFirstRetryMs, most_retry_ms);
      queue.not_before_ns =
          steady_ns() + int64_t(std::max(queue.retry_ms, std::min(wait_ms, most_retry_ms))) * 1'000'000;
    }
    if (queue.writes == 0) queues_.erase(at);
  }

 private:
  struct Queue {
    int64_t writes = 0, parked = 0;  // parked ones are of the writes
    size_t bytes = 0;
    bool busy = false;  // somebody delivers its oldest write
    int retry_ms = 0;   // until the next attempt after one that failed
    int64_t not_before_ns = 0, tried_ns = 0;

    bool may_be_tried(int64_t now_ns) const {
      return !busy && writes > 0 && parked == 0 && not_before_ns <= now_ns;
    }
    void unpark(int64_t count) {
      if (count == 0) return;
      parked -= count;
      retry_ms = 0;
      not_before_ns = 0;
    }
  };

  Total& total_;
  std::mutex mutex_;
  std::map<std::string, Queue> queues_;
  bool closed_ = false;
};

}  // namespace chengxin::gateway
