#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "order/sequencer.h"

// One signer. A single thread takes what has gathered, executes, signs and commits it; what arrives meanwhile
// gathers for the next block, so that the number of transactions behind one fsync follows the load.
namespace chengxin::order {
namespace {

struct Waiting {
  ledger::AdmittedTransaction transaction;
  OnOutcome on_outcome;
  uint64_t bytes = 0;
};

uint64_t bytes_of(const format::Transaction& transaction) {
  uint64_t total = transaction.body_bytes.size() + transaction.signature.size();
  for (const Bytes& attachment : transaction.attachments) total += attachment.size();
  return total;
}

class Solo final : public Sequencer {
 public:
  Solo(ledger::Ledger& ledger, crypto::Sm2PrivateKey key, std::function<int64_t()> now_ms,
       SoloOptions options)
      : ledger_(ledger), key_(std::move(key)), now_ms_(std::move(now_ms)), options_(options), thread_([this] {
          run();
        }) {}

  ~Solo() override { stop(); }

  Status submit(ledger::AdmittedTransaction transaction, OnOutcome on_outcome) override {
    const uint64_t bytes = bytes_of(*transaction);
    std::lock_guard lock(mutex_);
    TRY(takes(bytes));
    enqueue({std::move(transaction), std::move(on_outcome), bytes});
    return {};
  }

  void submit_many(std::vector<Submission> submissions) override {
    std::vector<std::pair<OnOutcome, Error>> refused;
    {
      std::lock_guard lock(mutex_);
      for (Submission& each : submissions) {
        const uint64_t bytes = bytes_of(*each.transaction);
        if (Status room = takes(bytes); room)
          enqueue({std::move(each.transaction), std::move(each.on_outcome), bytes});
        else
          refused.emplace_back(std::move(each.on_outcome), std::move(room).error());
      }
    }
    for (auto& [on_outcome, error] : refused) on_outcome(tl::unexpected(std::move(error)));
  }

  Status state() const override {
    std::lock_guard lock(mutex_);
    return halted_ ? Status(tl::unexpected(*halted_)) : Status();
  }

  void subscribe(OnBlock on_block) override {
    std::lock_guard lock(mutex_);
    observers_.push_back(std::move(on_block));
  }

  void stop() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_all();
    std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  // Whether a transaction of so many bytes may join the queue.
  Status takes(uint64_t bytes) const {
    if (halted_) return tl::unexpected(*halted_);
    if (stopping_) return fail(Code::unavailable, "order.stopping");
    if (queue_.size() < options_.max_queue_transactions && queued_bytes_ + bytes <= options_.max_queue_bytes)
      return {};
    Error full{Code::busy, "order.queue_full", fmt::format("{} transactions wait", queue_.size())};
    full.retry_after_ms = drain_ms();
    return tl::unexpected(std::move(full));
  }

  void enqueue(Waiting waiting) {
    queued_bytes_ += waiting.bytes;
    queue_.push_back(std::move(waiting));
    if (queue_.size() == 1) arrived_.notify_one();
  }

