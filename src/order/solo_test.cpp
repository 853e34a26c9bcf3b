#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/testing.h"
#include "order/sequencer.h"

namespace chengxin::order {
namespace {

using namespace ledger::testing;

constexpr int64_t kNow = 1'700'000'100'000;

// Outcomes by submission, for a test to wait for.
class Outcomes {
 public:
  OnOutcome add() {
    std::lock_guard lock(mutex_);
    const size_t number = results_.size();
    results_.emplace_back();
    return [this, number](Result<Committed> result) {
      std::lock_guard inner(mutex_);
      EXPECT_FALSE(results_[number]) << "called twice";
      results_[number] = std::move(result);
      ++done_;
      changed_.notify_all();
    };
  }
  std::vector<Result<Committed>> wait() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return done_ == results_.size(); }));
    std::vector<Result<Committed>> out;
    for (auto& each : results_) out.push_back(std::move(*each));
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Result<Committed>>> results_;
  size_t done_ = 0;
};

class SoloTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = ledger::Ledger::create(folder.path / "chain", chain.document(), chain.options());
    ASSERT_TRUE(made) << made.error().to_string();
    ledger = std::move(*made);
  }
  std::unique_ptr<Sequencer> solo(SoloOptions options = {}) {
    return make_solo(
        *ledger, chain.validator.key, [this] { return now_ms.load(); }, options);
  }
  ledger::AdmittedTransaction transaction(std::vector<format::Call> calls = {put_call("k", view("v"))}) {
    auto admitted = ledger->admit(chain.envelope(chain.writer, kNow, std::move(calls)), kNow);
    EXPECT_TRUE(admitted) << admitted.error().to_string();
    return *admitted;
  }

  TemporaryFolder folder;
  TestChain chain;
  std::atomic<int64_t> now_ms = kNow;
  std::unique_ptr<ledger::Ledger> ledger;
  Outcomes outcomes;
};

TEST_F(SoloTest, WhatABlockHasNoRoomForGoesIntoTheNext) {
  SoloOptions options;
  options.block_interval_ms = 300;  // so that they are one batch
  auto sequencer = solo(options);
  constexpr size_t kMost = ledger::kBlockGas / ledger::kTransactionGas, kAll = 2 * kMost + 3;
  for (size_t i = 0; i < kAll; ++i)
    ASSERT_TRUE(sequencer->submit(transaction({{"test", "burn", {}}}), outcomes.add()));
  std::map<uint64_t, size_t> in_block;
  uint64_t last = 0;
  for (const auto& outcome : outcomes.wait()) {
    ASSERT_TRUE(outcome) << outcome.error().to_string();
    EXPECT_GE(outcome->height, last) << "in the order they came";
    last = outcome->height;
    EXPECT_LE(++in_block[last], kMost);
  }
  EXPECT_GE(in_block.size(), 3u);
  sequencer->stop();
}

struct SoloWithAQuota : SoloTest {
  ledger::testing::Signer other;
  void SetUp() override {
    chain.genesis.protocol = 3;
    chain.genesis.accounts.push_back({other.key.public_key().point(), {"writer"}});
    SoloTest::SetUp();
  }
  Submission burn(const ledger::testing::Signer& signer) {
    auto admitted = ledger->admit(chain.envelope(signer, kNow, {{"test", "burn", {}}}), kNow);
    return {admitted.value(), outcomes.add()};
  }
};

TEST_F(SoloWithAQuota, NobodyWaitsForWhatAnotherUsesTooMuch) {
  SoloOptions options;
  options.max_block_transactions = 4;
  auto sequencer = solo(options);
  format::ContractPolicy policy;
  policy.quota_gas = 1;
  const format::Call set{"governance", "set_contract_policy", to_bytes(view(policy.encode()))};
  ASSERT_TRUE(sequencer->submit(ledger->admit(chain.envelope(chain.governor, kNow, {set}), kNow).value(),
                                outcomes.add()));
  const uint64_t before = outcomes.wait().at(0)->height;
  std::vector<Submission> all;
  for (int i = 0; i < 20; ++i) all.push_back(burn(chain.writer));
  all.push_back(burn(other));
  sequencer->submit_many(std::move(all));
  const auto results = outcomes.wait();
  EXPECT_LE(results.back()->height, before + 6) << "after each of the others was looked at once";
  EXPECT_GE(results[20]->height, before + 15) << "one a block";
  sequencer->stop();
}

TEST_F(SoloTest, EveryOutcomeComesOnceAfterTheBlockIsThere) {
  auto sequencer = solo();
  std::atomic<uint64_t> announced = 0;
  sequencer->subscribe([&](uint64_t height) {
    EXPECT_EQ(height, announced + 1);
    EXPECT_TRUE(ledger->block(height));
    announced = height;
  });
  std::vector<ledger::AdmittedTransaction> sent;
  for (int i = 0; i < 200; ++i) sent.push_back(transaction());
  for (const auto& each : sent) ASSERT_TRUE(sequencer->submit(each, outcomes.add()));
  auto results = outcomes.wait();
  for (size_t i = 0; i < sent.size(); ++i) {
    ASSERT_TRUE(results[i]) << results[i].error().to_string();
    EXPECT_EQ(results[i]->transaction, sent[i]->hash);
    auto record = ledger->transaction(sent[i]->hash);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->height, results[i]->height);
    EXPECT_EQ(record->receipt_bytes, results[i]->receipt);
  }
  sequencer->stop();
  EXPECT_EQ(announced, ledger->head().header.height);
  EXPECT_FALSE(sequencer->submit(sent[0], outcomes.add()));
}

