#include "ledger/impl/quota.h"

namespace chengxin::ledger {

Result<Quota> Quota::of(const format::ContractPolicy* policy, const StateReader& state) {
  Quota out;
  if (!policy || policy->quota_gas == 0) return out;
  out.most_ = policy->quota_gas;
  ASSIGN(const auto document, state.get(to_bytes(view(format::kConsortiumKey))));
  if (!document) return out;
  ASSIGN(const auto consortium, format::Consortium::decode(text(*document)));
  for (const auto& each : consortium.organisations) out.organisations_[each.governor_key] = each.name;
  for (const auto& each : consortium.nodes) out.organisations_[each.service_key] = each.organisation;
  return out;
}

std::string Quota::user(const format::KeyId& id, const format::Account& account) const {
  const auto found = organisations_.find(account.public_key);
  return found == organisations_.end() ? "key " + hex(id) : "organisation " + found->second;
}

bool Quota::reached(const format::KeyId& id, const format::Account& account) const {
  if (most_ == 0) return false;
  const auto found = used_.find(user(id, account));
  return found != used_.end() && found->second >= most_;
}

void Quota::add(const format::KeyId& id, const format::Account& account, uint64_t gas) {
  if (most_ > 0) used_[user(id, account)] += gas;
}

}  // namespace chengxin::ledger
