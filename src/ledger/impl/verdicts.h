#pragma once
#include <mutex>
#include <vector>

#include "format/transaction.h"
#include "ledger/impl/accounts.h"
#include "ledger/ledger.h"

// What is known already about signatures of transactions.
namespace chengxin::ledger {

// Names everything that a verdict on a signature depends on, and nothing else: SM3(tag "chengxin/full/v1" ||
// the signer's public key || tx_hash || signature). tx_hash alone covers the body, so the same body with
// another signature, or with another key behind the same signer, is another question. It never leaves the
// process.
struct SignedBy {
  const KnownAccount& signer;
  const Digest& transaction;
  const crypto::Sm2Signature& signature;
};
Digest full_hash(const SignedBy& signed_by);

// Verdicts by full hash, both kinds, in a table of fixed size (2.2 MB): sets of eight, in each of which the
// newest takes the place of the oldest. Whoever fills it with one-time signatures only makes others be
// checked once more. Thread-safe.
class Verdicts {
 public:
  enum class Verdict : uint8_t { unknown, bad, good };
  Verdicts() : sets_(kSets) {}
  void find(std::span<const Digest> full_hashes, std::span<Verdict> out);
  void keep(std::span<const Digest> full_hashes, std::span<const Verdict> verdicts);
  SignatureCounts counts() const;

 private:
  static constexpr size_t kSets = 8192, kWays = 8;
  struct Set {
    Digest hashes[kWays];
    Verdict verdicts[kWays] = {};
    uint8_t next = 0;
  };
  Set& set_of(const Digest& hash) { return sets_[DigestHash()(hash) % kSets]; }

  mutable std::mutex mutex_;
  std::vector<Set> sets_;
  SignatureCounts counts_;
};

}  // namespace chengxin::ledger
