#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "base/log.h"
#include "comet/impl/kept_file.h"
#include "comet/impl/unchecked.h"
#include "comet/impl/waiting.h"

namespace chengxin::comet {

using AdmittedTransactions = std::vector<ledger::AdmittedTransaction>;

// Outcomes that are told when the lock has been given up.
using Told = std::vector<std::pair<order::OnOutcome, Result<order::Committed>>>;

class PoolImpl final : public Pool {
 public:
  PoolImpl(const ledger::Ledger& ledger, std::function<int64_t()> now_ms, std::function<void()> wake,
           PoolOptions options)
      : ledger_(ledger),
        now_ms_(std::move(now_ms)),
        wake_(std::move(wake)),
        options_(options),
        waiting_(options) {}
  ~PoolImpl() override { stop(); }
  Status open(const fs::path& folder);

  void set_peers(Peers* peers) override;
  void submit(std::vector<order::Submission> submissions) override;
  void receive(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes) override;
  void receive_block(const crypto::Sm2Point& peer, uint64_t height, std::vector<Bytes> envelopes) override;
  size_t room_ahead() const override;
  std::vector<Bytes> unsettled(int64_t handed_before_ms, size_t max_bytes) override;
  std::vector<Bytes> give(std::span<const Digest> ids, size_t max_bytes) const override;
  AdmittedTransactions candidates(size_t max_bytes, size_t max_count) const override;
  Result<AdmittedTransactions> find(std::span<const Digest> ids, int64_t time_ms,
                                    const crypto::Sm2Point* proposer, bool without_end) override;
  Status keep(uint64_t engine_height, std::span<const ledger::AdmittedTransaction> transactions) override;
  void committed(uint64_t engine_height, const ledger::Ledger::Executed* executed) override;
  void refused(const ledger::AdmittedTransaction& transaction, const Error& why) override;
  bool empty() const override;
  void stop() override;
  Counts counts() const override;

 private:
  struct Search;

  // Under the lock.
  ledger::AdmittedTransaction held(const Digest& id) const;
  const Unchecked* unchecked(const Digest& id) const;
  Status takes(const Waiting::Entry* known, size_t bytes) const;
  void lied(const Digest& id, const Unchecked& content);
  void arrival();
  void tell(Waiting::Entry& entry, const Result<order::Committed>& outcome, Told& told);
  void settle(const ledger::Ledger::Executed& executed, Told& told);
  void expire(int64_t time_ms, int64_t& looked_at_ms, Error outcome, Told& told);
  void pace(size_t transactions);

  std::vector<Bytes> take_wanted(const crypto::Sm2Point& peer, std::vector<Bytes> envelopes);
  void admit_of_peer(const crypto::Sm2Point& peer, const std::vector<Bytes>& envelopes);
  Result<bool> look(Search& search);
  void wait_too(const ledger::AdmittedTransaction& transaction, const crypto::Sm2Point& peer);
  void ask(Search& search, const crypto::Sm2Point* first);
  uint64_t arrivals() const;
  void restore(std::vector<KeptContent> kept);
  template <typename Call>
  void with_peers(Call&& call) {
    std::shared_lock lock(peers_mutex_);
    if (peers_ != nullptr) call(*peers_);
  }

  const ledger::Ledger& ledger_;
  const std::function<int64_t()> now_ms_;
  const std::function<void()> wake_;
  const PoolOptions options_;

  std::shared_mutex peers_mutex_;
  Peers* peers_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Waiting waiting_;
  Wanted wanted_;
  ByHeight ahead_;     // under the ledger's heights
  ByHeight restored_;  // under the engine's heights
  std::map<uint64_t, boost::unordered_flat_map<Digest, ledger::AdmittedTransaction, DigestHash>> kept_;
  Counts counts_;
  log::Sparing lies_;
  uint64_t arrivals_ = 0;  // while something was wanted
  size_t own_ = 0;         // outcomes that are not told yet
  bool stopped_ = false;
  int64_t expired_at_ms_ = 0;  // time of the block at which was looked for what has expired
  int64_t forgot_at_ms_ = 0;   // and of the clock, without a block
  int64_t paced_ns_ = 0;
  double us_per_transaction_ = 0;

  std::mutex kept_mutex_;  // before mutex_
  std::unique_ptr<KeptFile> kept_file_;
};

}  // namespace chengxin::comet
