#include "comet/pool.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/pool_impl.h"
#include "crypto/sm3.h"

namespace chengxin::comet {
namespace {

constexpr size_t kMaxWaiters = 64;        // outcomes told for one transaction
constexpr int64_t kExpireEveryMs = 1000;  // of the blocks' time
// By the own clock, where there are no blocks: as far as it may be before those of who proposes.
constexpr int64_t kExpiredForMs = 60'000;

Bytes envelope_of(const format::Transaction& transaction) {
  return format::encode_transaction(transaction.body_bytes, transaction.signature, transaction.attachments);
}

Error outcome_unknown() {
  return {Code::unavailable, "order.outcome_unknown",
          "the node stopped before the transaction was in a block; look it up by its hash"};
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::open(const ledger::Ledger& ledger, const fs::path& folder,
                                         std::function<int64_t()> now_ms, std::function<void()> wake,
                                         PoolOptions options) {
  auto out = std::make_unique<PoolImpl>(ledger, std::move(now_ms), std::move(wake), options);
  TRY(out->open(folder));
  return out;
}

Status PoolImpl::open(const fs::path& folder) {
  TRY(make_folder(folder));
  std::vector<KeptContent> kept;
  ASSIGN(kept_file_, KeptFile::open(folder / "kept", kept));
  restore(std::move(kept));
  return {};
}

// What is in no block waits again. All of it stays at hand unchecked: the block that it was kept for may have
// been decided, and is then executed at its own time.
void PoolImpl::restore(std::vector<KeptContent> kept) {
  std::vector<ByteView> envelopes;
  for (const KeptContent& each : kept) envelopes.push_back(each.envelope);
  auto admitted = ledger_.admit(envelopes, now_ms_());
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < kept.size(); ++i) {
    const Digest id = kept[i].id;
    if (!admitted[i] && admitted[i].error().reason == "transaction.duplicate") continue;
    if (admitted[i] && waiting_.find(id) == nullptr) waiting_.add(std::move(*admitted[i]), kOwn);
    restored_.add(kept[i].engine_height, id,
                  {std::make_shared<const Bytes>(std::move(kept[i].envelope)), kOwn});
  }
}

void PoolImpl::set_peers(Peers* peers) {
  std::unique_lock lock(peers_mutex_);
  peers_ = peers;
}

// Whether one of the node's own may wait, or wait along with the same that is here already.
Status PoolImpl::takes(const Waiting::Entry* known, size_t bytes) const {
  if (stopped_) return fail(Code::unavailable, "order.stopping");
  if (known != nullptr ? known->outcomes.size() < kMaxWaiters : waiting_.has_room(kOwn, bytes)) return {};
  Error full{Code::busy, "order.queue_full", fmt::format("{} transactions wait", waiting_.items())};
  full.retry_after_ms =
      int(std::clamp(double(waiting_.items()) * std::max(us_per_transaction_, 1.0) / 2000, 10.0, 10'000.0));
  return tl::unexpected(std::move(full));
}

void PoolImpl::submit(std::vector<order::Submission> submissions) {
  const int64_t time_ms = now_ms_();
  AdmittedTransactions fresh;
  Told told;
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    const bool was_empty = waiting_.items() == 0;
    for (size_t i = 0; i < submissions.size(); ++i) {
      const auto& transaction = submissions[i].transaction;
      Waiting::Entry* entry = waiting_.find(transaction->hash);
      if (Status room = takes(entry, counted_bytes(*transaction)); !room) {
        told.emplace_back(std::move(submissions[i].on_outcome), tl::unexpected(room.error()));
        continue;
      }
      if (entry == nullptr) entry = &waiting_.add(transaction, kOwn);
      if (entry->outcomes.empty()) {
        entry->handed_ms = time_ms;
        fresh.push_back(transaction);
      }
      entry->outcomes.push_back(std::move(submissions[i].on_outcome));
      ++own_;
    }
    arrival();
    wake = was_empty && waiting_.items() > 0;
  }
  for (auto& [on_outcome, outcome] : told) on_outcome(std::move(outcome));
  if (!fresh.empty()) {
    std::vector<Bytes> envelopes;
    for (const auto& each : fresh) envelopes.push_back(envelope_of(*each));
    with_peers([&](Peers& peers) { peers.broadcast(std::move(envelopes)); });
  }
  if (wake) wake_();
}

void PoolImpl::receive(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    counts_.received += envelopes.size();
  }
  envelopes = take_wanted(peer, std::move(envelopes));
  if (!envelopes.empty()) admit_of_peer(peer, envelopes);
}

void PoolImpl::admit_of_peer(const crypto::Sm2Point& peer, const std::vector<Bytes>& envelopes) {
  const std::vector<ByteView> views(envelopes.begin(), envelopes.end());
  auto admitted = ledger_.admit(views, now_ms_());
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    const bool was_empty = waiting_.items() == 0;
    for (size_t i = 0; i < admitted.size(); ++i) {
      if (!admitted[i])
        ++counts_.refused;
      else if (waiting_.find((*admitted[i])->hash) != nullptr)
        continue;
      else if (waiting_.has_room(peer, counted_bytes(**admitted[i])))
        waiting_.add(std::move(*admitted[i]), peer);
      else
        ++counts_.dropped;
    }
    wake = was_empty && waiting_.items() > 0;
    arrival();
  }
  if (wake) wake_();
}

std::vector<Bytes> PoolImpl::unsettled(int64_t handed_before_ms, size_t max_bytes) {
  AdmittedTransactions again;
  const int64_t time_ms = now_ms_();
  {
    std::lock_guard lock(mutex_);
    size_t bytes = 0;
    waiting_.each(kOwn, [&](Waiting::Entry& entry) {
      if (entry.handed_ms >= handed_before_ms) return true;
      if ((bytes += entry.bytes) > max_bytes) return false;
      entry.handed_ms = time_ms;
      again.push_back(entry.transaction);
      return true;
    });
  }
  std::vector<Bytes> out;
  for (const auto& each : again) out.push_back(envelope_of(*each));
  return out;
}

std::vector<Bytes> PoolImpl::give(std::span<const Digest> ids, size_t max_bytes) const {
  std::vector<Bytes> out;
  size_t bytes = 0;
  for (const Digest& id : ids) {
    ledger::AdmittedTransaction here;
    {
      std::lock_guard lock(mutex_);
      here = held(id);
    }
    if (here) {
      out.push_back(envelope_of(*here));
    } else if (auto record = ledger_.transaction(id, true); record) {
      out.push_back(envelope_of(record->transaction));
    } else {
      continue;
    }
    if ((bytes += out.back().size()) <= max_bytes) continue;
    out.pop_back();
    break;
  }
  return out;
}

AdmittedTransactions PoolImpl::candidates(size_t max_bytes, size_t max_count) const {
  std::lock_guard lock(mutex_);
  return waiting_.candidates(max_bytes, max_count);
}

Status PoolImpl::keep(uint64_t engine_height, std::span<const ledger::AdmittedTransaction> transactions) {
  std::lock_guard kept_lock(kept_mutex_);
  std::vector<KeptContent> fresh;
  AdmittedTransactions added;
  {
    std::lock_guard lock(mutex_);
    auto at = kept_.find(engine_height);
    for (const auto& each : transactions)
      if (at == kept_.end() || !at->second.contains(each->hash)) added.push_back(each);
  }
  for (const auto& each : added) fresh.push_back({engine_height, each->hash, envelope_of(*each)});
  if (fresh.empty()) return {};
  TRY(kept_file_->append(engine_height, fresh));
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < fresh.size(); ++i) kept_[engine_height].emplace(fresh[i].id, added[i]);
  return {};
}

