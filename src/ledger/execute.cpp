#include <algorithm>

#include "crypto/sm3.h"
#include "ledger/impl/items.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

namespace chengxin::ledger {

// Builds one candidate block on top of a view.
class Executor {
 public:
  Executor(const LedgerImpl& ledger, ViewPtr base, int64_t time_ms)
      : ledger_(ledger),
        base_(std::move(base)),
        time_ms_(time_ms),
        height_(base_->head.header.height + 1),
        state_(*ledger.database_, nullptr),
        batch_(ledger.database_->batch()),
        tail_(base_->tail) {}

  Result<Ledger::Executed> run(std::span<const AdmittedTransaction> candidates) {
    std::vector<Bytes> hash_keys;
    for (const auto& each : candidates) hash_keys.push_back(keys::by_hash(each->hash));
    ASSIGN(auto known, ledger_.database_->multi_get(store::Table::index, hash_keys));
    for (size_t i = 0; i < candidates.size(); ++i) {
      ASSIGN(auto misfit, fits(*candidates[i], known[i].has_value()));
      if (misfit)
        out_.dropped.emplace_back(candidates[i], std::move(*misfit));
      else
        TRY(include(candidates[i]));
    }
    // In order of key they enter the store's tables faster.
    std::sort(items_.begin(), items_.end());
    for (const keys::ItemKey& key : items_) batch_.put(store::Table::index, key, {});
    TRY(finish());
    return std::move(out_);
  }

 private:
  // Why the transaction cannot stand here, or its signer in signer_.
  Result<std::optional<Error>> fits(const format::Transaction& transaction, bool known) {
    auto misfit = [](Code code, std::string_view reason, std::string detail = {}) {
      return std::optional(Error{code, std::string(reason), std::move(detail)});
    };
    if (known || seen_.contains(transaction.hash))
      return misfit(Code::conflict, "transaction.duplicate", hex(transaction.hash));
    if (auto window = check_window(transaction.body, ledger_.genesis_.limits, time_ms_); !window)
      return std::optional(window.error());
    if (bytes_ + counted_bytes(transaction) > ledger_.genesis_.limits.max_block_bytes)
      return misfit(Code::busy, "transaction.block_full");
    ASSIGN(signer_, signer(transaction.body.signer));
    if (!signer_) return misfit(Code::forbidden, "transaction.unknown_signer");
    if (!signer_->account.active) return misfit(Code::forbidden, "transaction.signer_revoked");
    return std::optional<Error>();
  }

  Result<AccountPtr> signer(const format::KeyId& id) {
    if (!state_.changes().empty()) {
      auto changed = state_.changes().find(format::Account::state_key(id));
      if (changed != state_.changes().end())
        return changed->second ? known_account(*changed->second) : Result<AccountPtr>(nullptr);
    }
    return ledger_.accounts_.find(id);
  }

  Status include(const AdmittedTransaction& admitted) {
    const format::Transaction& transaction = *admitted;
    ASSIGN(Outcome outcome, run_transaction(ledger_.methods_, transaction, signer_->account, height_,
                                            time_ms_, state_, *ledger_.database_));
    seen_.insert(transaction.hash);
    bytes_ += counted_bytes(transaction);

    StoredTransaction stored;
    stored.height = height_;
    stored.hash = transaction.hash;
    stored.signature = transaction.signature;
    stored.body = transaction.body_bytes;
    stored.events = format::encode_events(outcome.events);
    stored.output = std::move(outcome.output);
    stored.receipt = format::Receipt{uint32_t(outcome.status),
                                     outcome.gas,
                                     height_,
                                     time_ms_,
                                     format::events_digest(stored.events),
                                     format::output_digest(stored.output)}
                         .encode();
    const uint64_t index = tail_.size();
    for (size_t i = 0; i < transaction.attachments.size(); ++i)
      stored.attachments.push_back(store(index, uint16_t(i), transaction.attachments[i], outcome.taken[i]));
    batch_.put(store::Table::log, keys::record(index), stored.encode());
    Bytes position;
    put_be(position, index);
    batch_.put(store::Table::index, keys::by_hash(stored.hash), position);
    tail_.append(stored.leaf(), [&](uint8_t level, uint64_t number, const Tile& tile) {
      batch_.put(store::Table::main, keys::tile(level, number), tile.encode());
    });
    out_.included.push_back(admitted);
    out_.receipts.push_back(std::move(stored.receipt));
    return {};
  }

