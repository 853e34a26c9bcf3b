#include <algorithm>

#include "crypto/sm3.h"
#include "ledger/impl/items.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"
#include "ledger/impl/quota.h"
#include "ledger/impl/speculation.h"

namespace chengxin::ledger {

namespace {

using store::Table;

// Transactions of a block whose log is worth waking a thread for.
constexpr size_t kWorthTogether = 32;

// Builds one block.
class Executor {
 public:
  Executor(const Methods& methods, const Base& base, std::span<const AdmittedTransaction> candidates,
           const std::vector<bool>& known, int64_t time_ms, Sink& sink, Crew* crew)
      : methods_(methods),
        base_(base),
        head_(base.view->head),
        time_ms_(time_ms),
        height_(head_.header.height + 1),
        version_(head_.next_protocol()),
        sink_(sink),
        crew_(crew),
        state_(base.state),
        frame_{height_, time_ms_, version_, head_.header.chain, head_.header_hash, head_.contract_policy},
        tail_(base.view->tail),
        seen_(std::make_shared<DigestSet>(candidates.size())),
        candidates_(candidates),
        known_(known),
        speculation_(methods, frame_, state_, candidates, crew,
                     [this](size_t candidate) { return would_fit(candidate); }) {
    ran_.reserve(candidates.size());
  }

  Result<Built> run() {
    ASSIGN(quota_, Quota::of(head_.contract_policy.get(), base_.state));
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (gas_ < kBlockGas) speculation_.reach(i, kBlockGas - gas_);
      ASSIGN(auto misfit, fits(i));
      if (misfit)
        out_.executed.dropped.emplace_back(candidates_[i], std::move(*misfit));
      else
        TRY(include(i));
    }
    ASSIGN(merkle::StateChanges tree, write_and_make_tree());
    write_tree(tree);
    TRY(finish(tree));
    out_.changes = state_.take();
    return std::move(out_);
  }

 private:
  // Why the transaction cannot stand here, or its signer in signer_.
  Result<std::optional<Error>> fits(size_t candidate) {
    const Admitted& transaction = *candidates_[candidate];
    auto misfit = [](Code code, std::string_view reason, std::string detail = {}) {
      return std::optional(Error{code, std::string(reason), std::move(detail)});
    };
    if (known_[candidate] || seen_->contains(transaction.hash))
      return misfit(Code::conflict, "transaction.duplicate", hex(transaction.hash));
    if (auto window = check_window(transaction.body, head_.limits, time_ms_); !window)
      return std::optional(window.error());
    const uint64_t bytes = counted_bytes(transaction);
    if (auto size = check_size(bytes, head_.limits); !size) return std::optional(size.error());
    if (transaction.protocol != version_ &&
        methods_.attachments_taken(transaction.body, version_) != transaction.attachments.size())
      return misfit(Code::invalid_argument, "transaction.attachments");
    if (bytes_ + bytes > head_.limits.max_block_bytes || gas_ >= kBlockGas)
      return misfit(Code::busy, "transaction.block_full");
    ASSIGN(signer_, signer(transaction.body.signer));
    if (!signer_) return misfit(Code::forbidden, "transaction.unknown_signer");
    if (!signer_->account.active) return misfit(Code::forbidden, "transaction.signer_revoked");
    if (quota_.reached(transaction.body.signer, signer_->account))
      return misfit(Code::busy, "transaction.quota");
    return std::optional<Error>();
  }

  Result<AccountPtr> signer(const format::KeyId& id) {
    if (!state_.changes().empty()) {
      auto changed = state_.changes().find(format::Account::state_key(id));
      if (changed != state_.changes().end())
        return changed->second ? known_account(*changed->second) : Result<AccountPtr>(nullptr);
    }
    return base_.account(id);
  }

  // The signer of one that fits as the block is now.
  AccountPtr would_fit(size_t candidate) {
    const auto misfit = fits(candidate);
    return misfit && !*misfit ? signer_ : nullptr;
  }

