#include "contract/registry.h"

#include "base/check.h"
#include "contract/impl/newest.h"
#include "identity/reads.h"

namespace chengxin::contract {

Result<Registry::Checked> Registry::check(ByteView package) const {
  const auto refused = [](Error why, uint64_t gas = 0) { return Checked{std::move(why), gas}; };
  const auto read = format::ContractPackage::decode(package);
  if (!read) return refused(read.error());
  const auto engine = engines_.find(read->engine);
  if (engine == engines_.end())
    return refused(
        {Code::invalid_argument, "contract.engine", fmt::format("no engine {}", uint32_t(read->engine))});
  const auto interface = parse_interface(read->interface);
  if (!interface) return refused(interface.error());
  if (interface->json() != read->interface)
    return refused(
        {Code::invalid_argument, "contract.abi.canonical", "the interface is not in its canonical form"});
  ASSIGN(const Scan scan, engine->second->scan(read->code));
  if (scan.findings.empty()) return Checked{{}, scan.gas};
  const Finding& first = scan.findings.front();
  return refused({Code::invalid_argument, first.reason, first.detail}, scan.gas);
}

Result<LoadedPtr> Registry::load(const Digest& package, const std::function<Result<Bytes>()>& read) const {
  {
    std::lock_guard lock(mutex_);
    for (auto at = recent_.begin(); at != recent_.end(); ++at)
      if (at->first == package) {
        recent_.splice(recent_.begin(), recent_, at);
        return recent_.front().second;
      }
  }
  ASSIGN(const Bytes bytes, read());
  ASSIGN(auto content, format::ContractPackage::decode(bytes));
  const auto engine = engines_.find(content.engine);
  if (engine == engines_.end())  // not a verdict on the contract: other programs may have it
    return fail(Code::unsupported, "ledger.engine_unknown", "this program has no engine {}",
                uint32_t(content.engine));
  auto loaded = std::make_shared<Loaded>();
  loaded->engine = content.engine;
  ASSIGN(loaded->interface, parse_interface(content.interface));
  for (const Entry& entry : loaded->interface.entries) {
    if (entry.kind != Entry::Kind::function) continue;
    const Loaded::Function function{entry.selector(), list_of(entry.inputs)};
    loaded->functions.emplace(entry.signature(), function);
    if (loaded->interface.function(entry.name)) loaded->functions.emplace(entry.name, function);
  }
  ASSIGN(loaded->module, engine->second->load(content.code));
  std::lock_guard lock(mutex_);
  recent_.emplace_front(package, loaded);
  keep_newest(recent_, kMost, kMostBytes, [](const auto& each) { return each.second->module->bytes(); });
  return LoadedPtr(std::move(loaded));
}

Result<std::optional<format::ContractRecord>> record_of(const Read& read, std::string_view name) {
  ASSIGN(auto stored, read(format::ContractRecord::state_key(name)));
  if (!stored) return std::optional<format::ContractRecord>();
  ASSIGN(auto record, format::ContractRecord::decode(*stored));
  return std::optional(std::move(record));
}

Result<std::optional<format::ContractVersionRecord>> version_of(const Read& read, std::string_view name,
                                                                uint32_t version) {
  ASSIGN(auto stored, read(format::ContractVersionRecord::state_key(name, version)));
  if (!stored) return std::optional<format::ContractVersionRecord>();
  ASSIGN(auto record, format::ContractVersionRecord::decode(*stored));
  return std::optional(std::move(record));
}

Result<LoadedPtr> load_version(const Registry& registry, const Read& read, const Digest& package) {
  return registry.load(package, [&]() -> Result<Bytes> {
    ASSIGN(auto stored, read(format::package_key(package)));
    CHECK(stored.has_value());  // no version is written without it
    return std::move(*stored);
  });
}

namespace {

using format::ContractState;
using format::ReceiptStatus;

// contract.not_deployed, .frozen, .retired: what cannot be called, and why.
std::string_view closed(ContractState state) {
  switch (state) {
    case ContractState::proposed:
      return "contract.not_deployed";
    case ContractState::frozen:
      return "contract.frozen";
    case ContractState::retired:
      return "contract.retired";
    case ContractState::active:
      break;
  }
  return {};
}

Result<Callee> callee_of(const Loaded& loaded, const Address& address, const Read& read) {
  if (loaded.engine != format::ContractEngine::evm) return Callee{loaded.module, {}};
  return evm_callee(read, address);
}

class NamedContracts : public Directory {
 public:
  explicit NamedContracts(std::shared_ptr<const Registry> registry, Frozen frozen = Frozen::is_closed)
      : registry_(std::move(registry)), frozen_(frozen) {}

