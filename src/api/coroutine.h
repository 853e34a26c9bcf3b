#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/check.h"
#include "net/coroutine.h"

// Coroutines of the io threads. Every connection lives on one io thread, so what one request touches needs no
// locks.
namespace chengxin::api {

namespace asio = boost::asio;
using net::Executor;
using net::Task;
using net::Timer;
using net::use_task;

// One event loop with its thread.
struct IoThread : std::enable_shared_from_this<IoThread> {
  asio::io_context context{1};
  static inline thread_local IoThread* current = nullptr;
};

// Lets one coroutine of an io thread wait for a value that comes from any thread.
template <typename T>
class Outcome {
 public:
  Outcome() : state_(std::make_shared<State>()) {
    CHECK(IoThread::current);
    state_->thread = IoThread::current->weak_from_this();
  }

  // To be called once, on any thread, also after the waiting coroutine or the server has gone.
  std::function<void(T)> completion() const {
    return [state = state_](T value) {
      auto thread = state->thread.lock();
      if (!thread) return;
      asio::post(thread->context, [state, value = std::move(value)]() mutable {
        state->value = std::move(value);
        if (state->timer) state->timer->cancel();
      });
    };
  }

  // nullopt after the timeout.
  Task<std::optional<T>> wait(std::chrono::milliseconds timeout) {
    Timer timer(co_await asio::this_coro::executor);
    timer.expires_after(timeout);
    state_->timer = &timer;
    boost::system::error_code ignored;
    if (!state_->value) co_await timer.async_wait(asio::redirect_error(use_task, ignored));
    state_->timer = nullptr;
    co_return std::move(state_->value);
  }

  Task<T> wait() {
    std::optional<T> value;
    while (!value) value = co_await wait(std::chrono::hours(1));
    co_return std::move(*value);
  }

 private:
  struct State {
    std::weak_ptr<IoThread> thread;
    std::optional<T> value;
    Timer* timer = nullptr;
  };
  std::shared_ptr<State> state_;
};

}  // namespace chengxin::api
