#pragma once
#include <unordered_map>

#include "contract/keccak.h"
#include "ethereum/endpoint.h"
#include "ethereum/impl/filters.h"
#include "ethereum/impl/hashes.h"

namespace chengxin::ethereum {

// What one HTTP request may use, with all calls of its batch.
struct Allowance {
  uint64_t gas = 5 * ledger::kTransactionGas;
  uint64_t blocks = 10'000, transactions = 200'000, logs = 10'000;
  uint64_t answer_bytes = 32 << 20;  // about, before they are made

  // limit_exceeded.
  static Answer<void> take(uint64_t& left, uint64_t count, std::string_view what) {
    if (count > left) return refuse(RpcCode::limit_exceeded, "this request would read too many {}", what);
    left -= count;
    return {};
  }
};

struct Log {
  Address address{};
  std::vector<Digest> topics;
  Bytes data;
};

// A transaction in Ethereum's terms.
struct Mapped {
  Digest hash{};
  std::optional<Digest> envelope;  // of a transaction that a secp256k1 key signed: its own hash here
  uint64_t index = 0, gas_used = 0, gas_before = 0, logs_before = 0;  // within the block
  bool accepted = true;
  std::optional<Bytes> revert_data;
  Address from{};
  std::optional<Address> to, created;
  Bytes input;
  std::vector<Log> logs;
  Json own;               // the member "chengxin"
  Json signed_by_sender;  // of secp256k1: type, nonce, gas, v, r, s, …; null: of SM2
};

struct Block {
  uint64_t height = 0, count = 0;
  Digest hash{}, parent{};
  std::optional<format::Header> header;  // none: the genesis
  int64_t time_ms = 0;
  bool pruned = false;
  std::vector<Mapped> transactions;  // none when pruned
};
using BlockPtr = std::shared_ptr<const Block>;

// One request on its way.
struct Session {
  Session(const Chain& chain_, Hashes& hashes_, Filters& filters_, const Send& send_,
          const std::string& caller_)
      : chain(chain_),
        hashes(hashes_),
        filters(filters_),
        send(send_),
        caller(caller_),
        head(chain_.ledger->head()) {}

  const Chain& chain;
  Hashes& hashes;
  Filters& filters;
  const Send& send;
  const std::string& caller;
  const ledger::Head head;
  Allowance left;

  const ledger::Ledger& ledger() const { return *chain.ledger; }
  contract::Read state_after(uint64_t height) const {
    return [this, height](std::string_view key) { return ledger().state(key, height); };
  }

  // With its transactions; the last one is kept. ledger.no_block.
  Answer<BlockPtr> block(uint64_t height);
  // What an answer with these transactions takes: limit_exceeded.
  Answer<void> show(std::span<const Mapped> transactions);
  // A tag, a number, or EIP-1898's object. Nothing: there is none.
  Answer<std::optional<uint64_t>> find_block(const Json& which);
  // The same where there must be one.
  Answer<uint64_t> height_of(const Json& which);
  Answer<Address> account(const format::KeyId& id);
  // Its interface at that height; null: not a contract that is deployed.
  Answer<contract::LoadedPtr> contract_at(std::string_view name, uint64_t height);

 private:
  BlockPtr last_;
  std::map<format::KeyId, Address> accounts_;
};

Answer<BlockPtr> read_block(Session& session, uint64_t height);

struct Found {
  BlockPtr block;
  const Mapped* transaction = nullptr;
};
// By its hash here, or by that of the raw transaction inside it. Nothing: there is none.
Answer<std::optional<Found>> find_transaction(Session& session, const Json& given);

class Params {
 public:
  explicit Params(const Json& list) : list_(list) {}
  // Null where it was not given.
  const Json& operator[](size_t i) const {
    static const Json kNone;
    return i < list_.size() ? list_[i] : kNone;
  }

 private:
  const Json& list_;
};

struct Row {
  std::string_view name;
  size_t required, most;
  Answer<Json> (*run)(Session&, const Params&);
};

// The tables of methods, one for each file.
std::span<const Row> chain_methods();
std::span<const Row> transaction_methods();
std::span<const Row> log_methods();
std::span<const Row> call_methods();
std::span<const Row> trace_methods();
std::span<const Row> own_methods();

}  // namespace chengxin::ethereum
