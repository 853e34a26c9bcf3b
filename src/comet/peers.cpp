#include "comet/peers.h"

#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/peers_impl.h"

// Links, what is sent on them, and the clock's thread.
namespace chengxin::comet {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kCatchUpTickNs = 20 * kMs;
constexpr size_t kAgainBytes = size_t(1) << 20;  // handed over again at a time

// Whatever a chain's limits: a message is of about so many bytes and one envelope more, so it fits a link,
// and a block that does not goes in parts.
constexpr size_t kLinkBytes = size_t(16) << 20;  // link::Options::max_message_bytes
static_assert(CatchUp::kPartBytes + ledger::kMostLimits.max_transaction_bytes + (1 << 20) <= kLinkBytes);

}  // namespace

std::shared_ptr<LinkPeers> LinkPeers::start(link::Links& links, const ledger::Ledger& ledger, Pool& pool,
                                            Self self, PeersOptions options) {
  auto out = std::make_shared<PeersImpl>(links, ledger, pool, std::move(self), options);
  out->start();
  return out;
}

void PeersImpl::start() {
  threads_.emplace_back([this] { take_in(); });
  threads_.emplace_back([this] { answer(); });
  threads_.emplace_back([this] { keep_time(); });
  links_.serve(topic_, handlers());
  pool_.set_peers(this);
}

// A link may speak up while this object is being stopped.
link::Handlers PeersImpl::handlers() {
  auto with = [weak = weak_from_this()](auto&& call) {
    if (auto self = weak.lock()) call(*self);
  };
  return {[with](const link::ConnectionPtr& connection) {
            with([&](PeersImpl& self) { self.on_open(connection); });
          },
          [with](const link::ConnectionPtr& connection, Bytes message) {
            with([&](PeersImpl& self) { self.on_message(connection, std::move(message)); });
          },
          [with](const link::ConnectionPtr& connection, const Error&) {
            with([&](PeersImpl& self) { self.on_close(connection); });
          }};
}

void PeersImpl::on_open(const link::ConnectionPtr& connection) {
  const crypto::Sm2Point key = connection->peer().key;
  link::ConnectionPtr old;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    Remote& remote = remotes_[key];
    remote.state.key = key;
    remote.state.linked = true;
    old = std::exchange(remote.connection, connection);
    remote.greet = look_again_ = true;
  }
  due_.notify_one();
  if (old && old != connection) old->close("a newer link to the same node");
}

void PeersImpl::on_close(const link::ConnectionPtr& connection) {
  if (!connection) return;  // it never opened
  const crypto::Sm2Point key = connection->peer().key;
  std::lock_guard lock(mutex_);
  auto found = remotes_.find(key);
  if (found == remotes_.end() || found->second.connection != connection) return;
  found->second.connection.reset();
  found->second.state.linked = false;
  catch_up_.gone(key);
  if (found->second.member) return;
  inbox_.forget(key);
  questions_.forget(key);
  remotes_.erase(found);
}

void PeersImpl::on_message(const link::ConnectionPtr& connection, Bytes message) {
  const crypto::Sm2Point key = connection->peer().key;
  const uint8_t kind = message.empty() ? 0 : message[0];
  std::lock_guard lock(mutex_);
  auto found = remotes_.find(key);
  if (stopped_ || found == remotes_.end()) return;
  PeerCounts& counts = found->second.state.counts;
  if (kind == 2 || kind == 4 || kind == 7 || kind == 9) {
    if (!questions_.push(key, std::move(message))) ++counts.questions_dropped;
    asked_.notify_one();
  } else {
    if (!inbox_.push(key, std::move(message))) ++counts.inbox_dropped;
    received_.notify_one();
  }
}

void PeersImpl::set_members(std::vector<Member> members) {
  std::vector<link::ConnectionPtr> closed;
  std::vector<link::Links::Keeper> dropped;  // outside of the lock: who drops one may wait for its handlers
  std::vector<Member> dialled;
  {
    std::lock_guard lock(mutex_);
    for (auto& [key, remote] : remotes_) {
      auto same = [&, &at = key](const Member& each) { return each.key == at; };
      auto now = std::find_if(members.begin(), members.end(), same);
      if (now != members.end() && remote.member == *now) continue;
      dropped.push_back(std::exchange(remote.keeper, nullptr));
      remote.member.reset();
      remote.state.name.clear();
      if (now == members.end() && remote.connection) closed.push_back(remote.connection);
    }
    for (Member& each : members) {
      if (each.key == self_.key) continue;
      Remote& remote = remotes_[each.key];
      remote.state.key = each.key;
      remote.state.name = each.name;
      if (!remote.member && dials(each)) dialled.push_back(each);
      remote.member = std::move(each);
    }
    std::erase_if(remotes_, [](const auto& each) { return !each.second.member && !each.second.connection; });
  }
  dropped.clear();
  for (const auto& each : closed) each->close("not a member of the chain any more");
  for (const Member& each : dialled) {
    auto keeper = links_.keep(topic_, each.address, each.key, handlers());
    std::lock_guard lock(mutex_);
    if (auto found = remotes_.find(each.key); found != remotes_.end())
      found->second.keeper = std::move(keeper);
  }
}

