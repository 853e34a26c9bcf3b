#include "comet/sequencer.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"

namespace chengxin::comet {
namespace {

// An outcome that may come before submit() has returned: it is what submit() then returns.
struct Early {
  std::mutex mutex;
  bool returned = false;
  std::optional<Error> refused;
};

class PoolSequencer final : public Sequencer {
 public:
  PoolSequencer(Pool& pool, SequencerOptions options) : pool_(pool), options_(options) {}
  ~PoolSequencer() override { stop(); }

  Status submit(ledger::AdmittedTransaction transaction, order::OnOutcome on_outcome) override {
    auto early = std::make_shared<Early>();
    std::vector<order::Submission> one;
    one.push_back({std::move(transaction),
                   [early, on_outcome = std::move(on_outcome)](Result<order::Committed> outcome) {
                     std::unique_lock lock(early->mutex);
                     if (!early->returned && !outcome) {
                       early->refused = std::move(outcome).error();
                       return;
                     }
                     lock.unlock();
                     on_outcome(std::move(outcome));
                   }});
    submit_many(std::move(one));
    std::lock_guard lock(early->mutex);
    early->returned = true;
    return early->refused ? Status(tl::unexpected(std::move(*early->refused))) : Status();
  }

  void submit_many(std::vector<order::Submission> submissions) override {
    std::optional<Error> closed;
    {
      std::lock_guard lock(mutex_);
      if (halted_)
        closed = halted_;
      else if (stopping_)
        closed = Error{Code::unavailable, "order.stopping", {}};
      if (waiting_since_ns_ == 0) waiting_since_ns_ = steady_ns();
    }
    if (!closed) return pool_.submit(std::move(submissions));
    for (order::Submission& each : submissions) each.on_outcome(tl::unexpected(*closed));
  }

  Status state() const override {
    const bool empty = pool_.empty();
    const int64_t now_ns = steady_ns();
    std::lock_guard lock(mutex_);
    if (halted_) return tl::unexpected(*halted_);
    if (empty) waiting_since_ns_ = 0;
    if (empty || stopping_) return {};
    if (waiting_since_ns_ == 0) waiting_since_ns_ = now_ns;
    const int64_t quiet_ms = (now_ns - std::max(waiting_since_ns_, block_ns_)) / 1'000'000;
    if (quiet_ms < options_.quiet_ms) return {};
    return fail(Code::unavailable, "order.no_quorum", "no block for {} s while transactions wait",
                quiet_ms / 1000);
  }

  void subscribe(order::OnBlock on_block) override {
    std::lock_guard lock(mutex_);
    observers_.push_back(std::move(on_block));
  }

  void announce(uint64_t ledger_height) override {
    std::vector<order::OnBlock> observers;
    {
      std::lock_guard lock(mutex_);
      block_ns_ = steady_ns();
      observers = observers_;
    }
    for (const order::OnBlock& observer : observers) observer(ledger_height);
  }

  void halt(const Error& cause) override {
    log::error("order.halted", {{"reason", cause.reason}, {"detail", cause.detail}});
    {
      std::lock_guard lock(mutex_);
      halted_ = Error{Code::unavailable, "order.halted", cause.to_string()};
    }
    pool_.stop();
  }

  void stop() override {
    const bool hopeless = !state();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    const int64_t end_ns = steady_ns() + options_.drain_ms * int64_t(1'000'000);
    while (!hopeless && pool_.counts().own > 0 && steady_ns() < end_ns)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pool_.stop();
  }

 private:
  Pool& pool_;
  const SequencerOptions options_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::optional<Error> halted_;
  std::vector<order::OnBlock> observers_;
  mutable int64_t waiting_since_ns_ = 0;  // transactions, as far as was looked; 0: none
  int64_t block_ns_ = 0;                  // when the last block was announced
};

}  // namespace

std::unique_ptr<Sequencer> make_sequencer(Pool& pool, SequencerOptions options) {
  return std::make_unique<PoolSequencer>(pool, options);
}

}  // namespace chengxin::comet
