#include <gtest/gtest.h>

#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

using namespace testing;

class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(true); }
  void reopen(bool create = false) {
    ledger.reset();
    auto opened = create ? Ledger::create(folder.path / "chain", setup.document(), setup.options())
                         : Ledger::open(folder.path / "chain", setup.options());
    ASSERT_TRUE(opened) << opened.error().to_string();
    ledger = std::move(*opened);
  }
  AdmittedTransaction admit(const Bytes& envelope) {
    auto admitted = ledger->admit(envelope, time_ms);
    EXPECT_TRUE(admitted) << admitted.error().to_string();
    return *admitted;
  }
  Ledger::Executed add_block(const std::vector<AdmittedTransaction>& transactions) {
    auto executed = ledger->execute(transactions, ++time_ms);
    EXPECT_TRUE(executed) << executed.error().to_string();
    auto committed = ledger->commit(
        *executed, certify(*executed, ledger->head().next_validators, std::span(&setup.validator, 1)));
    EXPECT_TRUE(committed) << committed.error().to_string();
    return std::move(*executed);
  }
  Bytes items(size_t count, size_t item_bytes = 32) {
    Bytes out(count * item_bytes);
    for (uint8_t& byte : out) byte = uint8_t(random());
    return out;
  }

  TemporaryFolder folder;
  TestChain setup;
  int64_t time_ms = 1'700'000'100'000;
  std::mt19937_64 random{7};
  std::unique_ptr<Ledger> ledger;
};

TEST_F(LedgerTest, AnchorsFindsAndProvesItems) {
  for (size_t count : {1u, 5u, 16u, 17u, 64u, 65u, 255u, 256u, 1000u, 5000u}) {
    for (size_t item_bytes : {32u, 64u}) {
      const Bytes data = items(count, item_bytes);
      auto executed = add_block(
          {admit(setup.envelope(setup.writer, time_ms, {anchor_call(uint8_t(item_bytes))}, {data}))});
      ASSERT_EQ(executed.included.size(), 1u);
      const Digest root = merkle::Items::root(merkle::Items::group_hashes(data, item_bytes));
      for (size_t index : {size_t(0), count / 2, count - 1}) {
        auto found = ledger->find_items(*to_digest(ByteView(data).subspan(index * item_bytes, 32)));
        ASSERT_TRUE(found) << found.error().to_string();
        ASSERT_EQ(found->size(), 1u);
        EXPECT_EQ(found->front().index, index);
        auto proof = ledger->prove_item(found->front());
        ASSERT_TRUE(proof) << proof.error().to_string();
        EXPECT_TRUE(equal(proof->item, ByteView(data).subspan(index * item_bytes, item_bytes)));
        EXPECT_TRUE(merkle::Log::verify_inclusion(index, count, merkle::Log::leaf_hash(proof->item),
                                                  proof->inner_path, root));
        auto header = format::Header::decode(proof->header).value();
        const Digest leaf = format::log_leaf_hash(format::transaction_hash(proof->body),
                                                  format::Receipt::hash(proof->receipt));
        EXPECT_TRUE(merkle::Log::verify_inclusion(proof->log_index, header.log_size, leaf, proof->log_path,
                                                  header.log_root));
      }
    }
  }
  reopen();
  EXPECT_EQ(ledger->head().header.height, 20u);
}

}  // namespace
}  // namespace chengxin::ledger
