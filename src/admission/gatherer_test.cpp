#include "admission/gatherer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

namespace chengxin::admission {
namespace {

// Takes everything and settles nothing until it is told to.
class FakeSequencer final : public order::Sequencer {
 public:
  Status submit(ledger::AdmittedTransaction transaction, order::OnOutcome on_outcome) override {
    std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(transaction), std::move(on_outcome)});
    return {};
  }
  void submit_many(std::vector<order::Submission> submissions) override {
    for (auto& each : submissions) {
      if (refuses) {
        each.on_outcome(fail(Code::unavailable, "order.halted"));
        continue;
      }
      (void)submit(std::move(each.transaction), std::move(each.on_outcome));
    }
  }
  Status state() const override { return {}; }
  void subscribe(order::OnBlock) override {}
  void stop() override {}

  // What was handed on, in its order, settled as a block.
  std::vector<std::string> settle() {
    std::vector<order::Submission> block;
    {
      std::lock_guard lock(mutex_);
      block.swap(waiting_);
    }
    ++height_;
    std::vector<std::string> names;
    for (auto& each : block) {
      names.push_back(to_string(each.transaction->body_bytes));
      each.on_outcome(order::Committed{height_, each.transaction->hash, Bytes(92)});
    }
    return names;
  }
  std::atomic<bool> refuses = false;

 private:
  std::mutex mutex_;
  std::vector<order::Submission> waiting_;
  uint64_t height_ = 0;
};

// Envelopes that begin with '!' are bad, each with its own reason.
std::vector<Result<ledger::AdmittedTransaction>> fake_admit(std::span<const ByteView> envelopes, int64_t) {
  std::vector<Result<ledger::AdmittedTransaction>> out;
  for (ByteView envelope : envelopes) {
    if (!envelope.empty() && envelope[0] == '!') {
      out.push_back(fail(Code::forbidden, text(envelope.subspan(1))));
      continue;
    }
    auto transaction = std::make_shared<ledger::Admitted>();
    transaction->body_bytes = to_bytes(envelope);
    out.emplace_back(std::move(transaction));
  }
  return out;
}

class GathererTest : public ::testing::Test {
 protected:
  Gatherer make(Options options) {
    return Gatherer(
        fake_admit, sequencer, [] { return int64_t(0); }, options);
  }
  static Options cranked(size_t batch = 16) {
    Options options;
    options.threads = 0;
    options.batch_items = batch;
    return options;
  }
  Submission item(std::string name) {
    ++submitted;
    return {to_bytes(view(name)), [this, name](Result<order::Committed> outcome) {
              std::lock_guard lock(mutex);
              EXPECT_TRUE(outcomes.emplace(name, outcome ? "done" : outcome.error().reason).second) << name;
            }};
  }
  std::string outcome(const std::string& name) {
    std::lock_guard lock(mutex);
    auto found = outcomes.find(name);
    return found == outcomes.end() ? "" : found->second;
  }

  FakeSequencer sequencer;
  std::mutex mutex;
  std::map<std::string, std::string> outcomes;
  std::atomic<size_t> submitted = 0;
};

