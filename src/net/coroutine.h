#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/result.h"

// Coroutines over sockets: Asio's types for an event loop that has exactly one thread, so that none of them
// pays for type erasure or for locks.
namespace chengxin::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
template <typename T>
using Task = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_task;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

}  // namespace chengxin::net

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
