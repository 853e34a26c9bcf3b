#pragma once
#include <map>

#include "ledger/impl/execution.h"

namespace chengxin::ledger {

// Gas of a block by organisation (docs/formats/contract.md, "Policy"), as its state was before the block.
class Quota {
 public:
  // `policy` null: none was set. An Error is a host fault.
  static Result<Quota> of(const format::ContractPolicy* policy, const StateReader& state);

  bool reached(const format::KeyId& id, const format::Account& account) const;
  void add(const format::KeyId& id, const format::Account& account, uint64_t gas);

 private:
  std::string user(const format::KeyId& id, const format::Account& account) const;

  uint64_t most_ = 0;  // 0: no limit
  std::map<crypto::Sm2Point, std::string> organisations_;
  std::map<std::string, uint64_t> used_;
};

}  // namespace chengxin::ledger
