#include <algorithm>

#include "base/log.h"
#include "crypto/sm3.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

// Replays the chain from the oldest block whose transactions are here: each is executed again, and everything
// that it would write is compared with what the store holds. Then every file of the store is read whole.
namespace chengxin::ledger {
namespace {

using store::Table;

// Gathers what a block would write and then compares it with what is stored, table by table.
class CompareSink : public Sink {
 public:
  explicit CompareSink(const store::Database& database) : database_(database) {}
  void put(Table table, ByteView key, ByteView value) override {
    Written& all = written_[size_t(table)];
    all.keys.push_back(to_bytes(key));
    all.values.push_back(to_bytes(value));
    all.order.push_back(count_++);
  }
  void set_state(const Bytes&, const std::optional<Bytes>&) override {
  }  // the newest ones are compared at the end
  void remember(const Bytes& key) override { put(Table::state, keys::ever(key), {}); }

  // Names the first difference in the order of writing.
  Status compare() const {
    size_t first = SIZE_MAX;
    const Bytes* different = nullptr;
    for (size_t table = 0; table < store::kTables; ++table) {
      const Written& all = written_[table];
      if (all.keys.empty()) continue;
      ASSIGN(auto stored, database_.multi_get(Table(table), all.keys));
      for (size_t i = 0; i < stored.size(); ++i)
        if (all.order[i] < first && stored[i] != all.values[i]) {
          first = all.order[i];
          different = &all.keys[i];
        }
    }
    if (!different) return {};
    return fail(Code::data_loss, "ledger.damaged", "what the store holds under {} is not what a replay gives",
                hex(*different));
  }

 private:
  struct Written {
    std::vector<Bytes> keys, values;
    std::vector<size_t> order;
  };
  const store::Database& database_;
  Written written_[store::kTables];
  size_t count_ = 0;
};

Error in_block(uint64_t height, Error error) {
  error = ledger_error(std::move(error));
  if (error.reason == "ledger.protocol_unknown") return error;  // this program's fault
  return {Code::data_loss, "ledger.damaged", fmt::format("block {}: {}", height, error.to_string())};
}

Status mismatch(std::string_view what) { return fail(Code::data_loss, "ledger.damaged", "{}", what); }

}  // namespace

// Signatures met on the way, checked hundreds at a time; of a transaction no more is kept than its signature
// covers. Whoever meets another error asks settle() first: a signature from before it that does not hold is
// the one to be named.
class LedgerImpl::Signatures {
 public:
  explicit Signatures(const sm2::Verifier& verifier) : verifier_(verifier) {}

