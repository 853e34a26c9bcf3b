#include "sm2/impl/key_tables.h"

#include <algorithm>
#include <random>

#include "sm2/impl/digest.h"

namespace chengxin::sm2::impl {
namespace {

constexpr size_t kSeen = 1 << 16;     // keys that are counted before they have a table: 512 kB
constexpr size_t kMostDue = 1 << 12;  // keys that wait for a table; more are asked again at their next use
constexpr uint32_t kMostUses =
    1 << 12;                          // that are remembered, so that a key which fell silent goes in the end
constexpr uint32_t kMostSteps = 512;  // of the clock's hand, for one place
constexpr size_t kBuildAtOnce = 64;   // keys

uint64_t random_salt() {
  std::random_device device;
  return uint64_t(device()) << 32 | device();
}

}  // namespace

size_t KeyTables::Salted::operator()(const Keyed& key) const {
  uint64_t x[4];
  std::memcpy(x, key.point.data() + 1, sizeof x);
  const auto fold = [](uint64_t a, uint64_t b) {
    const unsigned __int128 product = (unsigned __int128)a * b;
    return uint64_t(product >> 64) ^ uint64_t(product);
  };
  return fold(fold(x[0] ^ salt, x[1] ^ ~salt) ^ x[2], x[3] ^ (salt << 32 | salt >> 32)) ^ key.point[64];
}

KeyTables::KeyTables(const Engine& engine, const VerifierOptions& options)
    : engine_(engine),
      small_after_(std::max(1u, options.small_after)),
      large_after_(std::max(options.large_after, options.small_after)),
      small_(engine.table_bytes(Tier::small), options.table_bytes / 2),
      large_(engine.table_bytes(Tier::large), options.table_bytes / 2),
      entries_(16, Salted{random_salt()}),
      seen_(kSeen) {
  statistics_.bytes_allowed = options.table_bytes;
}

void KeyTables::find(std::span<const Point* const> keys, std::span<Table*> found) {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto at = entries_.find({*keys[i]});
    found[i] = at == entries_.end() ? nullptr : at->second.table.get();
    if (found[i]) ++found[i]->pins;
    ++(!found[i]                       ? statistics_.unknown_checks
       : found[i]->tier == Tier::small ? statistics_.small_checks
                                       : statistics_.large_checks);
  }
}

bool KeyTables::release(std::span<const Point* const> keys, std::span<Table* const> found,
                        std::span<const uint8_t> verdicts) {
  std::lock_guard lock(mutex_);
  bool due = false;
  for (size_t i = 0; i < keys.size(); ++i) {
    Table* const table = found[i];
    if (!table) {
      if (verdicts[i]) due |= count_unknown(*keys[i]);
      continue;
    }
    if (verdicts[i] && table->uses < kMostUses) ++table->uses;
    if (table->tier == Tier::small && table->uses >= large_after_ && !table->due && !table->retired)
      due |= table->due = enqueue({*keys[i]}, Tier::large, table->uses);
    if (--table->pins > 0 || !table->retired) continue;
    slabs(table->tier).give_back(table->memory);
    std::erase_if(retired_, [&](const auto& one) { return one.get() == table; });
  }
  return due;
}

// Two keys that fall on the same place wear each other down; the more frequent one stays.
bool KeyTables::count_unknown(const Point& key) {
  const size_t hash = entries_.hash_function()({key});
  Seen& seen = seen_[hash % kSeen];
  const auto tag = uint32_t(hash >> 32);
  if (seen.tag != tag && seen.count > 0) {
    --seen.count;
    return false;
  }
  seen.tag = tag;
  if (++seen.count < small_after_) return false;
  const uint32_t uses = seen.count;
  seen.count = 0;
  return enqueue({key}, Tier::small, uses);
}

bool KeyTables::enqueue(const Keyed& key, Tier tier, uint32_t uses) {
  if (due_.size() >= kMostDue) return false;
  due_.push_back({key, tier, uses});
  return true;
}

void KeyTables::expect(const Point& key) {
  std::lock_guard lock(mutex_);
  if (!entries_.contains({key})) enqueue({key}, Tier::small, small_after_);
}