  // Time to work off half of what waits, at the pace of the last blocks.
  int drain_ms() const {
    const double each_us = std::max(us_per_transaction_, 1.0);
    return int(std::clamp(double(queue_.size()) * each_us / 2000, 10.0, 10'000.0));
  }

  void run() {
    for (;;) {
      std::vector<Waiting> batch = gather();
      if (batch.empty()) return;
      const int64_t started_ns = steady_ns();
      const size_t count = batch.size();
      Status made = make_block(batch);
      const double us = double(steady_ns() - started_ns) / 1000 / double(count);
      {
        std::lock_guard lock(mutex_);
        us_per_transaction_ = us_per_transaction_ == 0 ? us : 0.8 * us_per_transaction_ + 0.2 * us;
      }
      if (!made) return halt(std::move(batch), made.error());
    }
  }

  // Waits for transactions and takes as many as a block holds. Empty: stopped and nothing left.
  std::vector<Waiting> gather() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (options_.block_interval_ms > 0 && !queue_.empty()) {
      arrived_.wait_for(lock, std::chrono::milliseconds(options_.block_interval_ms),
                        [&] { return stopping_; });
    }
    std::vector<Waiting> batch;
    uint64_t bytes = 0;
    const uint64_t most = ledger_.head().limits.max_block_bytes;
    while (!queue_.empty() && batch.size() < options_.max_block_transactions &&
           (batch.empty() || bytes + queue_.front().bytes <= most)) {
      bytes += queue_.front().bytes;
      queued_bytes_ -= queue_.front().bytes;
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return batch;
  }

  // Calls the outcomes of what it settled and removes them from `batch`; after an error the rest is
  // unsettled.
  Status make_block(std::vector<Waiting>& batch) {
    std::vector<ledger::AdmittedTransaction> candidates;
    for (const Waiting& each : batch) candidates.push_back(each.transaction);
    const int64_t time_ms = std::max(now_ms_(), ledger_.head().header.time_ms);
    ASSIGN(auto executed, ledger_.execute(candidates, time_ms));
    if (!executed.included.empty()) {
      ASSIGN(auto signature, key_.sign(format::certificate_message(executed.header_hash)));
      ASSIGN(uint16_t index, own_index());
      TRY(ledger_.commit(executed, format::Certificate{{{index, signature}}}));
    }
    settle(batch, executed);
    if (!executed.included.empty()) announce(executed.header.height);
    return {};
  }

  Result<uint16_t> own_index() const {
    const auto& members = ledger_.head().next_validators.members;
    for (size_t i = 0; i < members.size(); ++i)
      if (members[i].public_key == key_.public_key().point()) return uint16_t(i);
    return fail(Code::unavailable, "order.not_a_validator",
                "this node's key is not in the chain's validator set");
  }

  // Included and dropped both keep the order of the candidates. What only found no room goes before all that
  // waits: the first candidate of a block always finds some. Whose organisation used up its quota goes behind
  // it, so that nobody else waits for that.
  void settle(std::vector<Waiting>& batch, const ledger::Ledger::Executed& executed) {
    size_t included = 0, dropped = 0;
    std::vector<Waiting> first, last;
    for (Waiting& each : batch) {
      if (included < executed.included.size() && executed.included[included] == each.transaction) {
        each.on_outcome(
            Committed{executed.header.height, each.transaction->hash, executed.receipts[included]});
        ++included;
        continue;
      }
      const Error& why = executed.dropped[dropped++].second;
      if (why.code == Code::busy)
        (why.reason == "transaction.quota" ? last : first).push_back(std::move(each));
      else
        each.on_outcome(tl::unexpected(why));
    }
    batch.clear();
    std::lock_guard lock(mutex_);
    for (auto* again : {&first, &last}) {
      for (const Waiting& each : *again) queued_bytes_ += each.bytes;
      queue_.insert(again == &first ? queue_.begin() : queue_.end(), std::make_move_iterator(again->begin()),
                    std::make_move_iterator(again->end()));
    }
  }

  void announce(uint64_t height) {
    std::vector<OnBlock> observers;
    {
      std::lock_guard lock(mutex_);
      observers = observers_;
    }
    for (const OnBlock& observer : observers) observer(height);
  }

  // Whether the block of the failed commit is durable is not known before the chain is opened again: those in
  // it are told so, and those behind them that they were not in it.
  void halt(std::vector<Waiting> batch, const Error& cause) {
    log::error("order.halted",
               {{"chain", hex(ledger_.id())}, {"reason", cause.reason}, {"detail", cause.detail}});
    const Error unknown{Code::unavailable, "order.outcome_unknown",
                        "a block could not be finished (" + cause.to_string() +
                            "); look the transaction up by its hash when the chain is back"};
    std::deque<Waiting> behind;
    {
      std::lock_guard lock(mutex_);
      halted_ = Error{Code::unavailable, "order.halted", cause.to_string()};
      behind.swap(queue_);
      queued_bytes_ = 0;
    }
    for (Waiting& each : batch) each.on_outcome(tl::unexpected(unknown));
    for (Waiting& each : behind) each.on_outcome(tl::unexpected(unknown));
  }

  ledger::Ledger& ledger_;
  const crypto::Sm2PrivateKey key_;
  const std::function<int64_t()> now_ms_;
  const SoloOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Waiting> queue_;
  uint64_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::optional<Error> halted_;
  double us_per_transaction_ = 0;
  std::vector<OnBlock> observers_;

  std::mutex join_mutex_;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace

std::unique_ptr<Sequencer> make_solo(ledger::Ledger& ledger, crypto::Sm2PrivateKey key,
                                     std::function<int64_t()> now_ms, SoloOptions options) {
  return std::make_unique<Solo>(ledger, std::move(key), std::move(now_ms), options);
}

}  // namespace chengxin::order