  Status add(uint64_t height, const format::Transaction& transaction, AccountPtr signer) {
    pending_.push_back({height, transaction.hash, transaction.signature,
                        format::signed_message(transaction.body_bytes), std::move(signer)});
    bytes_ += pending_.back().message.size();
    return pending_.size() < kTogether && bytes_ < kBytesTogether ? Status() : settle();
  }
  Status settle() {
    std::vector<sm2::Check> checks;
    checks.reserve(pending_.size());
    for (const Pending& each : pending_)
      checks.push_back({&each.signer->account.public_key, &each.signature, each.message});
    std::vector<uint8_t> holds(checks.size());
    verifier_.verify(checks, holds);
    const size_t bad = size_t(std::find(holds.begin(), holds.end(), 0) - holds.begin());
    if (bad < holds.size())
      return tl::unexpected(in_block(
          pending_[bad].height, {Code::forbidden, "transaction.signature_invalid", hex(pending_[bad].hash)}));
    pending_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  static constexpr size_t kTogether = 1024, kBytesTogether = 8 << 20;
  struct Pending {
    uint64_t height;
    Digest hash;
    crypto::Sm2Signature signature;
    Bytes message;
    AccountPtr signer;
  };
  const sm2::Verifier& verifier_;
  std::vector<Pending> pending_;
  size_t bytes_ = 0;  // of their messages
};

// A block whose transactions were dropped: its header and certificate, and the set that it hands over to.
Status LedgerImpl::verify_header(uint64_t height, Head& head) const {
  ASSIGN(StoredBlock stored, stored_block(height));
  ASSIGN(format::Header header, format::Header::decode(stored.header));
  ASSIGN(auto certificate, format::Certificate::decode(stored.certificate));
  const Digest hash = format::Header::hash(stored.header);
  if (header.height != height || header.chain != id_ || header.previous != head.header_hash ||
      header.version < head.header.version || header.time_ms < head.header.time_ms ||
      header.log_size < head.header.log_size || header.validators_hash != head.next_validators.hash())
    return mismatch("its header does not follow from the one before");
  TRY(format::verify_certificate(certificate, head.next_validators, hash));
  ASSIGN(auto transition, database_->get(Table::main, keys::transition(height)));
  if (transition) {
    ASSIGN(auto change, StoredTransition::decode(*transition));
    ASSIGN(auto proof, merkle::StateProof::decode(change.state_proof));
    if (!merkle::verify_state(header.state_root, view(format::kValidatorsKey),
                              ByteView(change.next_validators), proof))
      return mismatch("its state does not prove the validators it hands over to");
    ASSIGN(head.next_validators, format::ValidatorSet::decode(change.next_validators));
  }
  head.header = header;
  head.header_hash = hash;
  return {};
}

// Executes a block again on the view before it, which it replaces.
Status LedgerImpl::replay(uint64_t height, bool certified, ViewPtr& before, ReplayAccounts& accounts,
                          Signatures& signatures) const {
  ASSIGN(StoredBlock stored, stored_block(height));
  ASSIGN(format::Header header, format::Header::decode(stored.header));
  const uint64_t first = before->head.header.log_size;
  if (header.height != height || header.log_size < first) return mismatch("its header is of another block");

  const Base base{before,
                  {[&](const Bytes& key) { return state_at(key, height - 1); },
                   [&](const Bytes& from, const Bytes& to, size_t limit) {
                     return state_range_at(from, to, limit, height - 1);
                   }},
                  [&](const format::KeyId& id) -> Result<AccountPtr> {
                    if (auto found = accounts.find(id); found != accounts.end()) return found->second;
                    ASSIGN(auto bytes, state_at(format::Account::state_key(id), height - 1));
                    AccountPtr account;
                    if (bytes) {
                      ASSIGN(account, known_account(*bytes));
                    }
                    return accounts[id] = account;
                  },
                  node_reader()};
  std::vector<AdmittedTransaction> transactions;
  BlockRecord block;
  block.header = header;
  block.transaction_count = header.log_size - first;
  TRY(each_entry(block, [&](uint64_t index, ByteView entry) -> Status {
    ASSIGN(const auto stored_entry, StoredTransaction::decode(entry));
    ASSIGN(auto read, full_transaction(index, stored_entry));
    ASSIGN(AccountPtr signer, base.account(read.body.signer));
    TRY(check_form(read, before->head, header.time_ms, signer));
    TRY(signatures.add(height, read, std::move(signer)));
    transactions.push_back(std::make_shared<const Admitted>(
        Admitted{std::move(read), height - 1, before->head.next_protocol()}));
    return {};
  }));
  CompareSink sink(*database_);
  const std::vector<bool> known(transactions.size());  // a second one would be found by its index entry
  ASSIGN(Built built,
         build_block(methods_, highest_protocol_, base, transactions, known, header.time_ms, sink, crew()));
  if (!built.executed.dropped.empty()) return tl::unexpected(built.executed.dropped[0].second);
  if (built.executed.header_bytes != stored.header) return mismatch("a replay gives another header");
  TRY(sink.compare());
  if (certified || !stored.certificate.empty()) {
    ASSIGN(auto certificate, format::Certificate::decode(stored.certificate));
    TRY(format::verify_certificate(certificate, before->head.next_validators, built.executed.header_hash));
  }
  if (!built.changes.empty()) accounts.clear();
  before = std::move(built.next);
  return {};
}

// The newest values are those of the newest version, and the tree holds these and no others.
Status LedgerImpl::verify_state(const View& head) const {
  std::map<Digest, Digest> values;
  auto cursor = database_->cursor(Table::state, Bytes{'K'}, Bytes{'K' + 1}, nullptr, true);
  for (; cursor->valid(); cursor->next()) {
    const ByteView key = cursor->key().subspan(1);
    values[merkle::state_path(key)] = crypto::sm3(cursor->value());
    ASSIGN(auto version, state_at(key, head.head.header.height));
    if (!version || !equal(*version, cursor->value()))
      return mismatch("a value of the state is not its newest version");
  }
  TRY(cursor->status());
  uint64_t leaves = 0;
  ASSIGN(auto summary, merkle::walk_state(head.head.header.height, node_reader(),
                                          [&](const Digest& path, const Digest& value_hash) -> Status {
                                            ++leaves;
                                            auto found = values.find(path);
                                            if (found == values.end() || found->second != value_hash)
                                              return mismatch("a leaf of the state is not the key's value");
                                            return {};
                                          }));
  if (leaves != values.size() || summary.root != head.head.header.state_root)
    return mismatch("the state is not the one that the header's root stands for");
  return {};
}

Status LedgerImpl::verify(const OnVerifyProgress& on_progress) const {
  std::lock_guard maintenance(maintenance_mutex_);
  {
    // Nothing is left in the write-ahead log, so that what is read below is what lies on the disk.
    std::lock_guard lock(write_mutex_);
    if (Status flushed = database_->flush(); !flushed) return tl::unexpected(ledger_error(flushed.error()));
  }
  const Head end = now()->head;
  const uint64_t top = end.header.height, oldest = oldest_;
  ASSIGN(ViewPtr start, view_at(0));
  Head head = start->head;
  for (uint64_t height = 1; height < oldest; ++height) {
    if (Status status = verify_header(height, head); !status)
      return tl::unexpected(in_block(height, status.error()));
    if (on_progress) on_progress({height, top});
  }
  Result<ViewPtr> before = view_at(oldest - 1);
  if (!before) return tl::unexpected(in_block(oldest - 1, before.error()));
  if ((*before)->head.header_hash != head.header_hash ||
      (*before)->head.next_validators != head.next_validators)
    return tl::unexpected(
        in_block(oldest - 1, {Code::data_loss, "ledger.damaged", "not the end of the headers before"}));
  ReplayAccounts accounts;
  Signatures signatures(*verifier_);
  for (uint64_t height = oldest; height <= top; ++height) {
    if (Status status = replay(height, height <= end.certified_height, *before, accounts, signatures);
        !status) {
      TRY(signatures.settle());
      return tl::unexpected(in_block(height, status.error()));
    }
    if (on_progress) on_progress({height, top});
  }
  TRY(signatures.settle());
  std::lock_guard lock(write_mutex_);
  if (now()->head.header.height == top)
    if (Status status = verify_state(**before); !status) return tl::unexpected(in_block(top, status.error()));
  if (marker_damaged_) return mismatch("the file `head` held other bits than were written to it");
  if (Status files = database_->verify_files(); !files) return tl::unexpected(ledger_error(files.error()));
  return {};
}

}  // namespace chengxin::ledger
