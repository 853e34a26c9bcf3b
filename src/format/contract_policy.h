#pragma once
#include <map>

#include "base/result.h"

namespace chengxin::format {

// Who may do what with the contracts of a chain, and how much of a block an organisation may use
// (docs/formats/contract.md, "Policy"). A list names roles of accounts; `*` is any active account, `owner`
// who proposed the contract first. Stands in the state as canonical JSON.
struct ContractPolicy {
  using Roles = std::vector<std::string>;  // 1 to 16
  Roles propose = {"developer", "governor"}, approve = {"governor"}, deploy = {"governor", "owner"},
        upgrade = {"governor", "owner"}, freeze = {"governor", "owner"}, unfreeze = {"governor"},
        retire = {"governor", "owner"}, call = {"*"};
  std::map<std::string, Roles> calls;  // by contract: instead of `call`; at most 256
  // How many accounts must approve a version. 0: as many as a vote of the consortium needs; without one, 1.
  uint32_t approvals = 0;
  // Gas of one organisation's transactions in a block, after which the next waits for a later block; an
  // account of none is by itself. 0: no such limit.
  uint64_t quota_gas = 0;
  bool operator==(const ContractPolicy&) const = default;

  const Roles& of_call(std::string_view contract) const;
  std::string encode() const;
  static Result<ContractPolicy> decode(std::string_view document);  // format.contract_policy
};
// In the state once one was set.
inline constexpr std::string_view kContractPolicyKey = "chain/contract_policy";

}  // namespace chengxin::format