  Status include(size_t candidate) {
    const AdmittedTransaction& admitted = candidates_[candidate];
    ASSIGN(Outcome outcome, speculation_.run(candidate, signer_));
    gas_ += outcome.gas;
    quota_.add(admitted->body.signer, signer_->account, outcome.gas);
    seen_->insert(admitted->hash);
    bytes_ += counted_bytes(*admitted);
    Bytes events = format::encode_events(outcome.events);
    ran_.push_back({admitted.get(), std::move(outcome), std::move(events)});
    out_.executed.included.push_back(admitted);
    return {};
  }

  // Neither needs the other.
  Result<merkle::StateChanges> write_and_make_tree() {
    const auto together = [this](size_t parts, const std::function<void(size_t)>& make) {
      const auto one = [&](size_t i) {
        if (i > 0) return make(i - 1);
        write_log();
        write_values();
      };
      if (crew_ && ran_.size() >= kWorthTogether) return crew_->each(parts + 1, one);
      merkle::one_by_one(parts + 1, one);
    };
    return merkle::update_state(height_ - 1, height_, state_.changes(), base_.node, together);
  }

  // Receipts and log entries of all that ran: their hashes are made side by side. In order of key they enter
  // the store's tables faster.
  void write_log() {
    const std::vector<Digest> leaves = make_receipts();
    StoredTransaction stored;
    stored.height = height_;
    Bytes entry;
    for (size_t i = 0; i < ran_.size(); ++i) {
      auto& [transaction, outcome, events] = ran_[i];
      const uint64_t index = tail_.size() + i;
      stored.hash = transaction->hash;
      stored.signature = transaction->signature;
      stored.receipt = out_.executed.receipts[i];
      stored.body = transaction->body_bytes;
      stored.events = events;
      stored.output = outcome.output;
      stored.attachments.clear();
      for (size_t k = 0; k < transaction->attachments.size(); ++k)
        stored.attachments.push_back(
            store(index, uint16_t(k), transaction->attachments[k], outcome.taken[k]));
      entry.clear();
      stored.encode(entry);
      sink_.put(Table::log, keys::record(index), entry);
      places_.emplace_back(keys::place(stored.hash), keys::place_value(index));
    }
    tail_.append(leaves, [&](uint8_t level, uint64_t number, const Tile& tile) {
      sink_.put(Table::main, keys::tile(level, number), tile.encode());
    });
    std::sort(places_.begin(), places_.end());
    for (const auto& [key, index] : places_) sink_.put(Table::index, key, index);
    std::sort(items_.begin(), items_.end());
    for (const keys::ItemKey& key : items_) sink_.put(Table::index, key, {});
  }

  // The log's leaves.
  std::vector<Digest> make_receipts() {
    std::vector<ByteView> events, outputs, receipts;
    std::vector<Digest> hashes;
    for (const Ran& each : ran_) {
      events.push_back(each.events);
      outputs.push_back(each.outcome.output);
      hashes.push_back(each.transaction->hash);
    }
    const auto events_digests = format::events_digests(events);
    const auto output_digests = format::output_digests(outputs);
    for (size_t i = 0; i < ran_.size(); ++i) {
      const Outcome& outcome = ran_[i].outcome;
      out_.executed.receipts.push_back(format::Receipt{uint32_t(outcome.status), outcome.gas, height_,
                                                       time_ms_, events_digests[i], output_digests[i]}
                                           .encode());
    }
    for (const Bytes& each : out_.executed.receipts) receipts.push_back(each);
    return format::log_leaf_hashes(hashes, format::receipt_hashes(receipts));
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
      sink_.put(Table::log, keys::chunk(index, part, number, i), data.first(take));
      data = data.subspan(take);
    }
  }

