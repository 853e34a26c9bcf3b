#pragma once
#include "identity/model.h"
#include "ledger/contract.h"

// The native contract `identity` (docs/formats/identity.md), from protocol version 4 on: subjects and their
// keys, who may register them, what they let each other do, templates, consents and pseudonyms. Invariants:
// - a change of a subject names the version that it changes: of two that race one fails, and none is applied
// twice;
// - a key belongs to one subject for ever, and whoever takes one by itself shows that it has it;
// - totals count every subject once, under its kind and status;
// - whoever signs with a key of a subject that is not active is refused, whatever it asks for;
// - nobody registers, suspends, restores or revokes by default, and there is always one who may name
// registrars;
// - a nullifier is in a scene once, and an order is carried out only after somebody else than who proposed it
// agreed.
namespace chengxin::identity {

inline constexpr size_t kMaxBatch = 500;  // subjects in one call
inline constexpr size_t kMaxKeys = 16, kMaxServices = 16, kMaxScopes = 32, kMaxAgents = 64, kMaxData = 64;
inline constexpr size_t kMaxBetween = 32;  // relations of one principal with one other that were not revoked
inline constexpr size_t kMaxDepth = 32;    // of the tree of organisations
inline constexpr size_t kMaxAdmins = 16;
inline constexpr std::string_view kSubjectRole = "subject";  // of accounts that the contract makes for keys

ledger::ContractTable contract();

}  // namespace chengxin::identity