  Result<Callee> at(const Address& address, const FrameContext& frame, Journal& journal) const override {
    const Read read = [&](std::string_view key) { return journal.get(to_bytes(view(key))); };
    ASSIGN(const auto name, read(address_key(address)));
    // One without a name is called by whom the policy lets call contracts that it does not name.
    TRY(check_caller(name ? text(*name) : std::string_view(), frame, read));
    if (name) {
      ASSIGN(const LoadedPtr loaded, by_name(text(*name), read));
      return callee_of(*loaded, address, read);
    }
    return evm_callee(read, address);
  }

  Result<std::optional<Bytes>> name(const Address& address, Journal& journal) const override {
    return journal.get(to_bytes(view(address_key(address))));
  }

  Result<std::optional<Bytes>> attribute(const Address& address, std::string_view attribute,
                                         Journal& journal) const override {
    using Answer = std::optional<Bytes>;
    const Read read = [&](std::string_view key) { return journal.get(to_bytes(view(key))); };
    ASSIGN(const auto account, account_at(address, read));
    if (!account) return Answer();
    if (attribute == "status") return Answer(to_bytes(view(account->active ? "active" : "revoked")));
    if (attribute == "public_key") return Answer(to_bytes(account->public_key));
    if (attribute.starts_with("role:") && account->has_role(attribute.substr(5))) return Answer(Bytes{1});
    if (attribute == "organisation" || attribute.starts_with("identity"))
      return identity_attribute(format::key_id(account->public_key), attribute, read);
    return Answer();
  }

  Watch* watch() const override { return registry_->watch(); }

  Result<LoadedPtr> by_name(std::string_view name, const Read& read) const {
    ASSIGN(const auto record, record_of(read, name));
    if (!record) return fail(Code::not_found, "contract.unknown", "no contract {}", name);
    const bool read_anyway = record->state == ContractState::frozen && frozen_ == Frozen::may_be_read;
    if (const auto why = closed(record->state); !why.empty() && !read_anyway)
      return fail(Code::conflict, std::string(why), "{}", record->why);
    ASSIGN(const auto version, version_of(read, name, record->current));
    CHECK(version.has_value());
    return load_version(*registry_, read, version->package);
  }

 private:
  // What the contract `identity` holds of whose key it is.
  static Result<std::optional<Bytes>> identity_attribute(const format::KeyId& key, std::string_view attribute,
                                                         const Read& read) {
    using Answer = std::optional<Bytes>;
    ASSIGN(const auto id, identity::subject_of_key(read, key));
    if (!id) return Answer();
    ASSIGN(const auto subject, identity::subject_of(read, *id));
    if (attribute == "identity") return Answer(to_bytes(*id));
    if (attribute == "identity.kind") return Answer(to_bytes(view(format::name_of(subject.kind))));
    if (attribute == "identity.status") return Answer(to_bytes(view(format::name_of(subject.status))));
    if (attribute == "organisation" && subject.parent) return Answer(to_bytes(*subject.parent));
    return Answer();
  }
  static Result<std::optional<format::Account>> account_at(const Address& address, const Read& read) {
    using Answer = std::optional<format::Account>;
    format::KeyId id;
    std::memcpy(id.data(), address.data(), id.size());
    ASSIGN(const auto stored, read(to_string(format::Account::state_key(id))));
    if (!stored) return Answer();
    ASSIGN(auto account, format::Account::decode(*stored));
    return format::account_address(account.public_key) == address ? Answer(std::move(account)) : Answer();
  }

  // The rule is of who signed, so that no contract stands in for somebody who may not call.
  static Status check_caller(std::string_view name, const FrameContext& frame, const Read& read) {
    static const format::ContractPolicy::Roles everybody = {"*"};
    if (!frame.policy || frame.policy->of_call(name) == everybody) return {};
    ASSIGN(const auto account, account_at(frame.origin, read));
    if (account && may_act(frame.policy->of_call(name), *account, false)) return {};
    return fail(Code::forbidden, "contract.forbidden", "{}", name);
  }

