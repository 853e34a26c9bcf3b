#include "ledger/impl/speculation.h"

#include <algorithm>
#include <atomic>

namespace chengxin::ledger {
namespace {

// Figures of docs/adr/0032. In transactions for each thread:
constexpr size_t kFirst = 8, kMost = 64;
constexpr size_t kStraight = 128, kMostStraight = 1024;
// A native call costs microseconds, unless it has something to hash.
constexpr size_t kWorthBytes = 32 << 10;
// What may be in vain: the gas of a window, begun transactions aside, and what one may read.
constexpr uint64_t kWindowGas = kTransactionGas;
constexpr size_t kMostReads = 4096;

}  // namespace

bool Speculation::worth(const Admitted& transaction) const {
  size_t bytes = 0;
  for (const Bytes& attachment : transaction.attachments) bytes += attachment.size();
  if (bytes >= kWorthBytes) return true;
  if (!methods_.deployed(frame_.version)) return false;
  return std::any_of(
      transaction.body.calls.begin(), transaction.body.calls.end(),
      [&](const format::Call& call) { return !methods_.has_contract(call.contract, frame_.version); });
}

void Speculation::look_ahead(uint64_t gas_left) {
  judge_window();
  if (straight_ > 0) {
    end_ += std::exchange(straight_, 0);
    return;
  }
  for (; end_ < candidates_.size() && window_.size() < size_; ++end_)
    if (worth(*candidates_[end_]))
      if (AccountPtr signer = fits_(end_)) {
        window_.emplace_back();
        window_.back().candidate = end_;
        window_.back().signer = std::move(signer);
      }
  if (window_.size() < 2) return window_.clear();
  std::atomic<uint64_t> gas = 0;
  const uint64_t most = std::min(kWindowGas, gas_left);
  crew_->each(window_.size(), [&](size_t i) {
    if (gas >= most) return;
    attempt(window_[i]);
    if (window_[i].outcome) gas += window_[i].outcome->gas;
  });
  const auto first =
      std::find_if(window_.begin(), window_.end(), [](const Attempt& each) { return !each.tried; });
  if (first == window_.end()) return;
  end_ = first->candidate;
  window_.erase(first, window_.end());
}

// How the last window went decides about the next.
void Speculation::judge_window() {
  const size_t threads = crew_->size();
  if (held_ + failed_ == 0) {
    size_ = std::max(size_, kFirst * threads);
  } else if (failed_ * threads > held_ + failed_) {
    // It cost more than it saved.
    size_ = kFirst * threads;
    lost_ = std::min(std::max(2 * lost_, kStraight), kMostStraight);
    straight_ = lost_;
  } else {
    lost_ = 0;
    if (failed_ * 8 <= held_) size_ = std::min(2 * size_, kMost * threads);
  }
  held_ = failed_ = next_ = 0;
  window_.clear();
  written_.clear();
}

StateReader Speculation::recorded(Attempt& attempt) const {
  const auto count = [&attempt]() -> Status {
    if (attempt.read.size() + attempt.ranges.size() < kMostReads) return {};
    return fail(Code::too_large, "ledger.speculation", "more reads than are kept");
  };
  return {[this, &attempt, count](const Bytes& key) -> Result<std::optional<Bytes>> {
            TRY(count());
            attempt.read.push_back(key);
            return state_.get(key);
          },
          [this, &attempt, count](const Bytes& from, const Bytes& to, size_t limit) -> Result<StateRows> {
            TRY(count());
            attempt.ranges.emplace_back(from, to);
            return state_.range(from, to, limit);
          }};
}

void Speculation::attempt(Attempt& attempt) const {
  attempt.tried = true;
  StateLayer layer(recorded(attempt));
  auto outcome =
      run_transaction(methods_, *candidates_[attempt.candidate], attempt.signer->account, frame_, layer);
  if (!outcome) return;
  attempt.outcome = std::move(*outcome);
  attempt.changes = layer.take();
}

bool Speculation::holds(const Attempt& attempt, const AccountPtr& signer) const {
  if (!attempt.outcome || attempt.signer != signer) return false;
  if (written_.empty()) return true;
  for (const Bytes& key : attempt.read)
    if (written_.contains(key)) return false;
  return std::all_of(attempt.ranges.begin(), attempt.ranges.end(), [&](const auto& range) {
    const auto at = written_.lower_bound(range.first);
    return at == written_.end() || *at >= range.second;
  });
}

Result<Outcome> Speculation::run(size_t candidate, const AccountPtr& signer) {
  const Admitted& transaction = *candidates_[candidate];
  if (window_.empty()) return run_transaction(methods_, transaction, signer->account, frame_, state_);
  while (next_ < window_.size() && window_[next_].candidate < candidate) ++next_;
  StateLayer layer(state_.reader());
  Result<Outcome> outcome = Outcome();
  const bool ahead = next_ < window_.size() && window_[next_].candidate == candidate;
  if (ahead && holds(window_[next_], signer)) {
    ++held_;
    outcome = std::move(*window_[next_].outcome);
    layer.put(std::move(window_[next_].changes));
  } else {
    failed_ += ahead;
    outcome = run_transaction(methods_, transaction, signer->account, frame_, layer);
  }
  for (const auto& change : layer.changes()) written_.insert(change.first);
  state_.merge(std::move(layer));
  return outcome;
}

}  // namespace chengxin::ledger
