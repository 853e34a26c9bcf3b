#pragma once
#include <unordered_map>

#include "ledger/impl/accounts.h"
#include "ledger/impl/crew.h"
#include "ledger/impl/digest_set.h"
#include "ledger/impl/log_tail.h"
#include "ledger/impl/records.h"
#include "ledger/ledger.h"

namespace chengxin::ledger {

// A block with its certificate; of height 0 both are empty.
struct CertifiedBlock {
  format::Header header;
  Bytes header_bytes, certificate_bytes;
};
// A block that waits for its certificate, and the set that it is to be of.
struct UncertifiedBlock {
  uint64_t height = 0;
  Bytes header_bytes;
  Digest header_hash{};
  format::ValidatorSet validators;
};
// A block is certified by what the second one after it carries (docs/adr/0018), so this many may wait.
inline constexpr size_t kMostUncertified = 2;

// The chain at one decision. Immutable; readers hold it while newer ones take its place.
struct View {
  Head head;
  Bytes header_bytes;
  std::shared_ptr<const CertifiedBlock> certified;  // the newest: what proofs are made under
  std::vector<UncertifiedBlock> uncertified;        // those above it, in order
  LogTail tail;
  // Transactions of the last blocks that were made since the chain was opened, the head's last: what tells a
  // duplicate that came between its admission and its block.
  std::vector<std::shared_ptr<const DigestSet>> recent;
};
// ledger.not_certified_yet for a block above the newest certificate.
Status certified(const View& view, uint64_t height);
inline constexpr int kCertificateMs = 1000;  // about what an engine takes to make one
inline constexpr size_t kRecentBlocks = 64, kRecentTransactions = 1 << 16;
using ViewPtr = std::shared_ptr<const View>;

// Methods by contract and name, and what runs the others.
class Methods {
 public:
  Methods(ContractTable table, std::shared_ptr<const Deployed> deployed);
  // The same but for what the substitutes name.
  Methods with(const Ledger::Substitutes& substitutes) const;
  // In blocks of a version of the protocol.
  const Method* find(const format::Call& call, uint32_t version) const;
  bool has_contract(const std::string& contract, uint32_t version) const;
  const Deployed* deployed(uint32_t version) const {
    return deployed_ && deployed_->since_version() <= version ? deployed_.get() : nullptr;
  }
  size_t attachments_taken(const format::TransactionBody& body, uint32_t version) const;
  // As many as its calls take, each the one that its call's arguments stand for: transaction.attachments,
  // transaction.attachment_mismatch.
  Status check_attachments(const format::Transaction& transaction, uint32_t version) const;

 private:
  std::map<std::pair<std::string, std::string>, Method> methods_;
  std::unordered_map<std::string, uint32_t> contracts_;  // → the version that it came with
  std::shared_ptr<const Deployed> deployed_;
};

struct StateReader {
  std::function<Result<std::optional<Bytes>>(const Bytes& key)> get;
  // Of deployed contracts' state: the first `limit` keys in [from, to).
  std::function<Result<StateRows>(const Bytes& from, const Bytes& to, size_t limit)> range;
};

// Changes on top of a reader: a block's on those of the chain, a transaction's on its block's. Merged
// downwards only when the transaction is accepted.
class StateLayer {
 public:
  explicit StateLayer(StateReader below) : below_(std::move(below)) {}
  Result<std::optional<Bytes>> get(const Bytes& key) const {
    if (auto found = changes_.find(key); found != changes_.end()) return found->second;
    return below_.get(key);
  }
  Result<StateRows> range(const Bytes& from, const Bytes& to, size_t limit) const {
    return merged_range(changes_, from, to, limit, [&] { return below_.range(from, to, limit); });
  }
  StateReader reader() const {
    return {[this](const Bytes& key) { return get(key); },
            [this](const Bytes& from, const Bytes& to, size_t limit) { return range(from, to, limit); }};
  }
  void set(Bytes key, std::optional<Bytes> value) { changes_[std::move(key)] = std::move(value); }
  void merge(StateLayer&& above) { put(std::move(above.changes_)); }
  void put(merkle::StateUpdates&& changes) {
    while (!changes.empty()) {
      auto placed = changes_.insert(changes.extract(changes.begin()));
      if (!placed.inserted) placed.position->second = std::move(placed.node.mapped());
    }
  }
  const merkle::StateUpdates& changes() const { return changes_; }
  merkle::StateUpdates take() { return std::move(changes_); }

 private:
  StateReader below_;
  merkle::StateUpdates changes_;
};

// What one transaction did.
struct Outcome {
  format::ReceiptStatus status = format::ReceiptStatus::accepted;
  uint64_t gas = 0;
  std::vector<format::Event> events;
  Bytes output;
  struct Taken {
    uint16_t call = 0;
    uint32_t indexed_item_bytes = 0;
    std::vector<Digest> item_groups;
  };
  std::vector<Taken> taken;  // for each attachment
};

// Runs the calls of a transaction on `block`, which takes its changes only when every call is accepted.
struct BlockFrame {
  uint64_t height;
  int64_t time_ms;
  uint32_t version;
  Digest chain, previous;
  std::shared_ptr<const format::ContractPolicy> policy;  // null: none was set
};
Result<Outcome> run_transaction(const Methods& methods, const format::Transaction& transaction,
                                const format::Account& signer, const BlockFrame& frame, StateLayer& block);

// What a block is built on, and where what it writes goes: the store's batch, or a comparison with what
// stands there.
struct Base {
  ViewPtr view;
  StateReader state;
  std::function<Result<AccountPtr>(const format::KeyId&)> account;
  merkle::StateNodeReader node;
};
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void put(store::Table table, ByteView key, ByteView value) = 0;
  virtual void set_state(const Bytes& key,
                         const std::optional<Bytes>& value) = 0;  // the newest value of a state key
  virtual void remember(const Bytes& key) = 0;                    // that the state key has or had a value
};

// Executes the candidates on the base. `known` tells which of them the chain holds already. `next` receives
// the view after the block, without what is known of certificates.
struct Built {
  Ledger::Executed executed;
  std::shared_ptr<View> next;
  merkle::StateUpdates changes;
};
// ledger.protocol_unknown when the block follows a version above `highest_version`. `crew`, where there is
// one, reads the base's state by many threads.
Result<Built> build_block(const Methods& methods, uint32_t highest_version, const Base& base,
                          std::span<const AdmittedTransaction> candidates, const std::vector<bool>& known,
                          int64_t time_ms, Sink& sink, Crew* crew);

// Size of a transaction as block limits count it.
uint64_t counted_bytes(const format::Transaction& transaction);

// transaction.too_large for one of so many counted bytes.
Status check_size(uint64_t bytes, const format::ChainLimits& limits);

// The validity window at a time: transaction.expired, .not_yet_valid, .window_too_long.
Status check_window(const format::TransactionBody& body, const format::ChainLimits& limits, int64_t time_ms);

}  // namespace chengxin::ledger
