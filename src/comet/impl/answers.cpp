#include "base/clock.h"
#include "comet/impl/peers_impl.h"
#include "comet/impl/proven_members.h"

// What peers ask, on a thread of its own: it reads the ledger. A peer that has used its budget up waits.
namespace chengxin::comet {
namespace {

constexpr size_t kGiveBytes = size_t(256) << 10;  // in one message, about
constexpr uint64_t kLookUpCost = 512;             // of a question for one content, in bytes read
constexpr int kBudgetPauseMs = 20;

Bytes envelope_of(const format::Transaction& transaction) {
  return format::encode_transaction(transaction.body_bytes, transaction.signature, transaction.attachments);
}

}  // namespace

void PeersImpl::answer() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (questions_.empty()) reading_.reset();
    asked_.wait(lock, [&] { return stopped_ || !questions_.empty(); });
    if (stopped_) return;
    const int64_t now_ns = steady_ns();
    auto next = questions_.pop([&](const crypto::Sm2Point& peer) {
      auto found = remotes_.find(peer);
      return found == remotes_.end() || found->second.budget.allows(now_ns, options_.answer_bytes_per_second,
                                                                    options_.answer_burst_bytes);
    });
    if (!next) {
      asked_.wait_for(lock, std::chrono::milliseconds(kBudgetPauseMs));
      continue;
    }
    lock.unlock();
    const uint64_t cost = answer_one(next->first, next->second);
    lock.lock();
    questions_.charge(next->first, cost);
    if (auto found = remotes_.find(next->first); found != remotes_.end()) found->second.budget.spend(cost);
  }
}

// What it cost.
uint64_t PeersImpl::answer_one(const crypto::Sm2Point& peer, ByteView bytes) {
  auto question = decode(bytes);
  if (!question) {
    malformed(peer, question.error());
    return 0;
  }
  Bytes reply;
  if (auto* ask = std::get_if<Ask>(&*question)) return give(peer, *ask);
  if (auto* ask = std::get_if<AskBlocks>(&*question)) reply = encode(blocks(*ask));
  if (auto* ask = std::get_if<AskLightBlock>(&*question))
    reply = encode(
        GiveLightBlock{ask->request, self_.light_block ? self_.light_block(ask->height) : std::nullopt});
  if (auto* ask = std::get_if<AskMembers>(&*question)) {
    auto proof = prove_members(ledger_);
    reply = encode(GiveMembers{ask->request, proof ? std::optional(std::move(*proof)) : std::nullopt});
  }
  const uint64_t cost = reply.size() + kLookUpCost;
  static_cast<void>(send(peer, std::move(reply)));  // who reads too slowly asks again
  return cost;
}

uint64_t PeersImpl::give(const crypto::Sm2Point& peer, const Ask& question) {
  uint64_t cost = 0, count = 0, given_bytes = 0;
  Give message;
  size_t bytes = 0;
  bool open = true;
  auto hand_over = [&] {
    open = bool(send(peer, encode(message)));
    if (open) {
      count += message.envelopes.size();
      given_bytes += bytes;
    }
    message.envelopes.clear();
    bytes = 0;
  };
  for (const Digest& id : question.ids) {
    if (!open || cost > options_.answer_burst_bytes) break;
    cost += kLookUpCost;
    for (Bytes& each : pool_.give(std::span(&id, 1), SIZE_MAX)) {
      bytes += each.size();
      cost += each.size();
      message.envelopes.push_back(std::move(each));
    }
    if (bytes >= kGiveBytes) hand_over();
  }
  if (open && !message.envelopes.empty()) hand_over();
  std::lock_guard lock(mutex_);
  if (auto found = remotes_.find(peer); found != remotes_.end()) {
    found->second.state.counts.given += count;
    found->second.state.counts.given_bytes += given_bytes;
  }
  return cost;
}

// From there on what fits; at least one transaction if it is here.
GiveBlocks PeersImpl::blocks(const AskBlocks& question) {
  GiveBlocks out{question.request, {}};
  const size_t most = std::min(question.max_bytes, CatchUp::kPartBytes);
  size_t bytes = 0;
  uint32_t first = question.first;
  for (uint64_t height = std::max<uint64_t>(question.height, 1);; ++height, first = 0) {
    if (!reading_ || reading_->block.header.height != height) {
      auto content = ledger_.content(height, true);
      if (!content || content->block.pruned) break;
      reading_ = std::move(*content);
    }
    const auto& transactions = reading_->transactions;
    BlockPart part{height, first, uint32_t(transactions.size()), {}};
    for (size_t i = first; i < transactions.size(); ++i) {
      Bytes envelope = envelope_of(transactions[i].transaction);
      if (bytes > 0 && bytes + envelope.size() > most) break;
      bytes += envelope.size();
      part.envelopes.push_back(std::move(envelope));
    }
    const bool whole = first + part.envelopes.size() >= transactions.size();
    if (first <= part.total) out.parts.push_back(std::move(part));
    if (!whole || bytes >= most) break;
  }
  return out;
}

}  // namespace chengxin::comet
