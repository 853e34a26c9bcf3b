#pragma once
#include <list>
#include <mutex>
#include <unordered_map>

#include "contract/abi.h"
#include "contract/frames.h"
#include "ledger/ledger.h"

// The contracts of chains: what is loaded, where it stands, who may do what with it.
namespace chengxin::contract {

inline constexpr uint32_t kContractsProtocol = 3;  // blocks of earlier versions know none of this

// A package as it runs.
struct Loaded {
  struct Function {
    std::array<uint8_t, 4> selector{};
    Type arguments;
  };
  format::ContractEngine engine = format::ContractEngine::wasm;
  Interface interface;
  std::shared_ptr<const Module> module;
  std::unordered_map<std::string, Function> functions;  // as Interface::function finds them
};
using LoadedPtr = std::shared_ptr<const Loaded>;

// One for all chains of a process; thread-safe.
class Registry {
 public:
  explicit Registry(Engines engines, Watch* watch = nullptr) : engines_(std::move(engines)), watch_(watch) {}
  // One whose calls are watched, on the same engines; not to be used longer than the watch lives.
  std::shared_ptr<const Registry> watched(Watch& watch) const {
    return std::make_shared<const Registry>(engines_, &watch);
  }
  Watch* watch() const { return watch_; }

  struct Checked {
    std::optional<Error> refusal;
    uint64_t gas = 0;  // of what was done to know
  };
  // Whether a package may be proposed: format.contract_package, contract.engine (this program has none for
  // it), contract.abi.*, contract.scan.*, contract.prepare.compile. An Error is a fault of this node.
  Result<Checked> check(ByteView package) const;
  // `read` gives the package where it is not loaded yet. contract.engine.
  Result<LoadedPtr> load(const Digest& package, const std::function<Result<Bytes>()>& read) const;

 private:
  static constexpr size_t kMost = 256, kMostBytes = 256 << 20;
  const Engines engines_;
  Watch* const watch_;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<Digest, LoadedPtr>> recent_;  // the newest first
};

// `owner`: whether the account proposed the contract first.
bool may_act(const format::ContractPolicy::Roles& roles, const format::Account& account, bool owner);

// The native contract `contract`: propose, approve, reject, deploy, freeze, unfreeze, retire.
ledger::ContractTable lifecycle(std::shared_ptr<const Registry> registry);
// Calls of what was deployed by it.
std::shared_ptr<const ledger::Deployed> deployed(std::shared_ptr<const Registry> registry);
// Both, beside what `options` has already.
ledger::Options with_contracts(const std::shared_ptr<const Registry>& registry, ledger::Options options);

FrameContext frame_of(const ledger::CallContext& call);
enum class Frozen { is_closed, may_be_read };
// By address, of what may be called now.
std::shared_ptr<const Directory> make_directory(std::shared_ptr<const Registry> registry,
                                                Frozen frozen = Frozen::is_closed);
// → the contract's name
inline std::string address_key(const Address& address) { return "contract/a/" + to_string(address); }
Result<std::optional<format::ContractRecord>> record_of(const Read& read, std::string_view name);
Result<std::optional<format::ContractVersionRecord>> version_of(const Read& read, std::string_view name,
                                                                uint32_t version);
Result<LoadedPtr> load_version(const Registry& registry, const Read& read, const Digest& package);

}  // namespace chengxin::contract
