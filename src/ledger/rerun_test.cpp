#include <gtest/gtest.h>

#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

using namespace testing;

// Transactions of one block build on each other, so that a rerun on the wrong state gives other outputs.
TEST(Rerun, EveryTransactionDoesWhatItsReceiptSays) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  TestChain setup;
  LiveChain chain(setup);
  for (int block = 0; block < 12; ++block) {
    std::vector<Bytes> envelopes;
    for (unsigned i = 0, count = 1 + random() % 5; i < count; ++i) {
      std::vector<format::Call> calls;
      for (unsigned k = 0, most = 1 + random() % 3; k < most; ++k)
        calls.push_back(random() % 6 == 0
                            ? format::Call{"test", "fail", {}}
                            : put_call(std::string(1, char('a' + random() % 3)), Bytes{uint8_t(random())}));
      envelopes.push_back(setup.envelope(setup.writer, chain.time_ms, std::move(calls)));
    }
    ASSERT_TRUE(chain.add_block(envelopes));
  }
  size_t checked = 0;
  for (uint64_t height = 1; height <= chain.ledger->head().header.height; ++height) {
    const auto content = chain.ledger->content(height).value();
    for (const auto& record : content.transactions) {
      const auto again = chain.ledger->rerun(record.transaction.hash, {});
      ASSERT_TRUE(again) << again.error().to_string();
      EXPECT_EQ(uint32_t(again->status), record.receipt.status);
      EXPECT_EQ(again->gas, record.receipt.gas);
      EXPECT_EQ(again->output, record.output);
      EXPECT_EQ(again->events, record.events);
      ++checked;
    }
  }
  EXPECT_GT(checked, 12u);
}

TEST(Rerun, ASubstituteRunsInPlaceOfTheMethodForThatTransactionAlone) {
  TestChain setup;
  LiveChain chain(setup);
  const std::vector<Bytes> envelopes = {
      setup.envelope(setup.writer, chain.time_ms, {put_call("a", Bytes{1})}),
      setup.envelope(setup.writer, chain.time_ms, {put_call("a", Bytes{2})})};
  const auto block = chain.add_block(envelopes).value();
  ContractTable rows = test_contract();
  std::erase_if(rows, [](const Method& row) { return row.name != "put"; });
  int runs = 0;
  rows[0].run = [&runs, run = rows[0].run](const CallContext& context) {
    ++runs;
    return run(context);
  };
  const auto again = chain.ledger->rerun(block.included.at(1)->hash, {rows, nullptr});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->output, Bytes{1});
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(chain.ledger->state("test/a").value(), Bytes{2});
  EXPECT_EQ(chain.ledger->rerun(Digest{}, {}).error().reason, "ledger.no_transaction");
}

}  // namespace
}  // namespace chengxin::ledger