  StoredAttachment store(uint64_t index, uint16_t number, const Bytes& data, Outcome::Taken& taken) {
    StoredAttachment out{uint32_t(data.size()), taken.call, uint8_t(taken.indexed_item_bytes), {}};
    if (!out.in_chunks()) {
      out.inlined = data;
    } else {
      put_chunks(index, keys::Part::attachment, number, data);
    }
    const size_t item_bytes = taken.indexed_item_bytes;
    if (item_bytes == 0) return out;
    const uint64_t count = data.size() / item_bytes;
    for (uint64_t i = 0; i < count; ++i)
      items_.push_back(keys::item(&data[i * item_bytes], index, taken.call, uint32_t(i)));
    if (out.in_chunks()) {
      if (taken.item_groups.empty()) taken.item_groups = merkle::Items::group_hashes(data, item_bytes);
      Bytes hashes;
      for (const Digest& each : item_levels(taken.item_groups, count)) append(hashes, each);
      put_chunks(index, keys::Part::item_hashes, number, hashes);
    }
    return out;
  }

  void put_chunks(uint64_t index, keys::Part part, uint16_t number, ByteView data) {
    for (uint32_t i = 0; !data.empty(); ++i) {
      const size_t take = std::min(kChunkBytes, data.size());
      batch_.put(store::Table::log, keys::chunk(index, part, number, i), data.first(take));
      data = data.subspan(take);
    }
  }

  Status finish() {
    auto base_reader = ledger_.node_reader();
    ASSIGN(auto changes, merkle::update_state(height_ - 1, height_, state_.changes(), base_reader));
    for (const auto& [key, node] : changes.put) batch_.put(store::Table::state, keys::node(key), node);
    if (!changes.stale.empty())
      batch_.put(store::Table::state, keys::stale(height_), encode_keys(changes.stale));

    auto execution = std::make_shared<Ledger::Execution>();
    auto next = std::make_shared<View>();
    next->head.next_validators = base_->head.next_validators;
    for (const auto& [key, value] : state_.changes()) {
      execution->changed_keys.push_back(key);
      batch_.put(store::Table::state, keys::value_at(key, height_), encode_version(value));
      if (value)
        batch_.put(store::Table::state, keys::value(key), *value);
      else
        batch_.erase(store::Table::state, keys::value(key));
      if (equal(key, view(format::kValidatorsKey)))
        TRY(change_validators(*value, changes, base_reader, *next));
    }

    format::Header& header = next->head.header;
    header.chain = ledger_.id_;
    header.height = height_;
    header.time_ms = time_ms_;
    header.previous = base_->head.header_hash;
    header.log_size = tail_.size();
    header.log_root = tail_.root();
    header.state_root = changes.root;
    header.validators_hash = base_->head.next_validators.hash();
    next->header_bytes = header.encode();
    next->head.header_hash = format::Header::hash(next->header_bytes);
    next->tail = std::move(tail_);

    out_.header = header;
    out_.header_bytes = next->header_bytes;
    out_.header_hash = next->head.header_hash;
    execution->base = base_;
    execution->next = std::move(next);
    execution->batch = std::move(batch_);
    out_.execution = std::move(execution);
    return {};
  }

  // The proof is made now: old versions of the state are dropped one day.
  Status change_validators(const Bytes& set, const merkle::StateChanges& changes,
                           const merkle::StateNodeReader& base_reader, View& next) {
    if (set == base_->head.next_validators.encode()) return {};
    ASSIGN(next.head.next_validators, format::ValidatorSet::decode(set));
    std::map<Bytes, Bytes> fresh(changes.put.begin(), changes.put.end());
    ASSIGN(auto lookup, merkle::look_up_state(height_, view(format::kValidatorsKey),
                                              [&](ByteView key) -> Result<std::optional<Bytes>> {
                                                auto found = fresh.find(to_bytes(key));
                                                if (found != fresh.end()) return std::optional(found->second);
                                                return base_reader(key);
                                              }));
    batch_.put(store::Table::main, keys::transition(height_),
               StoredTransition{set, lookup.proof.encode()}.encode());
    return {};
  }

  const LedgerImpl& ledger_;
  ViewPtr base_;
  int64_t time_ms_;
  uint64_t height_;
  StateLayer state_;
  store::Batch batch_;
  LogTail tail_;
  AccountPtr signer_;
  uint64_t bytes_ = 0;
  std::unordered_set<Digest, DigestHash> seen_;
  std::vector<keys::ItemKey> items_;
  Ledger::Executed out_;
};

Result<Ledger::Executed> LedgerImpl::execute(std::span<const AdmittedTransaction> candidates,
                                             int64_t time_ms) const {
  ViewPtr base = now();
  if (time_ms < base->head.header.time_ms)
    return fail(Code::invalid_argument, "ledger.time_backwards", "the head's time is {}",
                base->head.header.time_ms);
  return Executor(*this, std::move(base), time_ms).run(candidates);
}

}  // namespace chengxin::ledger
