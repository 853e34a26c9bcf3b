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

// What the buffers of all routes hold together, of which an application may take one part of kShares, so that
// what is parked of it leaves room for others. Thread-safe.
class Total {
 public:
  static constexpr int kShares = 4;

  Total(int64_t most_writes, size_t most_bytes) : most_writes_(most_writes), most_bytes_(most_bytes) {}

  // gateway.buffer_full: the application's part, which is one write at least; gateway.buffer_total.
  Status take(const std::string& application, size_t bytes) {
    std::lock_guard lock(mutex_);
    const auto at = of_.find(application);
    if (at != of_.end() &&
        (at->second.writes >= most_writes_ / kShares || at->second.bytes + bytes > most_bytes_ / kShares))
      return full("gateway.buffer_full", at->second);
    if (all_.writes >= most_writes_ || all_.bytes + bytes > most_bytes_)
      return full("gateway.buffer_total", all_);
    put(application, 1, bytes);
    return {};
  }
  // Of what was there at the start, whatever the bounds are now.
  void add(const std::string& application, int64_t writes, size_t bytes) {
    std::lock_guard lock(mutex_);
    put(application, writes, bytes);
  }
  void give_back(const std::string& application, int64_t writes, size_t bytes) {
    std::lock_guard lock(mutex_);
    const auto at = of_.find(application);
    if (at == of_.end()) return;
    all_.lessen(writes, bytes);
    at->second.lessen(writes, bytes);
    if (at->second.writes == 0) of_.erase(at);
  }

 private:
  struct Amount {
    int64_t writes = 0;
    size_t bytes = 0;
    void lessen(int64_t by_writes, size_t by_bytes) {
      writes -= std::min(writes, by_writes);
      bytes -= std::min(bytes, by_bytes);
    }
  };

  static Status full(const char* reason, const Amount& amount) {
    return tl::unexpected(Error{Code::busy, reason,
                                fmt::format("{} writes, {} bytes on all routes", amount.writes, amount.bytes),
                                1000});
  }
  void put(const std::string& application, int64_t writes, size_t bytes) {
    if (writes == 0) return;
    for (Amount* each : {&all_, &of_[application]}) {
      each->writes += writes;
      each->bytes += bytes;
    }
  }

  const int64_t most_writes_;
  const size_t most_bytes_;
  std::mutex mutex_;
  Amount all_;
  std::map<std::string, Amount> of_;  // applications that hold something
};

// What is held of an application on a route: in SQL.
struct Sum {
  std::string application;
  int64_t writes = 0, parked = 0;  // parked ones are of the writes
  size_t bytes = 0;
};

// The writes of a route that are not settled, by application: how many, and who may be tried. Thread-safe.
// While one of an application's is parked, none of its is tried: their order is kept.
// After a transaction that failed nobody knows what SQL says: the application is in doubt, and whoever claims
// it next counts anew before all else.
class Held {
 public:
  explicit Held(Total& total) : total_(total) {}

