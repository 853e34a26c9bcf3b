#include <boost/asio/ip/basic_resolver.hpp>
#include <random>

#include "base/clock.h"
#include "base/log.h"
#include "link/impl/core.h"

// Links that this node dials.
namespace chengxin::link {
namespace {

constexpr int kFirstPauseMs = 100, kLongestPauseMs = 4000;
constexpr int64_t kStableNs = 10'000'000'000;  // one that lived this long starts the pauses anew

// Between half of it and all, so that nodes which lost each other at once do not come back at once.
int with_jitter(int pause_ms) {
  static thread_local std::minstd_rand random(std::random_device{}());
  return pause_ms / 2 + int(random() % unsigned(pause_ms / 2 + 1));
}

}  // namespace

Task<Status> Core::connect(const CarrierPtr& link, const Address& address) {
  auto unreachable = [&](const boost::system::error_code& error) {
    return fail(Code::unavailable, "link.unreachable", "{}:{}: {}", address.host, address.port,
                error.message());
  };
  boost::system::error_code error;
  std::vector<tcp::endpoint> endpoints;
  if (auto literal = asio::ip::make_address(address.host, error); !error) {
    endpoints.emplace_back(literal, address.port);
  } else {
    asio::ip::basic_resolver<tcp, Executor> resolver(link->loop().context);
    auto found = co_await resolver.async_resolve(address.host, std::to_string(address.port),
                                                 asio::redirect_error(use_task, error));
    for (const auto& one : found) endpoints.push_back(one.endpoint());
    if (error || endpoints.empty()) co_return unreachable(error);
  }
  for (const auto& endpoint : endpoints) {
    if (link->is_cut()) co_return tl::unexpected(link->why());
    boost::system::error_code ignored;
    link->socket().close(ignored);
    co_await link->socket().async_connect(endpoint, asio::redirect_error(use_task, error));
    if (!error) break;
  }
  if (error) co_return unreachable(error);
  link->connected();
  co_return Status();
}

// From nothing to an agreed link.
Task<Status> Core::reach(const CarrierPtr& link, const Address& address, const crypto::Sm2Point& key) {
  CO_TRY(co_await connect(link, address));
  CO_TRY(co_await link->shake_hands(context_->connect(trust_of({}))));
  const Topic topic = link->topic();
  CO_ASSIGN(auto root, root_of(topic, link->certificates()));
  Peer peer = link->make_peer(root, 0);
  if (peer.key != key && !(options.same_node && options.same_node(topic, key, peer.key)))
    co_return fail(Code::forbidden, "link.other_key", "{} has the key of {}", link->remote(),
                   peer.certificate.subject_text());
  CO_TRY(admits_(topic, peer));  // before it hears which chain this is about
  CO_TRY(co_await link->write_now(Hello{kVersion, topic, now_ms()}.encode()));
  CO_ASSIGN(auto frame, co_await link->next(kMaxHelloBytes, false));
  CO_ASSIGN(Answer answer, Answer::decode(frame.bytes));
  if (!answer.reason.empty())
    co_return fail(Code::forbidden, answer.reason == "link.version" ? "link.version" : "link.refused",
                   "{} refuses", link->remote());
  link->identify(topic, link->make_peer(std::move(root), answer.clock_ms - now_ms()));
  co_return examine(*link);
}

Links::Keeper Core::dial(DialPtr what) {
  what->loop = next_loop();
  {
    std::lock_guard lock(mutex_);
    what->stopped = stopping_;
    dials_.remove_if([](const auto& weak) { return weak.expired(); });
    dials_.push_back(what);
  }
  if (!what->stopped) spawn(what->loop, run_dial(what));
  return {nullptr, [what](void*) { stop_dial(*what); }};
}

void Core::stop_dial(Dial& dial) {
  dial.served->gate.shut();
  std::lock_guard lock(dial.mutex);
  if (std::exchange(dial.stopped, true)) return;
  if (dial.link) dial.link->cut({Code::unavailable, "link.closed", "no longer wanted"});
  if (auto self = dial.weak_from_this().lock())
    asio::post(dial.loop->context, [self] {
      if (self->pause) self->pause->cancel();
    });
}

Task<void> Core::run_dial(DialPtr what) {
  Timer pause(what->loop->context);
  what->pause = &pause;
  std::string told;  // the reason that the log heard last: a node that stays away is no news
  for (int pause_ms = kFirstPauseMs;; pause_ms = std::min(2 * pause_ms, kLongestPauseMs)) {
    auto link = new_carrier(what->loop, what->topic);
    {
      std::lock_guard lock(what->mutex);
      if (what->stopped) break;
      what->link = link;
    }
    Listed listed(link->loop(), link.get());
    const int64_t begun = steady_ns();
    Status reached = co_await reach(link, what->address, what->key);
    Error why;
    if (reached)
      why = co_await deliver(link, *what->served);
    else
      why = reached.error();
    co_await end(link, why);
    if (reached) told.clear();
    if (!reached && std::exchange(told, link->why().reason) != link->why().reason)
      refusals_.tell("link.not_reached", fmt::format("{}:{}", what->address.host, what->address.port), "",
                     link->why());
    what->served->tell_close(link, link->why());
    if (reached && steady_ns() - begun > kStableNs) pause_ms = kFirstPauseMs;
    {
      std::lock_guard lock(what->mutex);
      what->link.reset();
      if (what->stopped || !what->again) break;
      pause.expires_after(std::chrono::milliseconds(with_jitter(pause_ms)));
    }
    boost::system::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(use_task, ignored));
  }
  what->pause = nullptr;
}

}  // namespace chengxin::link
