#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/peers_impl.h"

// What peers send, on its own thread: transactions are checked there.
namespace chengxin::comet {

void PeersImpl::take_in() {
  std::unique_lock lock(mutex_);
  for (;;) {
    received_.wait(lock, [&] { return stopped_ || !inbox_.empty(); });
    if (stopped_) return;
    auto next = inbox_.pop([](const crypto::Sm2Point&) { return true; });
    lock.unlock();
    handle(next->first, next->second);
    lock.lock();
  }
}

void PeersImpl::handle(const crypto::Sm2Point& peer, ByteView bytes) {
  auto message = decode(bytes);
  if (!message) return malformed(peer, message.error());
  if (auto* broadcast = std::get_if<Broadcast>(&*message)) {
    pool_.receive(peer, std::move(broadcast->envelopes));
  } else if (auto* given = std::get_if<Give>(&*message)) {
    pool_.receive(peer, std::move(given->envelopes));
  } else if (auto* blocks = std::get_if<GiveBlocks>(&*message)) {
    take_blocks(peer, std::move(*blocks));
  } else if (auto* notice = std::get_if<HeadNotice>(&*message)) {
    note(peer, *notice);
  } else if (auto* light = std::get_if<GiveLightBlock>(&*message)) {
    found(peer, light->request, std::move(light->bytes));
  } else if (auto* members = std::get_if<GiveMembers>(&*message)) {
    found(peer, members->request, std::move(members->bytes));
  }
}

// The first answer of who was asked.
void PeersImpl::found(const crypto::Sm2Point& peer, uint32_t request, std::optional<Bytes> bytes) {
  std::lock_guard lock(mutex_);
  auto waiter = waiters_.find(request);
  if (waiter == waiters_.end() || waiter->second.asked != peer || waiter->second.answered) return;
  waiter->second.bytes = std::move(bytes);
  waiter->second.answered = true;
  lit_.notify_all();
}

void PeersImpl::malformed(const crypto::Sm2Point& peer, const Error& why) {
  link::ConnectionPtr connection;
  {
    std::lock_guard lock(mutex_);
    auto found = remotes_.find(peer);
    if (found == remotes_.end()) return;
    PeerCounts& counts = found->second.state.counts;
    if (why.code == Code::unsupported) {
      ++counts.unknown_kind;
      return;
    }
    ++counts.malformed;
    connection = found->second.connection;
  }
  log::warn("peers.malformed", {{"peer", hex(peer)}, {"detail", why.to_string()}});
  if (connection) connection->close(why.reason);
}

void PeersImpl::note(const crypto::Sm2Point& peer, const HeadNotice& notice) {
  const int64_t now_ms = self_.now_ms();
  uint64_t certified = 0;
  bool disagrees = false;
  if (auto header = format::Header::decode(notice.header)) {
    certified = header->height;
    auto ours = ledger_.block_header(certified);
    disagrees = ours && ours->header_bytes != notice.header;
  }
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    auto found = remotes_.find(peer);
    if (found == remotes_.end()) return;
    PeerState& state = found->second.state;
    state.heard_ms = now_ms;
    state.ledger_height = notice.ledger_height;
    state.oldest_height = notice.oldest_height;
    state.engine_height = notice.engine_height;
    state.certified_height = certified;
    state.software = notice.software;
    state.clock_ahead_ms = notice.time_ms - now_ms;
    news = disagrees && !state.disagrees;
    state.disagrees = disagrees;
    look_again_ = true;
  }
  if (news) log::error("peers.disagrees", {{"peer", hex(peer)}, {"height", certified}});
  due_.notify_one();
}

// The next question goes out before the answer is worked on.
void PeersImpl::take_blocks(const crypto::Sm2Point& peer, GiveBlocks blocks) {
  {
    std::lock_guard lock(mutex_);
    if (!catch_up_.take(peer, blocks)) {
      if (auto found = remotes_.find(peer); found != remotes_.end())
        ++found->second.state.counts.inbox_dropped;
      return;
    }
    look_again_ = true;
  }
  due_.notify_one();
  for (BlockPart& part : blocks.parts) pool_.receive_block(peer, part.height, std::move(part.envelopes));
}

}  // namespace chengxin::comet