size_t KeyTables::build(size_t most) {
  size_t built = 0;
  for (;;) {
    Tier tier;
    std::vector<Due> batch;
    std::vector<uint8_t*> memory;
    {
      std::lock_guard lock(mutex_);
      batch = take_due(std::min(most - built, kBuildAtOnce), tier);
      if (batch.empty()) return built;
      std::erase_if(batch, [&](const Due& due) {
        uint8_t* place = memory_for(due);
        if (place) memory.push_back(place);
        return place == nullptr;
      });
    }
    std::vector<Affine> keys;
    for (const Due& due : batch) keys.push_back(affine_of(due.key.point));
    std::vector<uint8_t> good(batch.size());
    engine_.build(tier, keys, memory.data(), good.data());
    std::vector<Digest> z(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) z[i] = *z_of(batch[i].key.point);

    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (good[i] && batch[i].key.point[0] == 4) {
        publish(batch[i], memory[i], z[i]);
      } else {
        slabs(tier).give_back(memory[i]);
      }
    }
    built += batch.size();
  }
}

// The first in the queue and those behind it of the same tier.
std::vector<KeyTables::Due> KeyTables::take_due(size_t most, Tier& tier) {
  std::vector<Due> batch;
  while (!due_.empty() && batch.size() < most) {
    const Due& next = due_.front();
    if (!batch.empty() && next.tier != tier) break;
    tier = next.tier;
    const auto known = entries_.find(next.key);
    const bool wanted = next.tier == Tier::small
                            ? known == entries_.end()
                            : known != entries_.end() && known->second.table->tier == Tier::small;
    const bool twice =
        std::any_of(batch.begin(), batch.end(), [&](const Due& d) { return d.key == next.key; });
    if (wanted && !twice) batch.push_back(next);
    due_.pop_front();
  }
  return batch;
}

uint8_t* KeyTables::memory_for(const Due& due) {
  if (uint8_t* piece = slabs(due.tier).take()) return piece;
  if (evict(due.tier, due.uses))
    if (uint8_t* piece = slabs(due.tier).take()) return piece;
  if (auto at = entries_.find(due.key); at != entries_.end()) {
    at->second.table->due = false;  // it may ask again after as many uses
    at->second.table->uses = 0;
  }
  return nullptr;
}

// The hand goes as many steps as the newcomer has uses; each takes one off the key that it passes.
bool KeyTables::evict(Tier tier, uint32_t uses) {
  const auto& clock = clock_[int(tier)];
  size_t& hand = hand_[int(tier)];
  for (uint32_t step = 0; step < std::min(uses, kMostSteps) && !clock.empty(); ++step) {
    hand = hand + 1 < clock.size() ? hand + 1 : 0;
    auto& [key, entry] = *clock[hand];
    if (entry.table->uses > 0) --entry.table->uses;
    if (entry.table->uses > 0 || entry.table->pins > 0) continue;
    withdraw(entry);
    entries_.erase(entries_.find(key));
    ++statistics_.evicted;
    return true;
  }
  return false;
}

void KeyTables::publish(const Due& due, uint8_t* memory, const Digest& z) {
  auto& holder = *entries_.try_emplace(due.key).first;
  Entry& entry = holder.second;
  if (entry.table) withdraw(entry);
  entry.table = std::make_unique<Table>(Table{due.tier, memory, z, std::min(due.uses, kMostUses)});
  entry.position = clock_[int(due.tier)].size();
  clock_[int(due.tier)].push_back(&holder);
  ++statistics_.built;
}

// Takes the entry's table away and its key from the clock.
void KeyTables::withdraw(Entry& entry) {
  auto& clock = clock_[int(entry.table->tier)];
  clock.back()->second.position = entry.position;
  clock[entry.position] = clock.back();
  clock.pop_back();
  if (entry.table->pins == 0) {
    slabs(entry.table->tier).give_back(entry.table->memory);
    entry.table.reset();
  } else {
    entry.table->retired = true;
    retired_.push_back(std::move(entry.table));
  }
}

TableStatistics KeyTables::statistics() const {
  std::lock_guard lock(mutex_);
  TableStatistics now = statistics_;
  now.bytes = small_.bytes() + large_.bytes();
  now.small = clock_[int(Tier::small)].size();
  now.large = clock_[int(Tier::large)].size();
  return now;
}

}  // namespace chengxin::sm2::impl
