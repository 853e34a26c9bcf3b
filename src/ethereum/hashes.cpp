#include "ethereum/impl/hashes.h"

#include <algorithm>

namespace chengxin::ethereum {

Result<bool> Hashes::is(const ledger::Ledger& ledger, uint64_t height, const Digest& hash) {
  ASSIGN(const auto block, ledger.block_header(height));
  const Digest found = format::Header::hash(block.header_bytes);
  heights_[get_be<uint64_t>(found.data())] = height;
  return found == hash;
}

Answer<std::optional<uint64_t>> Hashes::find(const ledger::Ledger& ledger, uint64_t head,
                                             const Digest& hash) {
  using Found = std::optional<uint64_t>;
  if (hash == ledger.id()) return Found(0);
  std::lock_guard lock(mutex_);
  if (heights_.size() > 2 * kMost || head > high_ + kAtATime) {
    heights_.clear();
    low_ = head + 1;
    high_ = head;
  }
  if (const auto known = heights_.find(get_be<uint64_t>(hash.data())); known != heights_.end()) {
    ASSIGN(const bool same, is(ledger, known->second, hash));
    if (same) return Found(known->second);
  }
  while (high_ < head) {
    ASSIGN(const bool same, is(ledger, high_ + 1, hash));
    ++high_;
    if (same) return Found(high_);
  }
  const uint64_t end = head > kMost ? head - kMost : 0;  // the last one that is not looked at
  for (uint64_t left = kAtATime; low_ > end + 1; --left) {
    if (left == 0)
      return refuse(RpcCode::limit_exceeded, "blocks below {} were not looked through yet: ask again", low_);
    ASSIGN(const bool same, is(ledger, low_ - 1, hash));
    --low_;
    if (same) return Found(low_);
  }
  return Found();
}

}  // namespace chengxin::ethereum
