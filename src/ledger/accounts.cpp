#include "ledger/impl/accounts.h"

#include "ledger/impl/keys.h"

namespace chengxin::ledger {

Result<AccountPtr> known_account(ByteView stored) {
  ASSIGN(format::Account account, format::Account::decode(stored));
  ASSIGN(auto key, crypto::Sm2PublicKey::from_point(account.public_key));
  return std::make_shared<const KnownAccount>(KnownAccount{std::move(account), std::move(key)});
}

Result<AccountPtr> AccountCache::find(const format::KeyId& id) {
  uint64_t generation;
  {
    std::shared_lock lock(mutex_);
    if (auto found = accounts_.find(id); found != accounts_.end()) return found->second;
    generation = generation_;
  }
  ASSIGN(auto stored, database_.get(store::Table::state, keys::value(format::Account::state_key(id))));
  if (!stored) return AccountPtr();
  ASSIGN(AccountPtr account, known_account(*stored));
  std::unique_lock lock(mutex_);
  if (generation == generation_) {
    if (accounts_.size() >= kMaxAccounts) accounts_.clear();
    accounts_.emplace(id, account);
  }
  return account;
}

void AccountCache::forget(const merkle::StateUpdates& changes) {
  const Bytes prefix = to_bytes(view("key/"));
  std::unique_lock lock(mutex_);
  ++generation_;
  for (auto at = changes.lower_bound(prefix); at != changes.end(); ++at) {
    const Bytes& key = at->first;
    if (!text(key).starts_with(text(prefix))) break;
    format::KeyId id;
    if (key.size() != prefix.size() + id.size()) continue;
    std::memcpy(id.data(), key.data() + prefix.size(), id.size());
    accounts_.erase(id);
  }
}

}  // namespace chengxin::ledger
