#pragma once
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "format/genesis.h"
#include "merkle/state_tree.h"
#include "store/database.h"

namespace chengxin::ledger {

// A registered key, ready to verify with.
struct KnownAccount {
  format::Account account;
  crypto::Sm2PublicKey key;
};
using AccountPtr = std::shared_ptr<const KnownAccount>;

Result<AccountPtr> known_account(ByteView stored);

// Accounts at the head, kept in memory up to a bound. Thread-safe.
class AccountCache {
 public:
  explicit AccountCache(const store::Database& database) : database_(database) {}
  Result<AccountPtr> find(const format::KeyId& id);  // nullptr when there is none
  void forget(const merkle::StateUpdates& changes);  // after they were written

 private:
  struct Hash {
    size_t operator()(const format::KeyId& id) const {
      size_t value;
      std::memcpy(&value, id.data(), sizeof value);
      return value;
    }
  };
  static constexpr size_t kMaxAccounts = 20'000;

  const store::Database& database_;
  std::shared_mutex mutex_;
  uint64_t generation_ = 0;  // grows with forget(): what was read before is not kept after
  std::unordered_map<format::KeyId, AccountPtr, Hash> accounts_;
};

}  // namespace chengxin::ledger
