#include <boost/asio/ip/address.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "link/impl/core.h"
#include "link/impl/port_owner.h"

// Links that others dial.
namespace chengxin::link {
namespace {

constexpr auto kRefusalPause = std::chrono::milliseconds(100);

// "10.0.0.1:7000" or "[::]:7000".
Result<tcp::endpoint> endpoint_of(const std::string& text) {
  auto bad = [&] { return fail(Code::invalid_argument, "link.listen", "{} is not ADDRESS:PORT", text); };
  size_t colon = text.rfind(':');
  if (colon == text.npos || colon + 1 == text.size() || text.size() - colon > 6) return bad();
  unsigned port = 0;
  for (char c : text.substr(colon + 1)) {
    if (c < '0' || c > '9') return bad();
    port = port * 10 + unsigned(c - '0');
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  auto address = asio::ip::make_address(host, error);
  if (error || port > 65535) return bad();
  return tcp::endpoint(address, uint16_t(port));
}

}  // namespace

Status Core::listen() {
  ASSIGN(auto endpoint, endpoint_of(options.listen));
  boost::system::error_code error;
  acceptor_.emplace(loops_[0]->context);
  acceptor_->open(endpoint.protocol(), error);
  if (!error) acceptor_->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_->local_endpoint(error).port();
  if (!error) return {};
  acceptor_.reset();
  if (error == asio::error::address_in_use)
    return fail(Code::conflict, "link.listen", "{} is in use by {}", options.listen,
                owner_of_port(endpoint.port()));
  return fail(Code::invalid_argument, "link.listen", "{}: {}", options.listen, error.message());
}

Task<void> Core::accept() {
  for (;;) {
    auto loop = next_loop();
    Socket socket(loop->context);
    tcp::endpoint from;
    boost::system::error_code error;
    co_await acceptor_->async_accept(socket, from, asio::redirect_error(use_task, error));
    if (stopping_ || !acceptor_->is_open()) co_return;
    if (error) {  // out of file descriptors, or one that has already gone
      log::warn("link.accept", {{"error", error.message()}});
      Timer timer(loops_[0]->context, std::chrono::milliseconds(100));
      co_await timer.async_wait(asio::redirect_error(use_task, error));
      continue;
    }
    auto token = incoming_ < options.max_connections ? half_open_.take(from.address()) : nullptr;
    if (!token) {
      refusals_.tell("link.refused", from.address().to_string(), "",
                     {Code::busy, "link.too_many", "too many connections at once"});
      continue;
    }
    ++incoming_;
    auto link = new_carrier(loop, std::nullopt);
    link->socket() = std::move(socket);
    link->connected();
    spawn(loop, run_incoming(std::move(link), std::move(token)));
  }
}

Task<void> Core::run_incoming(CarrierPtr link, HalfOpen::Token token) {
  Listed listed(link->loop(), link.get());
  auto target = co_await agree(link);
  token.reset();
  if (!target) {
    const auto& peer = link->certificates().sign;
    const std::string& remote = link->remote();
    refusals_.tell("link.refused", remote.substr(0, remote.rfind(':')),
                   peer.der.empty() ? "" : peer.subject_text(), target.error());
    co_await end(link, target.error());
  } else {
    claim(link);
    Error why;
    if (target->served)
      why = co_await deliver(link, *target->served);
    else
      why = co_await pump(link, *target->engine);
    co_await end(link, why);
    if (target->served) target->served->tell_close(link, link->why());
  }
  --incoming_;
}

Task<Result<Core::Target>> Core::agree(const CarrierPtr& link) {
  CO_TRY(co_await link->shake_hands(context_->accept(trust_of({}))));
  CO_ASSIGN(auto frame, co_await link->next(kMaxHelloBytes, false));
  Timer timer(link->loop().context, kRefusalPause);
  CO_ASSIGN(Hello hello, Hello::decode(frame.bytes));
  auto target = co_await consider(link, hello);
  Answer answer{kVersion, "", now_ms()};
  if (!target) {
    // One answer for whatever is wrong, after the same time: strangers do not learn which chains are here.
    answer.reason = target.error().reason == "link.version" ? "link.version" : "link.refused";
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
  }
  CO_TRY(co_await link->write_now(answer.encode()));
  co_return std::move(target);
}

Task<Result<Core::Target>> Core::consider(const CarrierPtr& link, const Hello& hello) {
  if (hello.version != kVersion)
    co_return fail(Code::unsupported, "link.version", "the other side speaks version {}", hello.version);
  CO_ASSIGN(auto root, root_of(hello.topic, link->certificates()));
  link->identify(hello.topic, link->make_peer(std::move(root), hello.clock_ms - now_ms()));
  CO_TRY(examine(*link));
  Target target;
  uint16_t engine_port = 0;
  {
    std::lock_guard lock(mutex_);
    if (auto served = served_.find(hello.topic); served != served_.end()) target.served = served->second;
    if (hello.topic.purpose == Purpose::engine)
      if (auto engine = engines_.find(hello.topic.chain); engine != engines_.end())
        engine_port = engine->second;
  }
  if (target.served) co_return std::move(target);
  if (!engine_port) co_return fail(Code::not_found, "link.not_served", "nothing is served on this topic");
  target.engine.emplace(link->loop().context);
  boost::system::error_code error;
  co_await target.engine->async_connect({asio::ip::address_v4::loopback(), engine_port},
                                        asio::redirect_error(use_task, error));
  if (error)
    co_return fail(Code::unavailable, "link.engine_unreachable", "port {}: {}", engine_port, error.message());
  co_return std::move(target);
}

Task<Error> Core::deliver(const CarrierPtr& link, Served& served) {
  link->open();
  served.tell_open(link);
  for (;;) {
    auto frame = co_await link->next(options.max_message_bytes, false);
    if (!frame) co_return frame.error();
    if (!link->is_cut()) served.tell_message(link, std::move(frame->bytes));
  }
}

Task<void> Core::end(const CarrierPtr& link, const Error& why) {
  link->cut(why);
  co_await link->finish();
}

}  // namespace chengxin::link
