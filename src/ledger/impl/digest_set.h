#pragma once
#include <bit>
#include <vector>

#include "base/bytes.h"

namespace chengxin::ledger {

// Digests of the size that was foretold or fewer, by open addressing: a few cache lines for each question and
// no allocation for each digest.
class DigestSet {
 public:
  explicit DigestSet(size_t most) : slots_(std::bit_ceil(2 * most + 2)) { digests_.reserve(most); }

  // False when it is there already.
  bool insert(const Digest& digest) {
    uint32_t& slot = slots_[find(digest)];
    if (slot != 0) return false;
    digests_.push_back(digest);
    slot = uint32_t(digests_.size());
    return true;
  }
  bool contains(const Digest& digest) const { return slots_[find(digest)] != 0; }
  size_t size() const { return digests_.size(); }

 private:
  // Where it is, or an empty slot; there always is one.
  size_t find(const Digest& digest) const {
    const size_t mask = slots_.size() - 1;
    size_t at = DigestHash()(digest) & mask;
    while (slots_[at] != 0 && digests_[slots_[at] - 1] != digest) at = (at + 1) & mask;
    return at;
  }

  std::vector<Digest> digests_;
  std::vector<uint32_t> slots_;  // position in digests_ and one more; 0: empty
};

}  // namespace chengxin::ledger
