#pragma once
#include <mutex>
#include <unordered_map>

#include "ethereum/values.h"
#include "ledger/ledger.h"

namespace chengxin::ethereum {

// Which of the newest blocks has which hash: the ledger finds blocks by height alone. Read from the head
// downwards, as far as somebody asked. Thread-safe.
class Hashes {
 public:
  static constexpr uint64_t kMost = 1 << 18, kAtATime = 20'000;

  // Nothing: none of the newest kMost blocks. limit_exceeded: not found yet among those looked at so far.
  Answer<std::optional<uint64_t>> find(const ledger::Ledger& ledger, uint64_t head, const Digest& hash);

 private:
  Result<bool> is(const ledger::Ledger& ledger, uint64_t height, const Digest& hash);

  std::mutex mutex_;
  std::unordered_map<uint64_t, uint64_t> heights_;  // by the first 8 bytes
  uint64_t low_ = 1, high_ = 0;                     // those that were read: [low_, high_]
};

}  // namespace chengxin::ethereum
