#pragma once
#include <array>
#include <shared_mutex>
#include <unordered_map>

#include "base/siphash.h"
#include "merkle/state_tree.h"
#include "store/database.h"

namespace chengxin::ledger {

// The newest value of each state key; those in use are kept in memory up to a bound. Thread-safe.
class StateCache {
 public:
  explicit StateCache(const store::Database& database, size_t bytes = 64 << 20);
  Result<std::optional<Bytes>> get(const Bytes& key);
  void put(merkle::StateUpdates&& changes);  // after they were written

 private:
  using Value = std::optional<Bytes>;
  // Keys are of contracts' choosing.
  struct Hash {
    SipKey seed;
    size_t operator()(const Bytes& key) const { return siphash(seed, key); }
  };
  using Values = std::unordered_map<Bytes, Value, Hash>;
  // What was asked for since `old` was filled is in `young`; when that is full it becomes `old`.
  struct Shard {
    std::shared_mutex mutex;
    uint64_t generation = 0;  // grows with put(): what was read before is not kept after
    Values young{0, Hash{}}, old{0, Hash{}};
    size_t young_bytes = 0;
  };
  static constexpr size_t kShards = 16;
  static constexpr size_t kMostValueBytes = 4 << 10;  // larger ones are not kept

  void keep(Shard& shard, const Bytes& key, Value value) const;

  const store::Database& database_;
  const size_t shard_bytes_;  // of `young`
  const Hash hash_;
  std::array<Shard, kShards> shards_;
};

}  // namespace chengxin::ledger
