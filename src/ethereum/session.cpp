#include "ethereum/impl/session.h"

namespace chengxin::ethereum {

Answer<BlockPtr> Session::block(uint64_t height) {
  if (last_ && last_->height == height) return last_;
  TRY(Allowance::take(left.blocks, 1, "blocks"));
  ASSIGN(last_, read_block(*this, height));
  TRY(Allowance::take(left.transactions, last_->count, "transactions"));
  return last_;
}

Answer<void> Session::show(std::span<const Mapped> transactions) {
  constexpr uint64_t kTransactionBytes = 1200, kLogBytes = 700;
  uint64_t bytes = kTransactionBytes * transactions.size();
  for (const Mapped& each : transactions) {
    bytes += 2 * each.input.size() + kLogBytes * each.logs.size();
    for (const Log& log : each.logs) bytes += 2 * log.data.size();
  }
  return Allowance::take(left.answer_bytes, bytes, "bytes");
}

namespace {

Answer<std::optional<uint64_t>> find_tag(const Session& session, const std::string& tag) {
  using Found = std::optional<uint64_t>;
  if (tag == "latest" || tag == "pending") return Found(session.head.header.height);
  if (tag == "safe" || tag == "finalized") return Found(session.head.certified_height);
  if (tag == "earliest") return Found(0);
  ASSIGN(const uint64_t height, read_quantity(tag));
  return height > session.head.header.height ? Found() : Found(height);
}

}  // namespace

Answer<std::optional<uint64_t>> Session::find_block(const Json& which) {
  if (which.is_null()) return std::optional(head.header.height);
  if (which.is_string()) return find_tag(*this, which);
  if (!which.is_object())
    return invalid("a block is a number, a tag, or an object with blockNumber or blockHash");
  const bool by_hash = which.contains("blockHash");
  if (by_hash == which.contains("blockNumber")) return invalid("one of blockNumber and blockHash is wanted");
  if (!by_hash) {
    if (!which["blockNumber"].is_string()) return invalid("blockNumber is no string");
    return find_tag(*this, which["blockNumber"]);
  }
  ASSIGN(const Digest hash, read_hash(which["blockHash"]));
  return hashes.find(ledger(), head.header.height, hash);
}

Answer<uint64_t> Session::height_of(const Json& which) {
  ASSIGN(const auto found, find_block(which));
  if (!found) return refuse(RpcCode::server_error, "header not found");
  return *found;
}

Answer<Address> Session::account(const format::KeyId& id) {
  if (const auto known = accounts_.find(id); known != accounts_.end()) return known->second;
  ASSIGN(const auto account, ledger().account(id));
  Address out{};
  if (account) out = format::account_address(account->public_key);
  return accounts_[id] = out;
}

Answer<contract::LoadedPtr> Session::contract_at(std::string_view name, uint64_t height) {
  if (!chain.contracts || !format::is_contract_name(name)) return contract::LoadedPtr();
  const contract::Read read = state_after(height);
  ASSIGN(const auto record, contract::record_of(read, name));
  if (!record || record->current == 0) return contract::LoadedPtr();
  ASSIGN(const auto version, contract::version_of(read, name, record->current));
  if (!version) return contract::LoadedPtr();
  ASSIGN(auto loaded, contract::load_version(*chain.contracts, read, version->package));
  return loaded;
}

}  // namespace chengxin::ethereum