Status PeersImpl::send(const crypto::Sm2Point& peer, Bytes message) {
  link::ConnectionPtr connection;
  {
    std::lock_guard lock(mutex_);
    auto found = remotes_.find(peer);
    if (found != remotes_.end()) connection = found->second.connection;
  }
  if (!connection) return fail(Code::unavailable, "link.closed");
  return connection->send(std::move(message));
}

void PeersImpl::broadcast(std::vector<Bytes> envelopes) {
  std::vector<Bytes> full;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    for (Bytes& each : envelopes) {
      gathered_bytes_ += each.size();
      gathered_.push_back(std::move(each));
    }
    if (gathered_bytes_ >= options_.gather_bytes) {
      full = take_gathered();
    } else if (flush_at_ns_ == 0) {
      flush_at_ns_ = std::max(steady_ns(), flushed_ns_ + options_.gather_ms * kMs);
      due_.notify_one();
    }
  }
  if (!full.empty()) flush(std::move(full));
}

std::vector<Bytes> PeersImpl::take_gathered() {
  gathered_bytes_ = 0;
  flush_at_ns_ = 0;
  flushed_ns_ = steady_ns();
  return std::exchange(gathered_, {});
}

// In messages of about gather_bytes, each to all who are linked.
void PeersImpl::flush(std::vector<Bytes> envelopes) {
  std::vector<crypto::Sm2Point> peers = linked_in_turn();
  for (size_t at = 0; at < envelopes.size();) {
    Broadcast message;
    for (size_t bytes = 0; at < envelopes.size() && bytes < options_.gather_bytes; ++at) {
      bytes += envelopes[at].size();
      message.envelopes.push_back(std::move(envelopes[at]));
    }
    const Bytes encoded = encode(message);
    for (const auto& peer : peers) {
      if (send(peer, encoded)) continue;
      std::lock_guard lock(mutex_);
      if (auto found = remotes_.find(peer); found != remotes_.end())
        ++found->second.state.counts.broadcasts_dropped;
    }
  }
}

// Those that are linked, another one first each time.
std::vector<crypto::Sm2Point> PeersImpl::linked_in_turn() {
  std::vector<crypto::Sm2Point> out;
  std::lock_guard lock(mutex_);
  for (const auto& [key, remote] : remotes_)
    if (remote.connection) out.push_back(key);
  if (!out.empty()) std::rotate(out.begin(), out.begin() + std::ptrdiff_t(turn_++ % out.size()), out.end());
  return out;
}

void PeersImpl::ask(std::span<const Digest> ids, const crypto::Sm2Point* first) {
  std::vector<crypto::Sm2Point> peers = linked_in_turn();
  if (first != nullptr) peers.insert(peers.begin(), *first);
  while (!ids.empty()) {
    const size_t count = std::min(ids.size(), kMaxAskedContents);
    const Bytes message = encode(Ask{{ids.begin(), ids.begin() + std::ptrdiff_t(count)}});
    ids = ids.subspan(count);
    for (const auto& peer : peers)
      if (send(peer, message)) break;
  }
}

void PeersImpl::ask_blocks(uint64_t from_height) {
  {
    std::lock_guard lock(mutex_);
    catch_up_.restart(from_height);
    look_again_ = true;
  }
  due_.notify_one();
}

void PeersImpl::decided() {
  {
    std::lock_guard lock(mutex_);
    if (!catch_up_.active()) return;
    look_again_ = true;
  }
  due_.notify_one();
}

void PeersImpl::keep_time() {
  int64_t head_at_ns = 0;
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    int64_t until_ns = head_at_ns;
    if (flush_at_ns_ != 0) until_ns = std::min(until_ns, flush_at_ns_);
    if (catch_up_.active()) until_ns = std::min(until_ns, steady_ns() + kCatchUpTickNs);
    if (!look_again_)
      due_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(until_ns - steady_ns(), 0)));
    if (stopped_) return;
    look_again_ = false;
    const int64_t now_ns = steady_ns();
    std::vector<Bytes> gathered;
    if (flush_at_ns_ != 0 && now_ns >= flush_at_ns_) {
      gathered = take_gathered();
    }
    lock.unlock();
    if (!gathered.empty()) flush(std::move(gathered));
    send_heads(now_ns >= head_at_ns);
    if (now_ns >= head_at_ns) {
      head_at_ns = now_ns + options_.head_ms * kMs;
      hand_over_again();
    }
    ask_for_blocks();
    lock.lock();
  }
}

