#include "link/impl/core.h"

#include <boost/asio/co_spawn.hpp>

#include "base/clock.h"
#include "base/log.h"

namespace chengxin::link {
namespace {

constexpr size_t kThreads = 2, kMaxSameEngine = 4;

Error stopping() { return {Code::unavailable, "link.closed", "the node stops"}; }

}  // namespace

void Served::tell_open(const CarrierPtr& link) {
  gate.pass([&] {
    if (handlers.on_open) handlers.on_open(link);
  });
}

void Served::tell_message(const CarrierPtr& link, Bytes message) {
  gate.pass([&] {
    if (handlers.on_message) handlers.on_message(link, std::move(message));
  });
}

void Served::tell_close(const CarrierPtr& link, const Error& why) {
  gate.pass([&] {
    if (handlers.on_close) handlers.on_close(link, why);
  });
}

Core::Core(Credentials credentials, TrustOf trust, Admits admits, Options settings)
    : options(std::move(settings)),
      credentials_(std::move(credentials)),
      trust_(std::move(trust)),
      admits_(std::move(admits)),
      half_open_(options.max_half_open, options.max_half_open_of_one) {}

Status Core::start() {
  auto bad = [](std::string_view why) { return fail(Code::invalid_argument, "link.certificate", "{}", why); };
  const crypto::TlsIdentity identity{credentials_.sign, credentials_.encrypt, credentials_.sign_key,
                                     credentials_.encrypt_key, credentials_.chain};
  if (auto fits = check_tls_identity(crypto::TlsProtocol::tlcp, identity); !fits)
    return bad(fits.error().detail);
  const int64_t now = now_ms();
  for (const auto* one : {&credentials_.sign, &credentials_.encrypt}) {
    if (now < one->not_before_ms) return bad(one->subject_text() + " is not valid yet");
    if (now > one->not_after_ms) return bad(one->subject_text() + " has expired");
  }
  auto context = crypto::TlsContext::create(crypto::TlsProtocol::tlcp, identity);
  if (!context) return bad(context.error().detail);
  context_ = std::move(*context);
  for (size_t i = 0; i < kThreads; ++i) loops_.push_back(std::make_shared<Loop>());
  TRY(listen());
  spawn(loops_[0], accept());
  for (auto& loop : loops_) {
    spawn(loop, sweep(loop));
    loop->thread = std::thread([loop = loop.get()] { loop->context.run(); });
  }
  return {};
}

void Core::stop() {
  std::map<Topic, ServedPtr, TopicLess> served;
  std::list<std::weak_ptr<Dial>> dials;
  {
    std::lock_guard lock(mutex_);
    if (stopping_.exchange(true)) return;
    served.swap(served_);
    dials.swap(dials_);
  }
  for (auto& [topic, one] : served) one->gate.shut();
  for (auto& weak : dials)
    if (auto dial = weak.lock()) stop_dial(*dial);
  stop_tunnels();
  for (auto& link : carriers()) link->cut(stopping());
  for (auto& loop : loops_)
    asio::post(loop->context, [this, loop] {
      boost::system::error_code ignored;
      if (loop == loops_[0] && acceptor_) acceptor_->close(ignored);
      loop->ticker.cancel();
    });
  for (auto& loop : loops_)
    if (loop->thread.joinable()) loop->thread.join();
}

void Core::spawn(const std::shared_ptr<Loop>& loop, Task<void> task) {
  asio::co_spawn(loop->context, std::move(task), [](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& what) {
      log::error("link.internal", {{"what", what.what()}});
    }
  });
}

std::shared_ptr<Loop> Core::next_loop() { return loops_[next_++ % loops_.size()]; }

CarrierPtr Core::new_carrier(const std::shared_ptr<Loop>& loop, std::optional<Topic> topic) {
  auto link = std::make_shared<Carrier>(loop, options, topic);
  std::lock_guard lock(mutex_);
  carriers_.remove_if([](const auto& weak) { return weak.expired(); });
  carriers_.push_back(link);
  if (stopping_) link->cut(stopping());
  return link;
}

std::vector<CarrierPtr> Core::carriers() const {
  std::vector<CarrierPtr> out;
  std::lock_guard lock(mutex_);
  for (const auto& weak : carriers_)
    if (auto link = weak.lock(); link && !link->is_cut()) out.push_back(std::move(link));
  return out;
}

