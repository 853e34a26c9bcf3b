#include <gtest/gtest.h>

#include <set>

#include "ledger/testing.h"

// Random operations against a model that keeps everything in plain containers.
namespace chengxin::ledger {
namespace {

using namespace testing;

struct Model {
  struct Transaction {
    Digest hash{};
    Bytes receipt;
    uint64_t height = 0;
    std::vector<Bytes> attachments;
  };
  std::vector<Transaction> log;
  std::vector<Digest> leaves, roots, header_hashes;  // roots and hashes by height - 1
  std::vector<uint64_t> sizes = {0};                 // of the log, by height
  std::map<Digest, std::vector<std::tuple<Digest, uint64_t, uint64_t>>>
      items;  // → transaction, index, height
  std::map<std::string, Bytes> state;
  std::vector<std::map<std::string, Bytes>> states = {{}};  // by height
};

class ModelTest : public ::testing::Test {
 protected:
  // A block of random transactions, on the chain and in the model.
  void add_block() {
    std::vector<Bytes> envelopes;
    std::vector<std::function<void(const Model::Transaction&)>> effects;
    for (uint64_t i = 0; i <= pick(4); ++i) {
      if (pick(2) == 0) {
        const std::string key = fmt::format("k{}", pick(12));
        const Bytes value = pick(4) == 0 ? Bytes() : chain.items(1);
        envelopes.push_back(setup.envelope(setup.writer, chain.time_ms, {put_call(key, value)}));
        effects.push_back([this, key, value](auto&) {
          if (value.empty())
            model.state.erase("test/" + key);
          else
            model.state["test/" + key] = value;
        });
      } else {
        const size_t item_bytes = pick(2) ? 32 : 64, count = 1 + pick(pick(5) == 0 ? 700 : 20);
        Bytes data = chain.items(count, item_bytes);
        if (!model.items.empty() && pick(3) == 0) {  // again what was anchored before
          const Digest& seen = model.items.begin()->first;
          std::copy(seen.begin(), seen.end(), data.begin());
        }
        const bool refused = pick(6) == 0;
        std::vector<format::Call> calls = {anchor_call(uint8_t(item_bytes))};
        if (refused) calls.push_back({"test", "fail", {}});
        envelopes.push_back(setup.envelope(setup.writer, chain.time_ms, calls, {data}));
        effects.push_back([this, data, item_bytes, refused](const Model::Transaction& at) {
          for (size_t item = 0; !refused && item < data.size() / item_bytes; ++item)
            model.items[*to_digest(ByteView(data).subspan(item * item_bytes, 32))].emplace_back(at.hash, item,
                                                                                                at.height);
        });
      }
    }
    auto executed = chain.add_block(envelopes);
    ASSERT_TRUE(executed) << executed.error().to_string();
    ASSERT_EQ(executed->included.size(), envelopes.size());
    for (size_t i = 0; i < envelopes.size(); ++i) {
      const auto& transaction = *executed->included[i];
      model.log.push_back(
          {transaction.hash, executed->receipts[i], executed->header.height, transaction.attachments});
      model.leaves.push_back(
          format::log_leaf_hash(transaction.hash, format::Receipt::hash(executed->receipts[i])));
      effects[i](model.log.back());
    }
    model.sizes.push_back(model.log.size());
    model.roots.push_back(executed->header.log_root);
    model.header_hashes.push_back(executed->header_hash);
    model.states.push_back(model.state);
    ASSERT_EQ(executed->header.log_root, merkle::Log::root_of(model.leaves));
  }

  void check_block(uint64_t height) {
    auto block = chain.ledger->block(height);
    ASSERT_TRUE(block) << block.error().to_string();
    EXPECT_EQ(format::Header::hash(block->header_bytes), model.header_hashes[height - 1]);
    std::vector<Digest> expected;
    for (uint64_t i = model.sizes[height - 1]; i < model.sizes[height]; ++i)
      expected.push_back(model.log[i].hash);
    EXPECT_EQ(block->transactions, expected);
  }
  void check_transaction(uint64_t index) {
    const Model::Transaction& expected = model.log[index];
    auto record = chain.ledger->transaction(expected.hash, true);
    ASSERT_TRUE(record) << record.error().to_string();
    EXPECT_EQ(record->log_index, index);
    EXPECT_EQ(record->height, expected.height);
    EXPECT_EQ(record->receipt_bytes, expected.receipt);
    EXPECT_EQ(record->transaction.attachments, expected.attachments);
  }
  void check_item() {
    if (model.items.empty()) return;
    Digest from{};
    from[0] = uint8_t(pick(256));
    auto expected = model.items.lower_bound(from);
    if (expected == model.items.end()) expected = model.items.begin();
    auto found = chain.ledger->find_items(expected->first);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), expected->second.size());
    for (size_t i = 0; i < found->size(); ++i) {
      const ItemLocation& at = (*found)[i];
      EXPECT_EQ(std::tuple(at.transaction, at.index, at.height), expected->second[i]);
      auto proof = chain.ledger->prove_item(at);
      ASSERT_TRUE(proof) << proof.error().to_string();
      EXPECT_TRUE(equal(ByteView(proof->item).first(32), expected->first));
      EXPECT_EQ(proof->log_path, merkle::Log::path_of(model.leaves, proof->log_index));
    }
  }
  void check_state(uint64_t height) {
    const std::string key = fmt::format("test/k{}", pick(12));
    const auto& then = model.states[height];
    auto expected = then.find(key);
    auto proof = chain.ledger->state_proof(key, height);
    ASSERT_TRUE(proof) << proof.error().to_string();
    ASSERT_EQ(proof->first.has_value(), expected != then.end());
    if (proof->first) EXPECT_EQ(*proof->first, expected->second);
    auto now = chain.ledger->state(key);
    ASSERT_EQ(now->has_value(), model.state.contains(key));
  }
  void check_consistency(uint64_t old_height, uint64_t height) {
    const uint64_t old_size = model.sizes[old_height], size = model.sizes[height];
    auto path = chain.ledger->consistency(old_size, size);
    ASSERT_TRUE(path) << path.error().to_string();
    const Digest old_root = old_height == 0 ? merkle::Log::empty_root() : model.roots[old_height - 1];
    EXPECT_TRUE(merkle::Log::verify_consistency(old_size, size, old_root, model.roots[height - 1], *path));
  }
  uint64_t pick(uint64_t bound) { return chain.random() % bound; }

  TestChain setup;
  LiveChain chain{setup};
  Model model;
};

TEST_F(ModelTest, ReadsAreThoseOfTheModel) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  chain.random.seed(seed);
  for (int step = 0; step < 900 && !HasFatalFailure(); ++step) {
    const uint64_t height = model.sizes.size() - 1;
    if (height == 0 || pick(4) == 0) {
      add_block();
      continue;
    }
    switch (pick(7)) {
      case 0:
        check_block(1 + pick(height));
        break;
      case 1:
        check_transaction(pick(model.log.size()));
        break;
      case 2:
      case 3:
        check_item();
        break;
      case 4:
        check_state(pick(height + 1));
        break;
      case 5:
        check_consistency(pick(height + 1), height);
        break;
      case 6:
        if (pick(15) == 0) ASSERT_TRUE(chain.reopen());
        break;
    }
  }
  auto verified = chain.ledger->verify(nullptr);
  EXPECT_TRUE(verified) << verified.error().to_string();
}

}  // namespace
}  // namespace chengxin::ledger