  const std::shared_ptr<const Registry> registry_;
  const Frozen frozen_;
};

class DeployedContracts : public ledger::Deployed {
 public:
  explicit DeployedContracts(std::shared_ptr<const Registry> registry) : directory_(std::move(registry)) {}

  uint32_t since_version() const override { return kContractsProtocol; }
  const std::vector<std::string>& reads() const override { return reads_; }
  const std::vector<std::string>& writes() const override { return writes_; }

  Result<ledger::CallResult> call(const ledger::CallContext& context,
                                  const format::Call& call) const override {
    const Read read = [&](std::string_view key) { return context.state.get(key); };
    const auto address = format::parse_address(call.contract);
    std::string name = call.contract;
    if (address) {
      ASSIGN(const auto stored, read(address_key(*address)));
      name = stored ? to_string(*stored) : "";
    }
    if (!may_act(context.policy.of_call(name), context.account, false))
      return ledger::ended(ReceiptStatus::forbidden, "contract.forbidden");
    Message message;
    message.gas = context.gas;
    if (address) {
      if (call.method != "call")
        return ledger::ended(ReceiptStatus::unknown_method, "contract.unknown_method");
      message.to = *address;
      message.input = call.arguments;
      return run(context, [&](Frames& frames) { return frames.call(message); });
    }
    auto loaded = directory_.by_name(call.contract, read);
    if (!loaded) return refused(std::move(loaded).error());
    const auto function = (*loaded)->functions.find(call.method);
    if (function == (*loaded)->functions.end())
      return ledger::ended(ReceiptStatus::unknown_method, "contract.unknown_method");
    const auto& [selector, arguments] = function->second;
    if (auto fits = check(arguments, call.arguments); !fits)
      return ledger::ended(ReceiptStatus::bad_arguments, fits.error().reason);
    message.to = format::contract_address(call.contract);
    append(message.input, selector);
    append(message.input, call.arguments);
    auto callee = callee_of(**loaded, message.to, read);
    if (!callee) return refused(std::move(callee).error());
    return run(context, [&](Frames& frames) { return frames.call(message, *callee); });
  }

 private:
  static Result<ledger::CallResult> refused(Error why) {
    if (!is_of_contract(why)) return tl::unexpected(std::move(why));
    const bool unknown = why.reason == "contract.unknown";
    return ledger::ended(unknown ? ReceiptStatus::unknown_contract : ReceiptStatus::refused, why.reason);
  }
  Result<ledger::CallResult> run(const ledger::CallContext& context,
                                 const std::function<Result<Outcome>(Frames&)>& enter) const {
    Frames frames(context.state, frame_of(context), directory_);
    ASSIGN(Outcome outcome, enter(frames));
    return frames.commit(std::move(outcome));
  }

  const NamedContracts directory_;
  const std::vector<std::string> reads_{"key/", "contract/", "identity/"},
      writes_{std::string(ledger::kDeployedPrefix), "contract/code/", "contract/e/"};
};

}  // namespace

FrameContext frame_of(const ledger::CallContext& call) {
  FrameContext out;
  out.caller = out.origin = format::account_address(call.account.public_key);
  out.chain = call.chain;
  out.transaction = call.transaction;
  out.previous_block = call.previous_block;
  out.height = call.height;
  out.time_ms = call.time_ms;
  out.protocol = call.protocol;
  out.policy = &call.policy;
  return out;
}

std::shared_ptr<const Directory> make_directory(std::shared_ptr<const Registry> registry, Frozen frozen) {
  return std::make_shared<NamedContracts>(std::move(registry), frozen);
}

std::shared_ptr<const ledger::Deployed> deployed(std::shared_ptr<const Registry> registry) {
  return std::make_shared<DeployedContracts>(std::move(registry));
}

ledger::Options with_contracts(const std::shared_ptr<const Registry>& registry, ledger::Options options) {
  for (ledger::Method& row : lifecycle(registry)) options.contracts.push_back(std::move(row));
  options.deployed = deployed(registry);
  return options;
}

}  // namespace chengxin::contract
