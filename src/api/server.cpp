#include "api/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <random>

#include "api/impl/connection.h"
#include "base/clock.h"
#include "base/log.h"

namespace chengxin::api {
namespace {

using net::Acceptor;
using net::tcp;
constexpr auto kSweep = std::chrono::milliseconds(100), kMaintain = std::chrono::milliseconds(2000);

std::string random_id() {
  std::random_device device;
  return fmt::format("{:08x}", device());
}

}  // namespace

// An event loop, its thread, its connections and the sweeper of their deadlines.
struct Loop : IoThread {
  std::list<Connection> connections;  // this thread only
  std::atomic<bool> stopping = false;
  std::thread thread;

  Task<void> sweep() {
    Timer timer(co_await asio::this_coro::executor);
    for (;;) {
      timer.expires_after(kSweep);
      co_await timer.async_wait(use_task);
      int64_t now = steady_ns();
      for (auto& connection : connections) connection.sweep(now);
    }
  }

  Task<void> serve(App& app, Socket socket, std::string id, std::atomic<size_t>& open) {
    auto at = connections.emplace(connections.end(), app, std::move(socket), std::move(id));
    try {
      co_await at->run();
    } catch (const std::exception& thrown) {
      log::error("api.connection", {{"what", thrown.what()}});
    }
    connections.erase(at);
    app.metrics.connections().Set(double(--open));
  }
};

struct Server::Impl {
  App app;
  std::vector<std::shared_ptr<Loop>> loops;
  std::optional<Acceptor> acceptor;
  std::atomic<size_t> open = 0;
  std::atomic<uint64_t> accepted = 0;
  const std::string id = random_id();
  uint16_t port = 0;

  Impl(Options options, Services services) : app(std::move(options), std::move(services)) {}

  Status check_options() const {
    const Options& options = app.options;
    if (!options.owner_token.empty() && options.owner_token.size() < 32)
      return fail(Code::invalid_argument, "api.options", "the owner token needs at least 32 characters");
    if (options.client_certificates != ClientCertificates::off && (!options.tls || !app.services.access))
      return fail(Code::invalid_argument, "api.options", "certificates of clients need TLCP and accounts");
    return {};
  }

  Status listen() {
    boost::system::error_code error;
    auto address = asio::ip::make_address(app.options.address, error);
    if (error)
      return fail(Code::invalid_argument, "api.address", "{} is not an IP address", app.options.address);
    tcp::endpoint endpoint(address, app.options.port);
    acceptor.emplace(loops[0]->context);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (!error) {
      port = acceptor->local_endpoint(error).port();
      return {};
    }
    acceptor.reset();
    if (error == asio::error::address_in_use)
      return fail(
          Code::conflict, "api.port_in_use",
          "{}:{} is used by another program; stop that program, or choose another port with --listen {}:PORT",
          app.options.address, app.options.port, app.options.address);
    return fail(Code::invalid_argument, "api.address", "cannot listen on {}:{}: {}", app.options.address,
                app.options.port, error.message());
  }

  Task<void> accept() {
    for (size_t next = 0;; ++next) {
      auto& loop = loops[next % loops.size()];
      Socket socket(loop->context.get_executor());
      boost::system::error_code error;
      co_await acceptor->async_accept(socket, asio::redirect_error(use_task, error));
      if (!acceptor->is_open()) co_return;
      if (error) {  // out of file descriptors, or a client that has already gone
        log::warn("api.accept", {{"error", error.message()}});
        Timer timer(loops[0]->context.get_executor());
        timer.expires_after(std::chrono::milliseconds(100));
        co_await timer.async_wait(asio::redirect_error(use_task, error));
        continue;
      }
      if (open >= app.options.max_connections) {
        constexpr std::string_view full =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: "
            "close\r\n\r\n";
        socket.non_blocking(true, error);
        if (!app.options.tls) socket.write_some(asio::buffer(full), error);
        continue;
      }
      socket.set_option(tcp::no_delay(true), error);
      app.metrics.connections().Set(double(++open));
      auto task = loop->serve(app, std::move(socket), fmt::format("{}{:x}", id, ++accepted), open);
      asio::co_spawn(loop->context, std::move(task), asio::detached);
    }
  }

  Task<void> maintain() {
    Timer timer(co_await asio::this_coro::executor);
    for (;;) {
      timer.expires_after(kMaintain);
      co_await timer.async_wait(use_task);
      app.maintain();
    }
  }

  Status start() {
    TRY(check_options());
    TRY(app.open());
    size_t count =
        app.options.io_threads ? app.options.io_threads : std::max(1u, std::thread::hardware_concurrency());
    for (size_t i = 0; i < count; ++i) loops.push_back(std::make_shared<Loop>());
    if (auto status = listen(); !status) {
      loops.clear();
      return status;
    }
    asio::co_spawn(loops[0]->context, accept(), asio::detached);
    asio::co_spawn(loops[0]->context, maintain(), asio::detached);
    for (auto& loop : loops) {
      asio::co_spawn(loop->context, loop->sweep(), asio::detached);
      loop->thread = std::thread([loop = loop.get()] {
        IoThread::current = loop;
        loop->context.run();
      });
    }
    log::info("api.listening", {{"address", app.options.address}, {"port", port}});
    return {};
  }

  void stop() {
    if (loops.empty()) return;
    app.stopping = true;
    asio::post(loops[0]->context, [this] {
      boost::system::error_code ignored;
      acceptor->close(ignored);
    });
    each_connection([](Connection& connection) { connection.begin_stop(); });
    app.bell->ring_all();
    int64_t until = steady_ns() + int64_t(app.options.stop_timeout_ms) * 1'000'000;
    while (open > 0 && steady_ns() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    each_connection([](Connection& connection) { connection.abort(); });
    app.workers.stop();
    app.verifying.stop();
    app.streams.stop();
    app.contract_work.stop();
    app.gateway_work.stop();
    app.ethereum_sends.stop();
    for (auto& loop : loops) loop->context.stop();
    for (auto& loop : loops) loop->thread.join();
    acceptor.reset();
    loops.clear();
    log::info("api.stopped");
  }

  void each_connection(void (*act)(Connection&)) {
    for (auto& loop : loops)
      asio::post(loop->context, [loop = loop.get(), act] {
        for (auto& connection : loop->connections) act(connection);
      });
  }
};

Server::Server(Options options, Services services)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(services))) {}
Server::~Server() { impl_->stop(); }
Status Server::start() { return impl_->start(); }
uint16_t Server::port() const { return impl_->port; }
void Server::stop() { impl_->stop(); }
const std::string& Server::openapi() const { return impl_->app.openapi; }

}  // namespace chengxin::api
