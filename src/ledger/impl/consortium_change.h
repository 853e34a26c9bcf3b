#pragma once
#include <map>

#include "format/proposal.h"
#include "ledger/contract.h"

namespace chengxin::ledger {

// What the actions of one proposal do to a chain, gathered, so that all of it is written or none. apply()
// gives the reason key of the first action that does not fit, or of the whole: consortium.last_voter,
// consortium.last_organisation, consortium.too_many.
class ConsortiumChange {
 public:
  // Errors are host faults: what the state holds does not parse. `present` is false when there is no
  // consortium.
  static Result<ConsortiumChange> begin(StateView& state, uint64_t height);
  bool present() const { return present_; }
  const format::Consortium& consortium() const { return consortium_; }

  // A reason key, or empty; an Error is a host fault. After a reason the object is of no further use.
  using Refusal = std::string;
  Result<Refusal> apply(std::span<const format::Action> actions);
  void write();

 private:
  ConsortiumChange(StateView& state, uint64_t height) : state_(&state), height_(height) {}

  Result<Refusal> act(const format::AddOrganisation& action);
  Result<Refusal> act(const format::RemoveOrganisation& action);
  Result<Refusal> act(const format::ReplaceGovernor& action);
  Result<Refusal> act(const format::ReplaceRoot& action);
  Result<Refusal> act(const format::AddNode& action);
  Result<Refusal> act(const format::SetRole& action);
  Result<Refusal> act(const format::RemoveNode& action);
  Result<Refusal> act(const format::RevokeNode& action);
  Result<Refusal> act(const format::ReplaceNodeKeys& action);
  Result<Refusal> act(const format::MoveNode& action);
  Result<Refusal> act(const format::RegisterAccount& action);
  Result<Refusal> act(const format::RevokeAccount& action);
  Result<Refusal> act(const format::SetProtocol& action);
  Result<Refusal> act(const format::SetApproval& action);
  Result<Refusal> act(const format::SetLimits& action);
  Result<Refusal> act(const format::SetContractPolicy& action);

  Refusal whole() const;
  Refusal root_refused(const Bytes& certificate, std::string_view organisation) const;
  Refusal keys_refused(const format::Node& node) const;
  // Accounts as they are with the actions so far.
  Result<std::optional<format::Account>> account(const format::KeyId& id);
  Result<Refusal> grant(const crypto::Sm2Point& key, std::string_view role);
  Status set_dormant(const crypto::Sm2Point& key);
  Status revoke(const crypto::Sm2Point& key);
  void distrust(format::Revoked entry);
  format::Node* node(std::string_view name);
  format::Organisation* organisation(std::string_view name);

  StateView* state_;
  uint64_t height_;
  bool present_ = false;
  format::Consortium consortium_;
  format::Revocations revocations_;
  std::optional<format::ProtocolChange> protocol_;
  std::optional<format::ChainLimits> limits_;  // when they change
  std::optional<format::ContractPolicy> contract_policy_;
  std::map<format::KeyId, format::Account> accounts_;
  std::vector<std::string> erased_;
  bool consortium_changed_ = false, revocations_changed_ = false, protocol_changed_ = false;
};

}  // namespace chengxin::ledger
