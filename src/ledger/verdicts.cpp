#include "ledger/impl/verdicts.h"

#include "crypto/sm3.h"

namespace chengxin::ledger {

Digest full_hash(const SignedBy& signed_by) {
  constexpr std::string_view kTag("chengxin/full/v1\0", 17);
  return crypto::sm3(
      {view(kTag), signed_by.signer.account.public_key, signed_by.transaction, signed_by.signature});
}

void Verdicts::find(std::span<const Digest> full_hashes, std::span<Verdict> out) {
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < full_hashes.size(); ++i) {
    out[i] = Verdict::unknown;
    const Set& set = set_of(full_hashes[i]);
    for (size_t way = 0; way < kWays; ++way)
      if (set.verdicts[way] != Verdict::unknown && set.hashes[way] == full_hashes[i])
        out[i] = set.verdicts[way];
    counts_.remembered += out[i] != Verdict::unknown;
  }
}

void Verdicts::keep(std::span<const Digest> full_hashes, std::span<const Verdict> verdicts) {
  std::lock_guard lock(mutex_);
  counts_.checked += full_hashes.size();
  for (size_t i = 0; i < full_hashes.size(); ++i) {
    Set& set = set_of(full_hashes[i]);
    set.hashes[set.next] = full_hashes[i];
    set.verdicts[set.next] = verdicts[i];
    set.next = (set.next + 1) % kWays;
  }
}

SignatureCounts Verdicts::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace chengxin::ledger
