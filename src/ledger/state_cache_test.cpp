#include "ledger/impl/state_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "ledger/impl/keys.h"
#include "ledger/testing.h"

namespace chengxin::ledger {
namespace {

constexpr size_t kKeys = 300;

Bytes key_of(size_t i) { return to_bytes(view(fmt::format("test/{}", i))); }

// What it gives is what the database holds, whatever is written, forgotten for want of room, and read by
// others meanwhile.
TEST(StateCache, GivesTheNewestValueWhoeverReadsMeanwhile) {
  testing::TemporaryFolder folder;
  store::Options options;
  options.create = true;
  const auto database =
      store::Database::open(folder.path / "store", store::Recovery::strict, options).value();
  StateCache cache(*database, 64 << 10);  // a few dozen of them
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (uint64_t seed : {1, 2, 3})
    readers.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      while (!done) ASSERT_TRUE(cache.get(key_of(random() % kKeys)).has_value());
    });

  std::mt19937_64 random(4);
  std::map<Bytes, std::optional<Bytes>> model;
  for (int block = 0; block < 2000; ++block) {
    merkle::StateUpdates changes;
    store::Batch batch = database->batch();
    for (size_t i = random() % 20; i > 0; --i) {
      const Bytes key = key_of(random() % kKeys);
      std::optional<Bytes> value;
      if (random() % 4) value = Bytes(random() % 50 ? random() % 100 : 5000, uint8_t(random()));
      changes[key] = value;
    }
    for (const auto& [key, value] : changes) {
      model[key] = value;
      if (value)
        batch.put(store::Table::state, keys::value(key), *value);
      else
        batch.erase(store::Table::state, keys::value(key));
    }
    ASSERT_TRUE(database->write(batch, false));
    cache.put(std::move(changes));
    for (int i = 0; i < 5; ++i) {
      const Bytes key = key_of(random() % kKeys);
      ASSERT_EQ(cache.get(key).value(), model[key]) << "block " << block << ", key " << text(key);
    }
  }
  done = true;
  for (std::thread& each : readers) each.join();
  for (size_t i = 0; i < kKeys; ++i) EXPECT_EQ(cache.get(key_of(i)).value(), model[key_of(i)]);
}

}  // namespace
}  // namespace chengxin::ledger