void PoolImpl::committed(uint64_t engine_height, const ledger::Ledger::Executed* executed) {
  Told told;
  bool wake = false;
  {
    std::lock_guard kept_lock(kept_mutex_);
    std::lock_guard lock(mutex_);
    if (executed != nullptr) {
      settle(*executed, told);
      const int64_t time_ms = executed->header.time_ms;
      expire(time_ms, expired_at_ms_, {Code::invalid_argument, "transaction.expired", {}}, told);
      ahead_.drop_up_to(executed->header.height);
    } else {
      // Else what no other node holds wakes the engine for nothing, height after height. This node's clock
      // may be ahead of the others': they may still order it.
      expire(now_ms_() - kExpiredForMs, forgot_at_ms_, {Code::unavailable, "order.outcome_unknown", {}},
             told);
    }
    kept_.erase(kept_.begin(), kept_.upper_bound(engine_height));
    restored_.drop_up_to(engine_height);
    if (kept_.empty() && restored_.empty()) kept_file_->reset();
    wake = waiting_.items() > 0;
  }
  for (auto& [on_outcome, outcome] : told) on_outcome(std::move(outcome));
  if (wake) wake_();
}

void PoolImpl::tell(Waiting::Entry& entry, const Result<order::Committed>& outcome, Told& told) {
  own_ -= entry.outcomes.size();
  for (order::OnOutcome& each : entry.outcomes) told.emplace_back(std::move(each), outcome);
}

