#pragma once
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "comet/pool.h"
#include "ledger/testing.h"

// What tests of this module share: a chain with a pool on it, and outcomes to wait for.
namespace chengxin::comet::testing {

using namespace ledger::testing;

inline constexpr int64_t kNow = 1'700'000'100'000;

class Outcomes {
 public:
  order::OnOutcome add() {
    std::lock_guard lock(mutex_);
    const size_t number = results_.size();
    results_.emplace_back();
    return [this, number](Result<order::Committed> result) {
      std::lock_guard inner(mutex_);
      EXPECT_FALSE(results_[number]) << "told twice";
      results_[number] = std::move(result);
      ++told_;
      changed_.notify_all();
    };
  }
  size_t told() const {
    std::lock_guard lock(mutex_);
    return told_;
  }
  std::vector<Result<order::Committed>> wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return told_ == results_.size(); }));
    std::vector<Result<order::Committed>> out;
    for (auto& each : results_)
      out.push_back(each ? std::move(*each)
                         : Result<order::Committed>(fail(Code::internal, "test.not_told")));
    return out;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Result<order::Committed>>> results_;
  size_t told_ = 0;
};

inline crypto::Sm2Point peer_key(uint8_t number) {
  crypto::Sm2Point out{};
  out[0] = 4;
  out[64] = number;
  return out;
}

// Asks are noted and go nowhere.
class DeafPeers : public Peers {
 public:
  void broadcast(std::vector<Bytes> envelopes) override {
    std::lock_guard lock(mutex_);
    for (Bytes& each : envelopes) handed.push_back(std::move(each));
  }
  void ask(std::span<const Digest> ids, const crypto::Sm2Point* first) override {
    std::lock_guard lock(mutex_);
    asked.insert(asked.end(), ids.begin(), ids.end());
    firsts.push_back(first != nullptr ? std::optional(*first) : std::nullopt);
    changed_.notify_all();
  }
  void ask_blocks(uint64_t) override {}
  void wait_for_asks(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return firsts.size() >= count; }));
  }

  std::vector<Bytes> handed;
  std::vector<Digest> asked;
  std::vector<std::optional<crypto::Sm2Point>> firsts;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

// A node: a chain and its pool, without an engine. Blocks are made by hand.
struct Node {
  explicit Node(TestChain& test, PoolOptions with = {}) : chain(test), options(with) { open(); }
  void open() {
    pool = Pool::open(
               *chain.ledger, chain.folder.path / "pool", [this] { return now_ms; }, [this] { ++wakes; },
               options)
               .value();
  }
  void reopen() {
    pool.reset();
    EXPECT_TRUE(chain.reopen());
    open();
  }
  ledger::AdmittedTransaction admit(ByteView envelope) {
    return chain.ledger->admit(envelope, now_ms).value();
  }
  void submit(ByteView envelope) {
    std::vector<order::Submission> one;
    one.push_back({admit(envelope), outcomes.add()});
    pool->submit(std::move(one));
  }
  Bytes put(const std::string& key, const std::vector<Bytes>& attachments = {}) {
    return chain.setup.envelope(chain.setup.writer, now_ms, {put_call(key, view("value"))}, attachments);
  }
  Bytes anchor(size_t items) {
    return chain.setup.envelope(chain.setup.writer, now_ms, {anchor_call()}, {chain.items(items)});
  }
  // As an engine decides it: found, executed, kept, committed.
  Result<ledger::Ledger::Executed> decide(std::span<const Digest> ids, int64_t time_ms) {
    ASSIGN(auto transactions, pool->find(ids, time_ms, nullptr, true));
    ASSIGN(auto executed, chain.ledger->execute(transactions, time_ms));
    TRY(chain.ledger->commit(executed,
                             certify(executed, chain.ledger->head().next_validators, chain.signers)));
    pool->committed(++engine_height, &executed);
    return executed;
  }

  LiveChain chain;
  PoolOptions options;
  int64_t now_ms = kNow;
  std::atomic<int> wakes = 0;
  uint64_t engine_height = 0;
  Outcomes outcomes;
  std::unique_ptr<Pool> pool;
};

inline std::vector<Digest> names(const std::vector<ledger::AdmittedTransaction>& list) {
  std::vector<Digest> out;
  for (const auto& each : list) out.push_back(each->hash);
  return out;
}

}  // namespace chengxin::comet::testing
