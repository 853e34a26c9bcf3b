#pragma once
#include "format/proposal.h"
#include "ledger/ledger.h"

// Reads of what the native contract `consortium` keeps (docs/formats/consortium.md). A chain without a
// consortium has no such state.
namespace chengxin::ledger {

// consortium.none (not found) when the chain has none.
Result<format::Consortium> consortium_of(const Ledger& ledger);
Result<format::Revocations> revocations_of(const Ledger& ledger);
// Those that are open, and the last kClosedProposals that are not, ascending by number.
Result<std::vector<format::Proposal>> proposals_of(const Ledger& ledger);
Result<std::vector<format::Proposal>> open_proposals_of(const Ledger& ledger);
Result<std::vector<Bytes>> crls_of(const Ledger& ledger, const format::Consortium& consortium);  // DER
// Absent: version 1 from the beginning.
Result<std::optional<format::ProtocolChange>> protocol_of(const Ledger& ledger);

inline constexpr size_t kOpenProposals = 64, kOpenProposalsEach = 8, kClosedProposals = 64;

}  // namespace chengxin::ledger
