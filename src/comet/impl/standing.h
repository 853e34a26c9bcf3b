#pragma once
#include "comet/application.h"

// What the engine's last decision left: who votes next, and which blocks of the ledger wait for signatures or
// for their certificate. Immutable; made anew at each commit, and from the ledger at a start.
namespace chengxin::comet {

using EngineAddress = std::array<uint8_t, 20>;
EngineAddress engine_address(const std::array<uint8_t, 32>& engine_key);  // SHA-256, first 20 bytes

// A consortium with its voters by what the engine and the ledger call them.
struct Voters {
  explicit Voters(format::Consortium consortium);
  const format::Consortium consortium;
  const format::ValidatorSet set;
  // Position in the set; nothing when there is no such voter.
  std::optional<uint16_t> index_of(const EngineAddress& address) const;
  const crypto::Sm2Point* key_of(const EngineAddress& address) const;

 private:
  std::map<EngineAddress, uint16_t> indices_;
};
using VotersPtr = std::shared_ptr<const Voters>;

// A block of the ledger without its certificate.
struct Uncertified {
  uint64_t height = 0;
  Digest header_hash{};
  VotersPtr signers;
};

struct Standing {
  Progress progress;
  std::optional<Uncertified> to_sign;   // by the extensions of the next engine height
  std::optional<Uncertified> to_carry;  // its certificate is owed by the block of the next engine height
  bool may_carry = false;               // after a snapshot: that block may carry one that is here already
  VotersPtr voting;                     // at the next engine height; they sign `to_sign`
  VotersPtr present;                    // after the last block: those of the engine height after the next
  Digest app_hash{};

  uint64_t next_height() const { return progress.engine_height + 1; }
  bool awaits_certificate() const { return to_sign || to_carry; }
};
using StandingPtr = std::shared_ptr<const Standing>;

// comet.no_consortium, comet.validators_differ (the chain's validators are not its consortium's voters), …
Result<StandingPtr> load_standing(const ledger::Ledger& ledger);

// As Progress says of them: the ledger's head after an engine height.
Digest app_hash(const Progress& progress, const format::Header& head, const Digest& next_validators);

Bytes encode_note(const Progress& progress);  // at most Ledger::kMaxNoteBytes
Result<Progress> decode_note(ByteView bytes);

}  // namespace chengxin::comet