TEST_F(GathererTest, EachIsAnsweredWithItsOwnReason) {
  auto gatherer = make(cranked());
  for (const char* name : {"a", "!transaction.expired", "b", "!transaction.signature_invalid", "c"})
    ASSERT_TRUE(gatherer.submit("s", item(name)));
  EXPECT_EQ(gatherer.work(), 5u);
  EXPECT_EQ(outcome("!transaction.expired"), "transaction.expired");
  EXPECT_EQ(outcome("!transaction.signature_invalid"), "transaction.signature_invalid");
  EXPECT_EQ(outcome("a"), "") << "not before its block";
  EXPECT_EQ(sequencer.settle(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(outcome("b"), "done");
  auto counts = gatherer.statistics();
  ASSERT_EQ(counts.sources.size(), 1u);
  EXPECT_EQ(counts.sources[0].admitted, 3u);
  EXPECT_EQ(counts.sources[0].rejected.at("transaction.expired"), 1u);
  EXPECT_EQ(counts.batches[3], 1u) << "of at most eight";
}

TEST_F(GathererTest, AFloodDelaysNobodyElseByMoreThanABatch) {
  auto gatherer = make(cranked(16));
  auto flood = gatherer.lane("flood");
  std::vector<Submission> many;
  for (int i = 0; i < 5000; ++i) many.push_back(item("flood" + std::to_string(i)));
  ASSERT_EQ(*gatherer.submit(flood, many), 5000u);
  for (int round = 0; round < 20; ++round) {
    const std::string name = "slow" + std::to_string(round);
    ASSERT_TRUE(gatherer.submit("slow", item(name)));
    gatherer.work();
    gatherer.work();
    sequencer.settle();
    EXPECT_EQ(outcome(name), "done") << "after two batches of sixteen, with thousands before it";
  }
}

TEST_F(GathererTest, LanesOfASourceTakeTurnsToo) {
  auto gatherer = make(cranked(32));
  auto first = gatherer.lane("s"), second = gatherer.lane("s");
  std::vector<Submission> many;
  for (int i = 0; i < 1000; ++i) many.push_back(item("first" + std::to_string(i)));
  ASSERT_EQ(*gatherer.submit(first, many), 1000u);
  Submission one = item("second");
  ASSERT_EQ(*gatherer.submit(second, {&one, 1}), 1u);
  gatherer.work();
  sequencer.settle();
  EXPECT_EQ(outcome("second"), "done");
}

TEST_F(GathererTest, SharesAreOfBytesWhenItemsAreLarge) {
  auto gatherer = make(cranked(64));
  auto large = gatherer.lane("large"), small = gatherer.lane("small");
  std::vector<Submission> of_large, of_small;
  for (int i = 0; i < 40; ++i) of_large.push_back(item("L" + std::to_string(i) + std::string(100'000, '.')));
  for (int i = 0; i < 4000; ++i) of_small.push_back(item("s" + std::to_string(i)));
  ASSERT_EQ(*gatherer.submit(large, of_large), 40u);
  ASSERT_EQ(*gatherer.submit(small, of_small), 4000u);
  size_t small_bytes = 0, large_bytes = 0;
  for (int i = 0; i < 20; ++i) gatherer.work();
  for (const auto& name : sequencer.settle())
    (name[0] == 'L' ? large_bytes : small_bytes) += name.size() + 1024;
  EXPECT_LT(large_bytes, small_bytes + 250'000);
  EXPECT_LT(small_bytes, large_bytes + 250'000);
}

TEST_F(GathererTest, OneSourceHoldsHalfOfTheBoundAndNewcomersFindRoom) {
  Options options = cranked();
  options.max_items = 100;
  auto gatherer = make(options);
  std::vector<Submission> many;
  for (int i = 0; i < 200; ++i) many.push_back(item("flood" + std::to_string(i)));
  auto flood = gatherer.lane("flood");
  EXPECT_EQ(*gatherer.submit(flood, many), 50u);
  auto refused = gatherer.submit(flood, std::span(many).subspan(50));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "order.queue_full");
  EXPECT_GT(refused.error().retry_after_ms, 0);
  EXPECT_FALSE(many[50].envelope.empty()) << "what is not taken is not touched";
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(gatherer.submit("other" + std::to_string(i), item("o" + std::to_string(i))));
  EXPECT_EQ(gatherer.statistics().queued, 55u);
}

TEST_F(GathererTest, ASourceWhoseLaneIsOpenIsNotForgotten) {
  auto gatherer = make(cranked());
  auto open = gatherer.lane("s");
  gatherer.lane("gone");
  for (int i = 0; i < 3000; ++i) gatherer.lane("other" + std::to_string(i));
  Submission one = item("by the lane");
  ASSERT_EQ(*gatherer.submit(open, {&one, 1}), 1u);
  ASSERT_TRUE(gatherer.submit("s", item("by a call")));
  std::map<std::string, size_t> queued;
  size_t of_s = 0;
  for (const auto& source : gatherer.statistics().sources) {
    of_s += source.name == "s";
    queued[source.name] += source.queued;
  }
  EXPECT_EQ(of_s, 1u) << "one share, one turn";
  EXPECT_EQ(queued["s"], 2u);
  EXPECT_FALSE(queued.contains("gone"));
  EXPECT_LE(queued.size(), 2000u);
}

TEST_F(GathererTest, WaitingForRoomIsNoRejection) {
  Options options = cranked();
  options.max_items = 4;
  auto gatherer = make(options);
  auto lane = gatherer.lane("s");
  std::vector<Submission> many;
  for (int i = 0; i < 3; ++i) many.push_back(item(std::to_string(i)));
  ASSERT_EQ(*gatherer.submit(lane, many), 2u);
  for (int polls = 0; polls < 5; ++polls)
    EXPECT_EQ(gatherer.submit(lane, std::span(many).subspan(2)).error().reason, "order.queue_full");
  EXPECT_TRUE(gatherer.statistics().sources[0].rejected.empty()) << "a stream that waits is not turned away";
  EXPECT_EQ(gatherer.submit("s", item("single")).error().reason, "order.queue_full");
  EXPECT_EQ(gatherer.statistics().sources[0].rejected.at("order.queue_full"), 1u);
}

TEST_F(GathererTest, BytesAreBoundedAndOneLargeItemIsTaken) {
  Options options = cranked();
  options.max_bytes = 1000;
  auto gatherer = make(options);
  EXPECT_TRUE(gatherer.submit("a", item("1" + std::string(899, 'x')))) << "alone, above half";
  EXPECT_FALSE(gatherer.submit("a", item("2" + std::string(99, 'x'))));
  EXPECT_TRUE(gatherer.submit("b", item("3" + std::string(99, 'x'))));
  EXPECT_FALSE(gatherer.submit("c", item("4")));
}

TEST_F(GathererTest, WhatIsAheadIsBoundedSoThatTurnsCount) {
  Options options = cranked(16);
  options.max_ahead_items = 32;
  auto gatherer = make(options);
  std::vector<Submission> many;
  for (int i = 0; i < 200; ++i) many.push_back(item(std::to_string(i)));
  ASSERT_EQ(*gatherer.submit(gatherer.lane("s"), many), 200u);
  EXPECT_EQ(gatherer.work() + gatherer.work() + gatherer.work(), 32u);
  EXPECT_EQ(sequencer.settle().size(), 32u);
  EXPECT_EQ(gatherer.work(), 16u);
}

TEST_F(GathererTest, ARefusalOfTheSequencerIsTheOutcome) {
  auto gatherer = make(cranked());
  sequencer.refuses = true;
  ASSERT_TRUE(gatherer.submit("s", item("a")));
  gatherer.work();
  EXPECT_EQ(outcome("a"), "order.halted");
  EXPECT_EQ(gatherer.statistics().ahead, 0u);
}

TEST_F(GathererTest, TheAdmittedHashIsToldFirst) {
  auto gatherer = make(cranked());
  bool told = false;
  Submission good = item("a"), bad = item("!no");
  good.on_admitted = [&](const Digest&) { told = outcome("a").empty(); };
  bad.on_admitted = [&](const Digest&) { ADD_FAILURE() << "it was not admitted"; };
  ASSERT_TRUE(gatherer.submit("s", std::move(good)));
  ASSERT_TRUE(gatherer.submit("s", std::move(bad)));
  gatherer.work();
  sequencer.settle();
  EXPECT_TRUE(told);
}

// Many sources and lanes on two workers, a sequencer that settles now and then, and a stop in the middle:
// everything is answered once, and each lane's order is kept.
TEST_F(GathererTest, RandomInterleavingsAnswerEverythingOnceAndInOrder) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Options options;
  options.threads = 2;
  options.batch_items = 8;
  options.pace_us = 50;
  options.max_items = 400;
  options.max_ahead_items = 64;
  std::map<std::string, int> last;
  std::mutex last_mutex;
  auto check_order = [&] {
    for (const auto& name : sequencer.settle()) {
      std::lock_guard lock(last_mutex);
      const std::string lane = name.substr(0, name.find(':'));
      const int number = std::stoi(name.substr(name.find(':') + 1));
      EXPECT_GT(number, last[lane]) << lane;
      last[lane] = number;
    }
  };
  std::atomic<size_t> taken = 0, answered = 0;
  std::atomic<bool> over = false;
  {
    auto gatherer = make(options);
    std::thread settler([&] {
      while (!over) {
        check_order();
        std::this_thread::yield();
      }
    });
    std::vector<std::thread> senders;
    for (int s = 0; s < 4; ++s)
      senders.emplace_back([&, s, own = std::mt19937(random())]() mutable {
        const std::string source = "source" + std::to_string(s / 2), name = "lane" + std::to_string(s);
        auto lane = gatherer.lane(source);
        int next = 1;
        for (int round = 0; round < 300; ++round) {
          std::vector<Submission> items;
          const int first = next;
          for (unsigned i = 0; i <= own() % 20; ++i) {
            const bool bad = own() % 7 == 0;
            items.push_back({to_bytes(view(bad ? "!bad" : name + ":" + std::to_string(next))),
                             [&, bad](Result<order::Committed> outcome) {
                               ++answered;
                               EXPECT_TRUE(!bad || outcome.error().reason == "bad" ||
                                           outcome.error().reason == "order.stopping");
                             }});
            ++next;
          }
          auto count = gatherer.submit(lane, items);
          if (count) taken += *count;
          // What was not taken comes again with the same number, so that order can still be seen.
          next = first + int(count ? *count : 0);
          if (!count && count.error().reason == "order.stopping") return;
        }
      });
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + random() % 60));
    gatherer.stop();
    for (auto& sender : senders) sender.join();
    EXPECT_EQ(gatherer.submit("late", item("late")).error().reason, "order.stopping");
    over = true;
    settler.join();
    check_order();
    EXPECT_EQ(gatherer.statistics().queued, 0u);
  }
  EXPECT_EQ(answered, taken);
}

}  // namespace
}  // namespace chengxin::admission
