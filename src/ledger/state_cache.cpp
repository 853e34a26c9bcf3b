#include "ledger/impl/state_cache.h"

#include <mutex>

#include "crypto/random.h"
#include "ledger/impl/keys.h"

namespace chengxin::ledger {

// About what a table of the standard library takes for an entry.
constexpr size_t kEntryBytes = 128;

StateCache::StateCache(const store::Database& database, size_t bytes)
    : database_(database), shard_bytes_(bytes / kShards / 2), hash_([] {
        SipKey seed;
        crypto::random_fill({reinterpret_cast<uint8_t*>(&seed), sizeof seed});
        return Hash{seed};
      }()) {
  for (Shard& shard : shards_) shard.young = shard.old = Values(0, hash_);
}

Result<std::optional<Bytes>> StateCache::get(const Bytes& key) {
  Shard& shard = shards_[hash_(key) % kShards];
  uint64_t generation;
  Value value;
  bool was_old = false;
  {
    std::shared_lock lock(shard.mutex);
    if (auto found = shard.young.find(key); found != shard.young.end()) return found->second;
    if (auto found = shard.old.find(key); found != shard.old.end()) {
      value = found->second;
      was_old = true;
    }
    generation = shard.generation;
  }
  if (!was_old) {
    ASSIGN(value, database_.get(store::Table::state, keys::value(key)));
  }
  std::unique_lock lock(shard.mutex);
  if (generation == shard.generation) keep(shard, key, value);
  return value;
}

void StateCache::put(merkle::StateUpdates&& changes) {
  std::array<std::vector<merkle::StateUpdates::iterator>, kShards> of_shard;
  for (auto at = changes.begin(); at != changes.end(); ++at)
    of_shard[hash_(at->first) % kShards].push_back(at);
  for (size_t i = 0; i < kShards; ++i) {
    std::unique_lock lock(shards_[i].mutex);
    ++shards_[i].generation;
    for (const auto& at : of_shard[i]) keep(shards_[i], at->first, std::move(at->second));
  }
}

void StateCache::keep(Shard& shard, const Bytes& key, Value value) const {
  const auto bytes = [&](const Value& of) { return kEntryBytes + key.size() + (of ? of->size() : 0); };
  shard.old.erase(key);
  if (auto found = shard.young.find(key); found != shard.young.end()) {
    shard.young_bytes -= bytes(found->second);
    shard.young.erase(found);
  }
  if (value && value->size() > kMostValueBytes) return;
  shard.young_bytes += bytes(value);
  shard.young.emplace(key, std::move(value));
  if (shard.young_bytes < shard_bytes_) return;
  shard.old = std::exchange(shard.young, Values(0, hash_));
  shard.young_bytes = 0;
}

}  // namespace chengxin::ledger
