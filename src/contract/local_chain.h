#pragma once
#include "contract/registry.h"

// A chain of one person in memory: each transaction a block, contracts and their life cycle as on any other.
namespace chengxin::contract {

class MapState : public ledger::StateView {
 public:
  Result<std::optional<Bytes>> get(std::string_view key) override;
  void put(std::string_view key, Bytes value) override;
  void erase(std::string_view key) override;
  Result<ledger::StateRows> range(std::string_view from, std::string_view to, size_t limit) override;

  void keep() { before_.clear(); }
  void undo();  // what was written since keep()

  std::map<std::string, std::optional<Bytes>, std::less<>> values;  // nothing: it was erased

 private:
  void remember(std::string_view key);
  std::map<std::string, std::optional<std::optional<Bytes>>, std::less<>>
      before_;  // nothing: there was no such key
};

class LocalChain {
 public:
  explicit LocalChain(Engines engines, uint64_t gas = ledger::kTransactionGas);

  // Makes the account, or gives it these roles. The key is no secret and signs nothing.
  void account(const std::string& name, std::vector<std::string> roles);
  bool has_account(const std::string& name) const { return accounts_.contains(name); }
  format::Address address(const std::string& account) const;  // of one that was made

  // A block with one transaction of the account, one second after the one before. An Error is a fault.
  Result<ledger::CallResult> transact(const std::string& account, const format::Call& call,
                                      ByteView attachment = {});
  // propose by the account, approve by whom the chain trusts, deploy by the account: the first that is not
  // accepted, or the deployment's.
  Result<ledger::CallResult> deploy(const std::string& account, const std::string& name, ByteView package,
                                    ByteView input);
  // A call that may only read, at the head. Call data.
  Result<Outcome> query(const std::string& account, const std::string& name, ByteView input);

  void advance(uint64_t blocks, int64_t ms);
  uint64_t height() const { return height_; }
  int64_t time_ms() const { return time_ms_; }

 private:
  ledger::CallContext context_for(const format::Account& account, const format::Call& call,
                                  ByteView attachment);

  const std::shared_ptr<const Registry> registry_;
  const ledger::ContractTable table_;
  const std::shared_ptr<const ledger::Deployed> deployed_;
  const std::shared_ptr<const Directory> directory_;
  const uint64_t gas_;
  MapState state_;
  std::map<std::string, format::Account> accounts_;
  uint64_t height_ = 0;
  int64_t time_ms_ = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
};

}  // namespace chengxin::contract
