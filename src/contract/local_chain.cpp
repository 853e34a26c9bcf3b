#include "contract/local_chain.h"

#include "base/check.h"
#include "crypto/sm3.h"

namespace chengxin::contract {
namespace {

constexpr const char* kGovernor = "governor";

// Uncompressed form of what looks like a point.
crypto::Sm2Point key_of(const std::string& name) {
  crypto::Sm2Point out{};
  out[0] = 4;
  const Digest x = crypto::sm3(view("x of " + name)), y = crypto::sm3(view("y of " + name));
  std::copy(x.begin(), x.end(), out.begin() + 1);
  std::copy(y.begin(), y.end(), out.begin() + 33);
  return out;
}

format::KeyId id_of(const format::Account& account) {
  const format::Address address = format::account_address(account.public_key);
  format::KeyId out;
  std::copy_n(address.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

Result<std::optional<Bytes>> MapState::get(std::string_view key) {
  auto found = values.find(key);
  return found == values.end() ? std::nullopt : found->second;
}

void MapState::remember(std::string_view key) {
  if (before_.contains(key)) return;
  auto found = values.find(key);
  before_.emplace(key, found == values.end() ? std::nullopt : std::optional(found->second));
}

void MapState::put(std::string_view key, Bytes value) {
  remember(key);
  values[std::string(key)] = std::move(value);
}

void MapState::erase(std::string_view key) {
  remember(key);
  values[std::string(key)] = std::nullopt;
}

Result<ledger::StateRows> MapState::range(std::string_view from, std::string_view to, size_t limit) {
  ledger::StateRows out;
  for (auto at = values.lower_bound(from); at != values.end() && at->first < to && out.size() < limit; ++at)
    out.emplace_back(to_bytes(view(at->first)), at->second);
  return out;
}

void MapState::undo() {
  for (auto& [key, value] : before_) {
    if (value)
      values[key] = std::move(*value);
    else
      values.erase(key);
  }
  before_.clear();
}

LocalChain::LocalChain(Engines engines, uint64_t gas)
    : registry_(std::make_shared<Registry>(std::move(engines))),
      table_(lifecycle(registry_)),
      deployed_(deployed(registry_)),
      directory_(make_directory(registry_, Frozen::may_be_read)),
      gas_(gas) {
  account(kGovernor, {"governor"});
}

void LocalChain::account(const std::string& name, std::vector<std::string> roles) {
  format::Account& account = accounts_[name];
  account.public_key = key_of(name);
  account.roles = std::move(roles);
  state_.put(to_string(format::Account::state_key(id_of(account))), account.encode());
  state_.keep();
}

format::Address LocalChain::address(const std::string& account) const {
  return format::account_address(accounts_.at(account).public_key);
}

void LocalChain::advance(uint64_t blocks, int64_t ms) {
  height_ += blocks;
  time_ms_ += ms;
}

ledger::CallContext LocalChain::context_for(const format::Account& account, const format::Call& call,
                                            ByteView attachment) {
  ledger::CallContext out{.signer = id_of(account),
                          .account = account,
                          .height = height_,
                          .time_ms = time_ms_,
                          .arguments = call.arguments,
                          .attachment = attachment,
                          .state = state_};
  Bytes height;
  put_be(height, height_);
  out.protocol = kContractsProtocol;
  out.chain = crypto::sm3(view("a local chain"));
  out.transaction = crypto::sm3({view("transaction"), height});
  out.previous_block = crypto::sm3({view("block"), height});
  out.gas = gas_;
  return out;
}

Result<ledger::CallResult> LocalChain::transact(const std::string& account, const format::Call& call,
                                                ByteView attachment) {
  advance(1, 1000);
  const ledger::CallContext context = context_for(accounts_.at(account), call, attachment);
  const auto is_it = [&](const ledger::Method& method) {
    return method.contract == call.contract && method.name == call.method;
  };
  const auto native = std::find_if(table_.begin(), table_.end(), is_it);
  auto result = native == table_.end() ? deployed_->call(context, call) : native->run(context);
  if (result && result->status == format::ReceiptStatus::accepted)
    state_.keep();
  else
    state_.undo();
  return result;
}

Result<ledger::CallResult> LocalChain::deploy(const std::string& account, const std::string& name,
                                              ByteView package, ByteView input) {
  const format::ContractPropose proposal{name, crypto::sm3(package)};
  ASSIGN(auto proposed, transact(account, {"contract", "propose", proposal.encode()}, package));
  if (proposed.status != format::ReceiptStatus::accepted) return proposed;
  CHECK(proposed.output.size() >= 4);
  format::ContractVersionRef version{name, get_be<uint32_t>(proposed.output.data()), {}};
  ASSIGN(auto approved, transact(kGovernor, {"contract", "approve", version.encode()}));
  if (approved.status != format::ReceiptStatus::accepted) return approved;
  version.input = to_bytes(input);
  return transact(account, {"contract", "deploy", version.encode()});
}

Result<Outcome> LocalChain::query(const std::string& account, const std::string& name, ByteView input) {
  const FrameContext frame = frame_of(context_for(accounts_.at(account), {}, {}));
  Frames frames(state_, frame, *directory_);
  return frames.call({CallKind::read_only, format::contract_address(name), to_bytes(input), gas_});
}

}  // namespace chengxin::contract