  // Each kind in order of key.
  void write_values() {
    for (const auto& [key, value] : state_.changes()) sink_.set_state(key, value);
    for (const auto& [key, value] : state_.changes())
      if (text(key).starts_with(kDeployedPrefix)) sink_.remember(key);
  }
  void write_tree(merkle::StateChanges& tree) {
    std::sort(tree.put.begin(), tree.put.end());
    for (const auto& [key, node] : tree.put) sink_.put(Table::state, keys::node(key), node);
    if (!tree.stale.empty()) sink_.put(Table::state, keys::stale(height_), encode_keys(tree.stale));
    std::vector<std::pair<Bytes, Bytes>> versions;
    versions.reserve(tree.paths.size());
    auto path = tree.paths.begin();
    for (const auto& change : state_.changes())
      versions.emplace_back(keys::value_at(*path++, height_), encode_version(change.second));
    std::sort(versions.begin(), versions.end());
    for (const auto& [key, version] : versions) sink_.put(Table::state, key, version);
  }

  Status finish(const merkle::StateChanges& tree) {
    out_.next = std::make_shared<View>();
    View& next = *out_.next;
    next.head.certified_height = head_.certified_height;
    next.head.next_validators = head_.next_validators;
    next.head.protocol = head_.protocol;
    next.head.limits = head_.limits;
    next.head.contract_policy = head_.contract_policy;
    for (const auto& [key, value] : state_.changes()) {
      if (value && text(key).starts_with("chain/")) out_.executed.settings[to_string(key)] = *value;
      if (equal(key, view(format::kValidatorsKey))) TRY(change_validators(*value, tree));
      if (equal(key, view(format::kProtocolKey))) {
        ASSIGN(next.head.protocol, format::ProtocolChange::decode(*value));
      }
      if (equal(key, view(format::kLimitsKey))) {
        ASSIGN(next.head.limits, format::ChainLimits::decode(*value));
      }
      if (equal(key, view(format::kContractPolicyKey))) {
        ASSIGN(auto policy, format::ContractPolicy::decode(text(*value)));
        next.head.contract_policy = std::make_shared<const format::ContractPolicy>(std::move(policy));
      }
    }

    format::Header& header = next.head.header;
    header.version = version_;
    header.chain = head_.header.chain;
    header.height = height_;
    header.time_ms = time_ms_;
    header.previous = head_.header_hash;
    header.log_size = tail_.size();
    header.log_root = tail_.root();
    header.state_root = tree.root;
    header.validators_hash = head_.next_validators.hash();
    next.header_bytes = header.encode();
    next.head.header_hash = format::Header::hash(next.header_bytes);
    next.tail = std::move(tail_);
    next.recent = recent();

    out_.executed.header = header;
    out_.executed.header_bytes = next.header_bytes;
    out_.executed.header_hash = next.head.header_hash;
    return {};
  }

  // Of the blocks before and this one, what the bounds let stay.
  std::vector<std::shared_ptr<const DigestSet>> recent() const {
    std::vector<std::shared_ptr<const DigestSet>> all = base_.view->recent;
    all.push_back(seen_);
    size_t first = all.size(), held = 0;
    while (first > 0 && all.size() - first < kRecentBlocks &&
           (held += all[first - 1]->size()) <= kRecentTransactions)
      --first;
    all.erase(all.begin(), all.begin() + std::ptrdiff_t(first));
    return all;
  }

  // The proof is made now: old versions of the state are dropped one day.
  Status change_validators(const Bytes& set, const merkle::StateChanges& tree) {
    if (set == head_.next_validators.encode()) return {};
    ASSIGN(out_.next->head.next_validators, format::ValidatorSet::decode(set));
    const std::map<Bytes, Bytes> fresh(tree.put.begin(), tree.put.end());
    ASSIGN(auto lookup, merkle::look_up_state(height_, view(format::kValidatorsKey),
                                              [&](ByteView key) -> Result<std::optional<Bytes>> {
                                                auto found = fresh.find(to_bytes(key));
                                                if (found != fresh.end()) return std::optional(found->second);
                                                return base_.node(key);
                                              }));
    sink_.put(Table::main, keys::transition(height_), StoredTransition{set, lookup.proof.encode()}.encode());
    return {};
  }

