#pragma once
#include "ledger/contract.h"

// evidence.add, the native contract (docs/formats/chain.md, "evidence.add"; docs/evidence.md lists its
// answers). Signers need the role "writer". A call takes one attachment and has its items indexed by their
// digests.
namespace chengxin::evidence {

inline constexpr uint64_t kMaxItemsPerCall = 100'000;

// Statuses: bad_arguments when the arguments are not a canonical EvidenceAdd; refused, with the reason key as
// output: evidence.count (above kMaxItemsPerCall), evidence.attachment_length
// (not count × item_bytes), evidence.root_mismatch. Accepted: event evidence.added with data root (32) || u64
// count, and the same bytes as output.
ledger::ContractTable contract();

}  // namespace chengxin::evidence
