#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "link/impl/tunnel.h"

// Connections of the consensus engine, carried to the engine of another node.
namespace chengxin::link {
namespace {

constexpr size_t kMaxConnections = 8;  // of one tunnel: the engine has one, and another while it redials

// Both halves of a carried connection, on the thread of its link.
struct Halves {
  Timer up_ended;
  bool up_running = true, up_done = false, down_done = false;
};

// From the engine to the link.
Task<void> carry_up(CarrierPtr link, Socket& engine, Halves& halves) {
  boost::system::error_code error;
  while (co_await link->room()) {
    co_await engine.async_wait(tcp::socket::wait_read, asio::redirect_error(use_task, error));
    if (error) break;
    auto& buffer = link->loop().buffer;
    size_t count = engine.read_some(asio::buffer(buffer), error);
    if (error == asio::error::would_block) continue;
    if (error) break;
    if (!link->send(to_bytes(ByteView(buffer).first(count)))) break;
  }
  if (error == asio::error::eof) {
    halves.up_done = true;
    link->end_writing();
    if (halves.down_done) link->close("both sides ended");
  } else {
    link->cut({Code::unavailable, "link.closed", "the engine's connection broke"});
  }
  halves.up_running = false;
  halves.up_ended.cancel();
}

}  // namespace

Task<Error> Core::pump(const CarrierPtr& link, Socket& engine) {
  link->open();
  boost::system::error_code error;
  engine.non_blocking(true, error);
  engine.set_option(tcp::no_delay(true), error);
  Halves halves{Timer(link->loop().context, Timer::time_point::max())};
  asio::co_spawn(link->loop().context, carry_up(link, engine, halves), asio::detached);
  Error why;
  for (;;) {
    auto frame = co_await link->next(kMaxTunnelFrameBytes, true);
    if (!frame) {
      why = frame.error();
      break;
    }
    if (halves.down_done) {
      why = {Code::invalid_argument, "link.malformed", "bytes after their end"};
      break;
    }
    if (frame->end) {
      halves.down_done = true;
      engine.shutdown(asio::socket_base::shutdown_send, error);
      if (halves.up_done) link->close("both sides ended");
      continue;
    }
    co_await asio::async_write(engine, asio::buffer(frame->bytes), asio::redirect_error(use_task, error));
    if (error) {
      why = {Code::unavailable, "link.closed", "the engine's connection broke"};
      break;
    }
  }
  link->cut(why);
  engine.close(error);
  while (halves.up_running) {
    boost::system::error_code ignored;
    co_await halves.up_ended.async_wait(asio::redirect_error(use_task, ignored));
  }
  co_return why;
}

Result<Links::Tunnel> Core::tunnel(const Digest& chain, const Address& address, const crypto::Sm2Point& key) {
  auto made = std::make_shared<Tunnel>(next_loop(), Topic{chain, Purpose::engine}, address, key);
  const tcp::endpoint any(asio::ip::address_v4::loopback(), 0);
  boost::system::error_code error;
  made->acceptor.open(any.protocol(), error);
  if (!error) made->acceptor.bind(any, error);
  if (!error) made->acceptor.listen(asio::socket_base::max_listen_connections, error);
  uint16_t port = error ? uint16_t(0) : made->acceptor.local_endpoint(error).port();
  if (error) return fail(Code::unavailable, "link.listen", "127.0.0.1: {}", error.message());
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return fail(Code::unavailable, "link.closed", "the node stops");
    tunnels_.remove_if([](const auto& weak) { return weak.expired(); });
    tunnels_.push_back(made);
  }
  spawn(made->loop, accept_tunnel(made));
  return Links::Tunnel{{nullptr, [made](void*) { made->stop(); }}, port};
}

void Core::stop_tunnels() {
  std::list<std::weak_ptr<Tunnel>> all;
  {
    std::lock_guard lock(mutex_);
    all.swap(tunnels_);
  }
  for (auto& weak : all)
    if (auto one = weak.lock()) one->stop();
}

void Core::Tunnel::stop() {
  std::lock_guard lock(mutex);
  if (std::exchange(stopped, true)) return;
  for (auto& link : links) link->cut({Code::unavailable, "link.closed", "no longer wanted"});
  asio::post(loop->context, [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
  });
}

Task<void> Core::accept_tunnel(std::shared_ptr<Tunnel> tunnel) {
  for (;;) {
    Socket engine(tunnel->loop->context);
    boost::system::error_code error;
    co_await tunnel->acceptor.async_accept(engine, asio::redirect_error(use_task, error));
    if (!tunnel->acceptor.is_open()) co_return;
    if (error) {
      log::warn("link.accept", {{"error", error.message()}});
      Timer timer(tunnel->loop->context, std::chrono::milliseconds(100));
      co_await timer.async_wait(asio::redirect_error(use_task, error));
      continue;
    }
    if (tunnel->links.size() >= kMaxConnections) continue;
    spawn(tunnel->loop, run_tunnel(tunnel, std::move(engine)));
  }
}

Task<void> Core::run_tunnel(std::shared_ptr<Tunnel> tunnel, Socket engine) {
  auto link = new_carrier(tunnel->loop, tunnel->topic);
  {
    std::lock_guard lock(tunnel->mutex);
    if (tunnel->stopped) co_return;
    tunnel->links.insert(link);
  }
  Listed listed(link->loop(), link.get());
  Status reached = co_await reach(link, tunnel->address, tunnel->key);
  Error why;
  if (reached) {
    why = co_await pump(link, engine);
  } else {
    why = reached.error();
    refusals_.tell("link.not_reached", fmt::format("{}:{}", tunnel->address.host, tunnel->address.port), "",
                   why);
  }
  co_await end(link, why);
  std::lock_guard lock(tunnel->mutex);
  tunnel->links.erase(link);
}

}  // namespace chengxin::link