  // Taken before the row is there: what is held is never more than this. gateway.buffer_full,
  // gateway.buffer_total; gateway.no_route once it is closed. Followed by kept().
  Status take(const std::string& application, size_t bytes, int64_t most, size_t most_bytes) {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(Code::not_found, "gateway.no_route", "it was removed");
    const auto at = queues_.find(application);
    const Queue former = at == queues_.end() ? Queue() : at->second;
    if (former.writes >= most || former.bytes + bytes > most_bytes)
      return tl::unexpected(
          Error{Code::busy, "gateway.buffer_full", fmt::format("{} wait", former.writes), 1000});
    TRY(total_.take(application, bytes));
    Queue& queue = queues_[application];
    ++queue.writes;
    queue.bytes += bytes;
    ++queue.coming;
    queue.coming_bytes += bytes;
    return {};
  }
  enum class Outcome { kept, not_kept, unknown };
  void kept(const std::string& application, size_t bytes, Outcome outcome) {
    std::lock_guard lock(mutex_);
    auto at = queues_.find(application);
    --at->second.coming;
    at->second.coming_bytes -= bytes;
    if (outcome == Outcome::unknown) at->second.in_doubt = true;
    if (outcome != Outcome::kept) lessen(at, 1, bytes);
    erase_if_idle(at);
  }
  // Of what was there at the start.
  void add(const Sum& sum) {
    std::lock_guard lock(mutex_);
    Queue& queue = queues_[sum.application];
    queue.writes += sum.writes;
    queue.parked += sum.parked;
    queue.bytes += sum.bytes;
    total_.add(sum.application, sum.writes, sum.bytes);
  }
  // So many writes, some of them parked, are settled.
  void give_back(const std::string& application, size_t bytes, int64_t writes = 1, int64_t parked = 0) {
    std::lock_guard lock(mutex_);
    auto at = queues_.find(application);
    if (at == queues_.end()) return;
    lessen(at, writes, bytes);
    at->second.unpark(parked);
    erase_if_idle(at);
  }
  void park(const std::string& application) {
    std::lock_guard lock(mutex_);
    ++queues_[application].parked;
  }
  void unpark(const std::string& application) {
    std::lock_guard lock(mutex_);
    if (auto at = queues_.find(application); at != queues_.end()) at->second.unpark(1);
  }

  void doubt(const std::string& application) {
    std::lock_guard lock(mutex_);
    queues_[application].in_doubt = true;
  }
  bool is_in_doubt(const std::string& application) {
    std::lock_guard lock(mutex_);
    const auto at = queues_.find(application);
    return at != queues_.end() && at->second.in_doubt;
  }
  // Takes what `read` finds in SQL (Result<Sum>) for what is held; while it reads nobody changes the counts
  // here. For who has claimed the application: nothing of it is settled or parked meanwhile. What is being
  // taken may be counted twice, never left out: who then finds less than was counted counts again.
  template <typename Read>
  Status recount(const std::string& application, Read read) {
    std::lock_guard lock(mutex_);
    ASSIGN(const Sum sum, read());
    Queue& queue = queues_[application];
    total_.give_back(application, queue.writes, queue.bytes);
    queue.writes = sum.writes + queue.coming;
    queue.bytes = sum.bytes + queue.coming_bytes;
    queue.parked = sum.parked;
    queue.in_doubt = false;
    total_.add(application, queue.writes, queue.bytes);
    return {};
  }

  // False when something is held; after true nothing is taken any more.
  bool close() {
    std::lock_guard lock(mutex_);
    closed_ =
        std::all_of(queues_.begin(), queues_.end(), [](const auto& each) { return each.second.is_empty(); });
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
    erase_if_idle(at);
  }

 private:
  struct Queue {
    int64_t writes = 0, parked = 0, coming = 0;  // those parked or being taken are of the writes
    size_t bytes = 0, coming_bytes = 0;
    bool in_doubt = false;  // SQL may say something else
    bool busy = false;      // somebody delivers its oldest write
    int retry_ms = 0;       // until the next attempt after one that failed
    int64_t not_before_ns = 0, tried_ns = 0;

    bool is_empty() const { return writes == 0 && coming == 0; }
    bool may_be_tried(int64_t now_ns) const {
      return !busy && (in_doubt || (writes > coming && parked == 0)) && not_before_ns <= now_ns;
    }
    void unpark(int64_t count) {
      if (count == 0) return;
      parked -= std::min(parked, count);
      retry_ms = 0;
      not_before_ns = 0;
    }
  };

  using Queues = std::map<std::string, Queue>;

  void lessen(Queues::iterator at, int64_t writes, size_t bytes) {
    Queue& queue = at->second;
    writes = std::min(queue.writes, writes);
    bytes = std::min(queue.bytes, bytes);
    queue.writes -= writes;
    queue.bytes -= bytes;
    total_.give_back(at->first, writes, bytes);
  }
  void erase_if_idle(Queues::iterator at) {
    const Queue& queue = at->second;
    if (queue.is_empty() && !queue.busy && !queue.in_doubt) queues_.erase(at);
  }

  Total& total_;
  std::mutex mutex_;
  Queues queues_;
  bool closed_ = false;
};

}  // namespace chengxin::gateway
