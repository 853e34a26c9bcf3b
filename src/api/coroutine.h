#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "base/check.h"
#include "base/result.h"

// Coroutines of the io threads. Every connection lives on one io thread, so what one request touches needs no
// locks.
namespace chengxin::api {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

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

// TRY and ASSIGN (result.h) inside a coroutine.
#define CO_TRY(expression)                                                                                   \
  do {                                                                                                       \
    if (auto cx_status = (expression); !cx_status) co_return ::tl::unexpected(std::move(cx_status).error()); \
  } while (0)
#define CO_ASSIGN(declaration, expression) \
  CO_ASSIGN_IMPL(CX_CONCAT(cx_result_, __LINE__), declaration, expression)
#define CO_ASSIGN_IMPL(result, declaration, expression)               \
  auto result = (expression);                                         \
  if (!result) co_return ::tl::unexpected(std::move(result).error()); \
  declaration = std::move(*result)
