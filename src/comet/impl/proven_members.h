#pragma once
#include "ledger/ledger.h"

// A chain's members as its newest certified block has them, with what proves it to who knows the genesis
// only: the blocks that changed the validators, each certified by the set before it, then that block,
// certified by the last set, and the consortium's record under its state root (docs/formats/content.md). So
// the light client of the engine can begin at any height without more trust than the genesis.
namespace chengxin::comet {

inline constexpr size_t kMaxMembersProof = size_t(8) << 20;

Result<Bytes> prove_members(const ledger::Ledger& ledger);

struct ProvenMembers {
  uint64_t height = 0;  // of the ledger
  format::Consortium consortium;
};
// For a node whose ledger has the genesis and perhaps more: up to its certified height the proof must go
// through the same blocks and voters, since older voters' keys may be in other hands by now.
// comet.members_unproven.
Result<ProvenMembers> check_members(const ledger::Ledger& own, ByteView proof);

}  // namespace chengxin::comet