void PoolImpl::settle(const ledger::Ledger::Executed& executed, Told& told) {
  for (size_t i = 0; i < executed.included.size(); ++i) {
    const Digest& hash = executed.included[i]->hash;
    if (auto entry = waiting_.remove(hash))
      tell(*entry, order::Committed{executed.header.height, hash, executed.receipts[i]}, told);
  }
  pace(executed.included.size());
}

void PoolImpl::expire(int64_t time_ms, int64_t& looked_at_ms, Error outcome, Told& told) {
  if (time_ms < looked_at_ms + kExpireEveryMs) return;
  looked_at_ms = time_ms;
  for (Waiting::Entry& entry : waiting_.take_expired(time_ms)) {
    outcome.detail = fmt::format("it was valid until {}", entry.transaction->body.valid_until_ms);
    tell(entry, tl::unexpected(outcome), told);
  }
}

// What a transaction takes at the pace of the last blocks.
void PoolImpl::pace(size_t transactions) {
  const int64_t now_ns = steady_ns();
  if (transactions == 0) return;
  const double us = double(now_ns - paced_ns_) / 1000 / double(transactions);
  if (paced_ns_ != 0)
    us_per_transaction_ = us_per_transaction_ == 0 ? us : 0.8 * us_per_transaction_ + 0.2 * us;
  paced_ns_ = now_ns;
}

void PoolImpl::refused(const ledger::AdmittedTransaction& transaction, const Error& why) {
  if (why.code == Code::busy) return;
  Told told;
  {
    std::lock_guard lock(mutex_);
    if (auto entry = waiting_.remove(transaction->hash)) tell(*entry, tl::unexpected(why), told);
  }
  for (auto& [on_outcome, outcome] : told) on_outcome(std::move(outcome));
}

bool PoolImpl::empty() const {
  std::lock_guard lock(mutex_);
  return waiting_.items() == 0;
}

void PoolImpl::stop() {
  Told told;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    for (Waiting::Entry& entry : waiting_.take_all()) tell(entry, tl::unexpected(outcome_unknown()), told);
  }
  arrived_.notify_all();
  for (auto& [on_outcome, outcome] : told) on_outcome(std::move(outcome));
}

Pool::Counts PoolImpl::counts() const {
  std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.transactions = waiting_.items();
  out.bytes = waiting_.bytes();
  out.own = own_;
  out.ahead_bytes = ahead_.bytes();
  return out;
}

}  // namespace chengxin::comet