void Core::cut_incoming(const Topic& topic, const Error& why) {
  for (auto& link : carriers())
    if (link->is_identified() && !link->dialled() && link->topic() == topic) link->cut(why);
}

// One incoming link for each topic and peer: the newest, since a peer that came back knows its old one to be
// dead before this side does. An engine may have one that begins while another ends.
void Core::claim(const CarrierPtr& link) {
  const size_t most = link->topic().purpose == Purpose::engine ? kMaxSameEngine : 1;
  std::vector<CarrierPtr> same;  // the oldest first
  for (auto& other : carriers())
    if (other->is_identified() && !other->dialled() && other->topic() == link->topic() &&
        other->peer().key == link->peer().key)
      same.push_back(std::move(other));
  for (size_t i = 0; i + most < same.size(); ++i)
    same[i]->cut({Code::conflict, "link.replaced", "the same peer made a newer link"});
}

std::shared_ptr<const crypto::TlsTrust> Core::trust_of(const Topic& topic) const {
  Trust trust = trust_(topic);
  return std::make_shared<crypto::TlsTrust>(
      crypto::TlsTrust{std::move(trust.roots), std::move(trust.crls), false});
}

Result<crypto::Certificate> Core::root_of(const Topic& topic, const crypto::TlsPeer& peer) const {
  return check_tls_peer(crypto::TlsProtocol::tlcp, peer.sign, peer.encrypt, peer.others, *trust_of(topic),
                        now_ms());
}

// Whether this link may be, now.
Status Core::examine(const Carrier& link) const {
  ASSIGN(auto root, root_of(link.topic(), link.certificates()));
  (void)root;
  return admits_(link.topic(), link.peer());
}

void Core::recheck() {
  for (auto& link : carriers()) {
    if (!link->is_identified()) continue;  // it will ask for itself
    auto status = examine(*link);
    if (status) continue;
    log::info("link.cut", {{"address", link->remote()},
                           {"reason", status.error().reason},
                           {"subject", link->peer().certificate.subject_text()}});
    link->cut(status.error());
  }
}

std::vector<Links::State> Core::list() const {
  std::vector<Links::State> out;
  for (auto& link : carriers())
    if (link->is_identified() && link->is_open()) out.push_back(link->state());
  return out;
}

void Core::serve(const Topic& topic, Handlers handlers) {
  auto served = std::make_shared<Served>();
  served->handlers = std::move(handlers);
  stop_serving(topic);
  std::lock_guard lock(mutex_);
  served_[topic] = std::move(served);
}

void Core::stop_serving(const Topic& topic) {
  ServedPtr old;
  {
    std::lock_guard lock(mutex_);
    auto found = served_.find(topic);
    if (found == served_.end()) return;
    old = std::move(found->second);
    served_.erase(found);
  }
  old->gate.shut();
  cut_incoming(topic, {Code::unavailable, "link.closed", "no longer served"});
}

void Core::serve_engine(const Digest& chain, uint16_t engine_port) {
  std::lock_guard lock(mutex_);
  engines_[chain] = engine_port;
}

void Core::stop_serving_engine(const Digest& chain) {
  {
    std::lock_guard lock(mutex_);
    if (engines_.erase(chain) == 0) return;
  }
  cut_incoming({chain, Purpose::engine}, {Code::unavailable, "link.closed", "no longer served"});
}

Task<void> Core::sweep(std::shared_ptr<Loop> loop) {
  const auto pause =
      std::chrono::milliseconds(std::clamp(std::min(options.idle_ms, options.handshake_ms) / 10, 5, 250));
  int64_t rechecked_ns = steady_ns();
  while (!stopping_) {
    loop->ticker.expires_after(pause);
    boost::system::error_code ignored;
    co_await loop->ticker.async_wait(asio::redirect_error(use_task, ignored));
    const int64_t now = steady_ns();
    for (Carrier* carrier : loop->carriers) carrier->sweep(now);
    if (loop == loops_[0] && now - rechecked_ns > int64_t(options.recheck_ms) * 1'000'000) {
      recheck();  // certificates and revocation lists age
      rechecked_ns = now;
    }
  }
}

}  // namespace chengxin::link