TEST_F(SoloTest, TheSameTransactionTwiceIsADuplicateForTheSecond) {
  auto sequencer = solo({.block_interval_ms = 20});
  auto once = transaction();
  ASSERT_TRUE(sequencer->submit(once, outcomes.add()));
  ASSERT_TRUE(sequencer->submit(once, outcomes.add()));
  auto results = outcomes.wait();
  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().reason, "transaction.duplicate");
}

TEST_F(SoloTest, AFullQueuePushesBackAndDrains) {
  auto sequencer = solo({.max_queue_transactions = 3, .block_interval_ms = 200});
  int taken = 0, refused = 0;
  for (int i = 0; i < 10; ++i) {
    Status status = sequencer->submit(transaction(), [](auto) {});
    if (status) {
      ++taken;
    } else {
      ++refused;
      EXPECT_EQ(status.error().reason, "order.queue_full");
      EXPECT_EQ(status.error().code, Code::busy);
      EXPECT_GT(status.error().retry_after_ms, 0);
    }
  }
  EXPECT_GE(taken, 3);
  EXPECT_GE(refused, 1);
  sequencer->stop();
  EXPECT_EQ(ledger->head().header.log_size, uint64_t(taken));
}

TEST_F(SoloTest, TheQueueIsBoundedInBytesToo) {
  auto sequencer = solo({.max_queue_bytes = 700, .block_interval_ms = 200});
  int refused = 0;
  for (int i = 0; i < 10; ++i) refused += !sequencer->submit(transaction(), [](auto) {});
  EXPECT_GE(refused, 1);
}

TEST_F(SoloTest, TimeNeverGoesBack) {
  auto sequencer = solo();
  for (int64_t step : {0, -5000, 10, -20, 3}) {
    now_ms = kNow + step;
    Outcomes one;
    ASSERT_TRUE(sequencer->submit(transaction(), one.add()));
    one.wait();
  }
  sequencer->stop();
  int64_t last = 0;
  for (uint64_t height = 1; height <= ledger->head().header.height; ++height) {
    const int64_t time = ledger->block(height)->header.time_ms;
    EXPECT_GE(time, last);
    last = time;
  }
}

TEST_F(SoloTest, BlocksStayInsideTheChainsLimit) {
  chain.genesis.limits.max_block_bytes = 2000;
  chain.genesis.limits.max_transaction_bytes = 2000;
  ledger = ledger::Ledger::create(folder.path / "small", chain.document(), chain.options()).value();
  const size_t most = 2000 / (transaction()->body_bytes.size() + 64);
  auto sequencer = solo({.block_interval_ms = 30});
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(sequencer->submit(transaction(), outcomes.add()));
  for (auto& result : outcomes.wait()) EXPECT_TRUE(result) << result.error().to_string();
  sequencer->stop();
  for (uint64_t height = 1; height <= ledger->head().header.height; ++height)
    EXPECT_LE(ledger->block(height)->transaction_count, most);
  EXPECT_EQ(ledger->head().header.log_size, 40u);
}

TEST_F(SoloTest, AHostFaultHaltsAndNeverClaimsThatNothingHappened) {
  auto sequencer = solo({.block_interval_ms = 30});
  EXPECT_TRUE(sequencer->state());
  ASSERT_TRUE(sequencer->submit(transaction(), outcomes.add()));
  ASSERT_TRUE(sequencer->submit(transaction({{"test", "break", {}}}), outcomes.add()));
  for (auto& result : outcomes.wait()) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason, "order.outcome_unknown");
  }
  Status after = sequencer->submit(transaction(), [](auto) {});
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().reason, "order.halted");
  ASSERT_FALSE(sequencer->state());
  EXPECT_EQ(sequencer->state().error().reason, "order.halted");
  sequencer->stop();
  EXPECT_EQ(ledger->head().header.height, 0u);
}

TEST_F(SoloTest, AForeignKeyMakesNoBlock) {
  Signer stranger;
  auto sequencer = make_solo(*ledger, stranger.key, [] { return kNow; });
  ASSERT_TRUE(sequencer->submit(transaction(), outcomes.add()));
  EXPECT_FALSE(outcomes.wait()[0]);
  sequencer->stop();
  EXPECT_EQ(ledger->head().header.height, 0u);
}

TEST_F(SoloTest, ReadersSeeWholeBlocksBesideTheWriter) {
  auto sequencer = solo();
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const ledger::Head head = ledger->head();
        if (head.header.height == 0) continue;
        auto block = ledger->block(head.header.height);
        ASSERT_TRUE(block) << block.error().to_string();
        ASSERT_EQ(block->header, head.header);
        auto record = ledger->transaction(block->transactions.back());
        ASSERT_TRUE(record) << record.error().to_string();
        ASSERT_EQ(record->log_index + 1, head.header.log_size);
        auto path = ledger->consistency(head.header.log_size / 2, head.header.log_size);
        ASSERT_TRUE(path) << path.error().to_string();
        ASSERT_TRUE(ledger->state_proof("test/k", head.header.height));
        ASSERT_TRUE(ledger->account(chain.writer.id)->has_value());
      }
    });
  }
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(sequencer->submit(transaction(), outcomes.add()));
  for (auto& result : outcomes.wait()) EXPECT_TRUE(result);
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace chengxin::order
