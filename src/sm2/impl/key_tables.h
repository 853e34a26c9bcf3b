#pragma once
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "sm2/impl/number.h"
#include "sm2/impl/slabs.h"

// Tables of the keys that are met often, within a fixed memory. Invariants:
// - A table is read only while it is pinned, and its memory goes back only when nobody pins it.
// - Only signatures that hold are counted: without its private key nobody can earn a key its table.
// - A key gets a table after `small_after` uses. When the memory is full, each use of the newcomer is taken
// off
//   a key that the clock's hand passes, and one that has none left makes room: to displace a key costs as
//   many good signatures as it has made itself since (up to kMostUses), and keys that sign once displace
//   nothing.
// - The lock is held for look-ups and bookkeeping, never while a table is computed.
namespace chengxin::sm2::impl {

inline Affine affine_of(const Point& point) {
  return {from_big_endian(point.data() + 1), from_big_endian(point.data() + 33)};
}

struct Table {
  Tier tier = Tier::small;
  uint8_t* memory = nullptr;
  Digest z_default{};  // Z_A of its key under the default id
  uint32_t uses = 0;
  uint32_t pins = 0;
  bool due = false;      // for its large table
  bool retired = false;  // no longer found; goes with the last pin
};

class KeyTables {
 public:
  KeyTables(const Engine& engine, const VerifierOptions& options);

  // found[i]: the pinned table of keys[i], or null.
  void find(std::span<const Point* const> keys, std::span<Table*> found);
  // Unpins, and counts the uses of the keys whose verdict is 1. True when tables are due.
  bool release(std::span<const Point* const> keys, std::span<Table* const> found,
               std::span<const uint8_t> verdicts);
  void expect(const Point& key);
  // Computes what is due, for at most `most` keys.
  size_t build(size_t most);
  TableStatistics statistics() const;

 private:
  struct Keyed {  // a key as a map's key; its hash is salted, for keys are chosen by strangers
    Point point;
    bool operator==(const Keyed&) const = default;
  };
  struct Salted {
    uint64_t salt;
    size_t operator()(const Keyed& key) const;
  };
  struct Entry {
    std::unique_ptr<Table> table;
    size_t position = 0;  // in the clock of its tier
  };
  struct Due {
    Keyed key;
    Tier tier;
    uint32_t uses;
  };
  struct Seen {  // how often a key without a table was met; the tag stands for the key
    uint32_t tag = 0, count = 0;
  };
  using Entries = std::unordered_map<Keyed, Entry, Salted>;

  // All below are called with the lock held.
  bool count_unknown(const Point& key);
  bool enqueue(const Keyed& key, Tier tier, uint32_t uses);
  std::vector<Due> take_due(size_t most, Tier& tier);
  uint8_t* memory_for(const Due& due);
  bool evict(Tier tier, uint32_t uses);
  void publish(const Due& due, uint8_t* memory, const Digest& z);
  void withdraw(Entry& entry);
  Slabs& slabs(Tier tier) { return tier == Tier::small ? small_ : large_; }

  const Engine& engine_;
  const uint32_t small_after_, large_after_;
  mutable std::mutex mutex_;
  Slabs small_, large_;
  Entries entries_;
  std::vector<Entries::value_type*> clock_[2];  // of each tier: who holds a table
  size_t hand_[2] = {0, 0};
  std::vector<std::unique_ptr<Table>> retired_;
  std::vector<Seen> seen_;
  std::deque<Due> due_;
  TableStatistics statistics_;
};

}  // namespace chengxin::sm2::impl