  const Methods& methods_;
  const Base& base_;
  const Head& head_;
  const int64_t time_ms_;
  const uint64_t height_;
  const uint32_t version_;
  Sink& sink_;
  Crew* const crew_;
  StateLayer state_;
  const BlockFrame frame_;
  Quota quota_;
  LogTail tail_;
  AccountPtr signer_;
  uint64_t bytes_ = 0, gas_ = 0;
  const std::shared_ptr<DigestSet> seen_;
  const std::span<const AdmittedTransaction> candidates_;
  const std::vector<bool>& known_;
  Speculation speculation_;
  struct Ran {
    const format::Transaction* transaction;
    Outcome outcome;
    Bytes events;
  };
  std::vector<Ran> ran_;
  std::vector<std::pair<keys::Place, keys::PlaceValue>> places_;
  std::vector<keys::ItemKey> items_;
  Built out_;
};

class BatchSink : public Sink {
 public:
  BatchSink(store::Batch batch, StateCache& values) : batch_(std::move(batch)), values_(values) {}
  void put(Table table, ByteView key, ByteView value) override { batch_.put(table, key, value); }
  void set_state(const Bytes& key, const std::optional<Bytes>& value) override {
    if (value)
      batch_.put(Table::state, keys::value(key), *value);
    else
      batch_.erase(Table::state, keys::value(key));
  }
  // Of one that has a value it is known.
  void remember(const Bytes& key) override {
    const auto value = values_.get(key);
    if (!value || !*value) batch_.put(Table::state, keys::ever(key), {});
  }
  store::Batch take() { return std::move(batch_); }

 private:
  store::Batch batch_;
  StateCache& values_;
};

}  // namespace

Result<Built> build_block(const Methods& methods, uint32_t highest_version, const Base& base,
                          std::span<const AdmittedTransaction> candidates, const std::vector<bool>& known,
                          int64_t time_ms, Sink& sink, Crew* crew) {
  const Head& head = base.view->head;
  if (head.next_protocol() > highest_version)
    return fail(
        Code::unsupported, "ledger.protocol_unknown",
        "block {} follows version {} of the protocol, this program knows {}: upgrade the software first",
        head.header.height + 1, head.next_protocol(), highest_version);
  if (time_ms < base.view->head.header.time_ms)
    return fail(Code::invalid_argument, "ledger.time_backwards", "the head's time is {}",
                base.view->head.header.time_ms);
  return Executor(methods, base, candidates, known, time_ms, sink, crew).run();
}

// Which of them the chain holds: those that came in since they were admitted, or, where too much came in
// since, those that the index knows.
Result<std::vector<bool>> LedgerImpl::known_of(const View& view,
                                               std::span<const AdmittedTransaction> candidates) const {
  const uint64_t height = view.head.header.height, oldest = height - view.recent.size();
  std::vector<bool> known(candidates.size());
  std::vector<Bytes> hashes;
  std::vector<size_t> asked;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Admitted& each = *candidates[i];
    if (each.absent_up_to < oldest) {
      hashes.push_back(keys::by_hash(each.hash));
      asked.push_back(i);
    }
    for (uint64_t at = std::max(each.absent_up_to, oldest); at < height; ++at)
      if (view.recent[at - oldest]->contains(each.hash)) known[i] = true;
  }
  if (asked.empty()) return known;
  ASSIGN(auto found, database_->multi_get(Table::index, hashes));
  for (size_t i = 0; i < asked.size(); ++i) known[asked[i]] = found[i].has_value();
  return known;
}

Result<Ledger::Executed> LedgerImpl::execute(std::span<const AdmittedTransaction> candidates,
                                             int64_t time_ms) const {
  const Base base{
      now(),
      {[this](const Bytes& key) { return state(text(key)); },
       [this](const Bytes& from, const Bytes& to, size_t limit) { return deployed_range(from, to, limit); }},
      [this](const format::KeyId& id) { return accounts_.find(id); },
      node_reader()};
  ASSIGN(auto known, known_of(*base.view, candidates));
  BatchSink sink(database_->batch(), values_);
  ASSIGN(Built built,
         build_block(methods_, highest_protocol_, base, candidates, known, time_ms, sink, crew()));
  built.executed.execution = std::make_shared<const Execution>(
      Execution{base.view, std::move(built.next), sink.take(), std::move(built.changes)});
  return std::move(built.executed);
}

}  // namespace chengxin::ledger
