#include <gtest/gtest.h>

#include <random>

#include "ledger/impl/execution.h"

// Ranges over changes over what is stored.
namespace chengxin::ledger {
namespace {

Bytes key_of(unsigned i) { return {'c', '/', uint8_t(i >> 8), uint8_t(i)}; }

struct Stored {
  merkle::StateUpdates rows;
  size_t read = 0;
  StateReader reader() {
    return {[this](const Bytes& key) -> Result<std::optional<Bytes>> {
              const auto found = rows.find(key);
              return found == rows.end() ? std::nullopt : found->second;
            },
            [this](const Bytes& from, const Bytes& to, size_t limit) -> Result<StateRows> {
              StateRows out;
              for (auto at = rows.lower_bound(from); at != rows.end() && at->first < to && out.size() < limit;
                   ++at)
                out.push_back(*at);
              read += out.size();
              return out;
            }};
  }
};

TEST(Range, IsThatOfOneMap) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    const unsigned keys = 1 + random() % 300;
    Stored stored;
    for (unsigned i = random() % 400; i > 0; --i)
      stored.rows[key_of(random() % keys)] = Bytes{uint8_t(random())};
    merkle::StateUpdates wanted = stored.rows;
    StateLayer block(stored.reader()), transaction(block.reader());
    for (StateLayer* layer : {&block, &transaction})
      for (unsigned i = random() % 200; i > 0; --i) {
        const Bytes key = key_of(random() % keys);
        if (random() % 2) {
          layer->set(key, Bytes{uint8_t(random())});
          wanted[key] = layer->changes().at(key);
        } else {
          layer->set(key, std::nullopt);
          wanted[key] = std::nullopt;
        }
      }
    Bytes from = key_of(random() % keys), to = key_of(random() % keys);
    if (to < from) std::swap(from, to);
    const size_t limit = random() % 40;
    StateRows naive;
    for (auto at = wanted.lower_bound(from); at != wanted.end() && at->first < to && naive.size() < limit;
         ++at)
      naive.push_back(*at);
    EXPECT_EQ(transaction.range(from, to, limit).value(), naive) << "round " << round;
  }
}

// A call pays for what it is answered, not for what a block wrote.
TEST(Range, ReadsLittleWhereMuchWasWritten) {
  Stored stored;
  for (unsigned i = 0; i < 20'000; ++i) stored.rows[key_of(i)] = Bytes{1};
  StateLayer layer(stored.reader());
  for (unsigned i = 0; i < 20'000; ++i) layer.set(key_of(i), Bytes{2});
  EXPECT_EQ(layer.range(key_of(0), key_of(60'000), 3).value().size(), 3u);
  EXPECT_LE(stored.read, 3u);
  EXPECT_EQ(layer.range(key_of(0), key_of(60'000), 0).value().size(), 0u);
  EXPECT_LE(stored.read, 3u);
  // Erased ones are among those that are counted.
  for (unsigned i = 0; i < 1'000; ++i) layer.set(key_of(i), std::nullopt);
  stored.read = 0;
  StateRows erased;
  for (unsigned i = 0; i < 10; ++i) erased.emplace_back(key_of(i), std::nullopt);
  EXPECT_EQ(layer.range(key_of(0), key_of(60'000), 10).value(), erased);
  EXPECT_LE(stored.read, 10u);
}

}  // namespace
}  // namespace chengxin::ledger
