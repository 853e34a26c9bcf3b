#pragma once
#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "api/coroutine.h"

namespace chengxin::api {

// Threads for work that blocks (SQL, files, long computations), so that the io threads never do. The queue is
// bounded.
class Workers {
 public:
  // 0: the stack that threads have anyway.
  Workers(size_t threads, size_t max_queue, size_t stack_bytes = 0);
  ~Workers() { stop(); }
  enum class When { if_room, always };
  // False when the pool stopped, or the queue is full and the work may be refused. `always` is for the later
  // steps of a request that was let in; there are never more of those than connections.
  bool post(std::function<void()> work, When when = When::if_room);
  void stop();  // runs what is queued, then ends the threads
  size_t queued() const;

  // Runs `work`, which returns a Result<…>, on a worker and resumes the caller on its own thread; api.busy
  // when the queue is full. References that `work` captures must outlive the co_await, which a caller's
  // locals do.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run(Work work, When when = When::if_room) {
    using Value = std::invoke_result_t<Work>;
    Outcome<Value> outcome;
    auto done = outcome.completion();
    auto guarded = [work = std::move(work), done]() mutable {
      try {
        done(work());
      } catch (const std::exception& thrown) {  // a library's; ours throws nothing
        done(Value(tl::unexpected(Error{Code::internal, "api.internal", thrown.what()})));
      }
    };
    if (!post(std::move(guarded), when))
      co_return tl::unexpected(Error{Code::busy, "api.busy", "too many requests are waiting", 1000});
    co_return co_await outcome.wait();
  }

 private:
  void loop();

  const size_t max_queue_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<pthread_t> threads_;
};

}  // namespace chengxin::api
