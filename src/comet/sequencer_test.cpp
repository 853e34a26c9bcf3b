#include "comet/sequencer.h"

#include <thread>

#include "comet/rig_for_tests.h"

namespace chengxin::comet {
namespace {

using namespace testing;

class SequencerTest : public ::testing::Test {
 protected:
  std::vector<Digest> all() { return names(node.pool->candidates(SIZE_MAX, SIZE_MAX)); }

  TestChain test;
  Node node{test};
};

TEST_F(SequencerTest, SubmitsAnnouncesAndStopsWhenAllIsTold) {
  auto sequencer = make_sequencer(*node.pool);
  std::vector<uint64_t> heights;
  sequencer->subscribe([&](uint64_t height) { heights.push_back(height); });
  ASSERT_TRUE(sequencer->submit(node.admit(node.put("a")), node.outcomes.add()));
  std::vector<order::Submission> more;
  for (int i = 0; i < 3; ++i) more.push_back({node.admit(node.put(std::to_string(i))), node.outcomes.add()});
  sequencer->submit_many(std::move(more));
  const auto ids = all();
  std::thread engine([&] {
    while (sequencer->submit(node.admit(node.put("probe")), node.outcomes.add()))  // until it stops
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    auto executed = node.decide(all(), kNow + 1);
    ASSERT_TRUE(executed);
    sequencer->announce(executed->header.height);
  });
  sequencer->stop();
  engine.join();
  EXPECT_EQ(heights, std::vector<uint64_t>{1});
  EXPECT_EQ(sequencer->submit(node.admit(node.put("late")), [](auto) { FAIL(); }).error().reason,
            "order.stopping");
}

TEST_F(SequencerTest, HaltedTakesNothing) {
  auto sequencer = make_sequencer(*node.pool);
  ASSERT_TRUE(sequencer->submit(node.admit(node.put("a")), node.outcomes.add()));
  sequencer->halt({Code::internal, "ledger.damaged", "block 7"});
  EXPECT_EQ(node.outcomes.wait()[0].error().reason, "order.outcome_unknown");
  EXPECT_EQ(sequencer->state().error().reason, "order.halted");
  EXPECT_EQ(sequencer->submit(node.admit(node.put("b")), [](auto) { FAIL(); }).error().reason,
            "order.halted");
}

TEST_F(SequencerTest, WithoutBlocksThereIsAFindingAndStillRoom) {
  SequencerOptions options;
  options.quiet_ms = 30;
  options.drain_ms = 60'000;
  auto sequencer = make_sequencer(*node.pool, options);
  EXPECT_TRUE(sequencer->state());
  ASSERT_TRUE(sequencer->submit(node.admit(node.put("a")), node.outcomes.add()));
  while (sequencer->state()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(sequencer->state().error().reason, "order.no_quorum");
  ASSERT_TRUE(sequencer->submit(node.admit(node.put("b")), node.outcomes.add()));
  ASSERT_TRUE(node.decide(all(), kNow + 1));
  sequencer->announce(1);
  EXPECT_TRUE(sequencer->state());
  node.submit(node.put("c"));
  while (sequencer->state()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  sequencer->stop();  // nothing comes any more: it does not wait
  EXPECT_EQ(node.outcomes.wait()[2].error().reason, "order.outcome_unknown");
}

TEST_F(SequencerTest, AFullPoolSaysSoToTheCaller) {
  node.pool.reset();
  node.options.max_transactions = 4;
  node.open();
  auto sequencer = make_sequencer(*node.pool);
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(sequencer->submit(node.admit(node.put(std::to_string(i))), node.outcomes.add()));
  auto full = sequencer->submit(node.admit(node.put("more")), [](auto) { FAIL(); });
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason, "order.queue_full");
  EXPECT_GT(full.error().retry_after_ms, 0);
  node.pool->stop();
}

}  // namespace
}  // namespace chengxin::comet