void PeersImpl::hand_over_again() {
  auto again = pool_.unsettled(self_.now_ms() - options_.unsettled_ms, kAgainBytes);
  if (!again.empty()) flush(std::move(again));
}

void PeersImpl::send_heads(bool to_all) {
  std::vector<crypto::Sm2Point> peers;
  {
    std::lock_guard lock(mutex_);
    for (auto& [key, remote] : remotes_)
      if (remote.connection && (std::exchange(remote.greet, false) || to_all)) peers.push_back(key);
  }
  if (peers.empty()) return;
  const Bytes message = encode(head_notice());
  for (const auto& peer : peers) static_cast<void>(send(peer, message));
}

HeadNotice PeersImpl::head_notice() {
  const ledger::Head head = ledger_.head();
  if (head.certified_height > certified_height_ || !certified_) {
    certified_.emplace();
    auto block = ledger_.block_header(head.certified_height);
    if (block && block->certificate_bytes.size() <= kMaxSnippetBytes) {
      certified_->header = std::move(block->header_bytes);
      certified_->certificate = std::move(block->certificate_bytes);
      certified_height_ = head.certified_height;
    }
  }
  HeadNotice out = *certified_;
  out.ledger_height = head.header.height;
  out.oldest_height = ledger_.oldest_height();
  out.engine_height = self_.engine_height ? self_.engine_height() : 0;
  out.time_ms = self_.now_ms();
  out.software = self_.software;
  return out;
}

void PeersImpl::ask_for_blocks() {
  const uint64_t own = ledger_.head().header.height;
  const size_t room = pool_.room_ahead();
  std::optional<CatchUp::Question> question;
  {
    std::lock_guard lock(mutex_);
    std::map<crypto::Sm2Point, CatchUp::Standing> standings;
    for (const auto& [key, remote] : remotes_)
      if (remote.connection && remote.state.heard_ms != 0)
        standings[key] = {remote.state.oldest_height, remote.state.ledger_height};
    question = catch_up_.next(own, room, standings, steady_ns(), options_.reply_ms * kMs);
  }
  if (!question || send(question->peer, encode(question->ask))) return;
  std::lock_guard lock(mutex_);
  catch_up_.gone(question->peer);
}

Result<Bytes> PeersImpl::light_block(uint64_t engine_height, int timeout_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  const auto peers = linked_in_turn();
  for (size_t i = 0; i < peers.size(); ++i) {
    const auto left = end - std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    const uint32_t request = ++requests_;
    waiters_[request].asked = peers[i];
    lock.unlock();
    const bool sent = bool(send(peers[i], encode(AskLightBlock{request, engine_height})));
    lock.lock();
    if (sent)
      lit_.wait_for(lock, left / (peers.size() - i), [&] { return stopped_ || waiters_[request].answered; });
    Waiter waiter = std::move(waiters_[request]);
    waiters_.erase(request);
    if (waiter.bytes) return std::move(*waiter.bytes);
    if (stopped_) break;
  }
  return fail(Code::unavailable, "peers.no_light_block", "of height {}; {} peers are linked", engine_height,
              peers.size());
}

std::vector<Bytes> PeersImpl::members(int timeout_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::vector<uint32_t> asked;
  for (const auto& peer : linked_in_turn()) {
    std::unique_lock lock(mutex_);
    const uint32_t request = ++requests_;
    waiters_[request].asked = peer;
    asked.push_back(request);
    lock.unlock();
    if (send(peer, encode(AskMembers{request}))) continue;
    lock.lock();
    waiters_[request].answered = true;
  }
  std::vector<Bytes> out;
  std::unique_lock lock(mutex_);
  lit_.wait_until(lock, end, [&] {
    return stopped_ ||
           std::all_of(asked.begin(), asked.end(), [&](uint32_t each) { return waiters_[each].answered; });
  });
  for (const uint32_t request : asked) {
    if (auto& bytes = waiters_[request].bytes) out.push_back(std::move(*bytes));
    waiters_.erase(request);
  }
  return out;
}

std::vector<PeerState> PeersImpl::states() const {
  std::lock_guard lock(mutex_);
  std::vector<PeerState> out;
  for (const auto& [key, remote] : remotes_) out.push_back(remote.state);
  return out;
}

bool PeersImpl::catching_up() const {
  std::lock_guard lock(mutex_);
  return catch_up_.active();
}

void PeersImpl::stop() {
  std::map<crypto::Sm2Point, Remote> remotes;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    remotes.swap(remotes_);
  }
  pool_.set_peers(nullptr);
  links_.stop_serving(topic_);
  for (auto* changed : {&received_, &asked_, &due_, &lit_}) changed->notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (auto& [key, remote] : remotes) {
    remote.keeper.reset();
    if (remote.connection) remote.connection->close("this node leaves");
  }
}

}  // namespace chengxin::comet
