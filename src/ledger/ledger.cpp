#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

namespace chengxin::ledger {
namespace {

using store::Database;
using store::Table;

store::Options store_options(const Options& options) {
  store::Options out;
  out.cache_bytes = options.cache_bytes;
  return out;
}

// Height of the last block in the store; 0 when there is none.
Result<uint64_t> last_height(const Database& database) {
  auto cursor = database.cursor(Table::main, keys::block(0), keys::block(UINT64_MAX));
  cursor->seek_last();
  TRY(cursor->status());
  if (!cursor->valid() || cursor->key().size() != 9) return 0;
  return get_be<uint64_t>(&cursor->key()[1]);
}

tl::unexpected<Error> lost_blocks(uint64_t found, uint64_t marked) {
  return fail(Code::data_loss, "ledger.damaged",
              "block {} was durable and cannot be read: the store ends at {} of {}", found + 1, found,
              marked);
}

// A write-ahead log that does not end with a whole record is the mark of a crash, and then the rest is
// dropped. But it is also what damage to it looks like: so nothing is dropped when that would lose a block
// known to be durable.
Result<std::unique_ptr<Database>> open_store(const fs::path& folder, const Marker::Head& marked,
                                             const store::Options& options) {
  auto strict = Database::open(folder, store::Recovery::strict, options);
  if (strict || strict.error().reason != "store.corrupt") return strict;
  log::warn("ledger.recovering", {{"folder", folder.string()}, {"why", strict.error().detail}});
  {
    auto trial = Database::open(folder, store::Recovery::prefix_read_only, options);
    if (!trial) return strict;
    ASSIGN(uint64_t height, last_height(**trial));
    if (height < marked.height) return lost_blocks(height, marked.height);
  }
  return Database::open(folder, store::Recovery::prefix, options);
}

Status check_genesis(const format::Genesis& genesis, uint32_t highest_protocol) {
  if (genesis.protocol > highest_protocol)
    return fail(Code::unsupported, "ledger.protocol_unknown",
                "the chain begins with version {} of the protocol; this program knows {}", genesis.protocol,
                highest_protocol);
  for (const format::Validator& member : genesis.validators.members)
    TRY(crypto::Sm2PublicKey::from_point(member.public_key));
  for (const format::GenesisAccount& account : genesis.accounts)
    TRY(crypto::Sm2PublicKey::from_point(account.public_key));
  return {};
}

// State and records of height 0.
Status write_genesis(Database& database, const format::Genesis& genesis, std::string_view document) {
  merkle::StateUpdates updates;
  updates[to_bytes(view(format::kValidatorsKey))] = genesis.validators.encode();
  if (genesis.consortium)
    updates[to_bytes(view(format::kConsortiumKey))] = to_bytes(view(genesis.consortium->encode()));
  if (genesis.protocol > format::kFirstProtocol)
    updates[to_bytes(view(format::kProtocolKey))] = format::ProtocolChange{genesis.protocol, 0}.encode();
  for (const format::GenesisAccount& each : genesis.accounts) {
    const format::Account account{each.public_key, true, each.roles};
    updates[format::Account::state_key(format::key_id(each.public_key))] = account.encode();
  }
  ASSIGN(auto changes, merkle::update_state(0, 0, updates, [](ByteView) { return std::optional<Bytes>(); }));
  store::Batch batch = database.batch();
  for (const auto& [key, node] : changes.put) batch.put(Table::state, keys::node(key), node);
  auto path = changes.paths.begin();
  for (const auto& [key, value] : updates) {
    batch.put(Table::state, keys::value(key), *value);
    batch.put(Table::state, keys::value_at(*path++, 0), encode_version(value));
  }
  Bytes version;
  put_be(version, keys::kStoreVersion);
  batch.put(Table::main, keys::named("format"), version);
  batch.put(Table::main, keys::named("genesis"), view(document));
  TRY(database.write(batch, true));
  return database.flush();
}

Status create_in(const fs::path& folder, std::string_view document, const format::Genesis& genesis,
                 const Options& options) {
  TRY(make_folder(folder));
  store::Options settings = store_options(options);
  settings.create = true;
  ASSIGN(auto database, Database::open(folder / kStoreFolder, store::Recovery::strict, settings));
  TRY(write_genesis(*database, genesis, document));
  const Marker::Head start{0, format::Genesis::chain_id(document)};
  TRY(Marker::open(folder / kMarkerFile, &start));
  return sync_folder(folder);
}

// The lowest of the blocks that wait, with its certificate.
Result<std::shared_ptr<const CertifiedBlock>> certify(const CertifiedHeight& given,
                                                      const std::vector<UncertifiedBlock>& waiting) {
  if (waiting.empty() || given.height != waiting.front().height)
    return fail(Code::conflict, "ledger.certificate_order", "a certificate of block {}; {}", given.height,
                waiting.empty() ? "none is awaited"
                                : fmt::format("that of block {} is awaited", waiting.front().height));
  const UncertifiedBlock& block = waiting.front();
  TRY(format::verify_certificate(given.certificate, block.validators, block.header_hash));
  ASSIGN(auto header, format::Header::decode(block.header_bytes));
  return std::make_shared<const CertifiedBlock>(
      CertifiedBlock{header, block.header_bytes, given.certificate.encode()});
}

}  // namespace

Error ledger_error(Error error) {
  if (error.reason == "store.in_use") error.reason = "ledger.in_use";
  if (error.reason == "store.newer") error.reason = "ledger.newer_version";
  if (error.code == Code::data_loss && error.reason != "ledger.damaged") {
    error.detail = error.to_string();
    error.reason = "ledger.damaged";
  }
  return error;
}

Result<std::unique_ptr<Ledger>> Ledger::create(const fs::path& folder, std::string_view document,
                                               Options options) {
  ASSIGN(auto genesis, format::Genesis::decode(document));
  TRY(check_genesis(genesis, options.highest_protocol));
  std::error_code ignored;
  if (fs::exists(folder, ignored)) return fail(Code::conflict, "ledger.exists", "{} exists", folder.string());
  // Made beside its place and renamed into it: a chain folder is whole or not there.
  fs::path making = folder;
  making += ".creating";
  fs::remove_all(making, ignored);
  if (auto made = create_in(making, document, genesis, options); !made) {
    fs::remove_all(making, ignored);
    return tl::unexpected(ledger_error(std::move(made).error()));
  }
  fs::rename(making, folder, ignored);
  if (ignored) return tl::unexpected(file_error(folder, ignored.value()));
  TRY(sync_folder(folder.has_parent_path() ? folder.parent_path() : fs::path(".")));
  return open(folder, std::move(options));
}

Result<std::unique_ptr<Ledger>> Ledger::open(const fs::path& folder, Options options) {
  TRY(take_up(folder));
  auto opened = LedgerImpl::open_in(folder, options);
  if (!opened) return tl::unexpected(ledger_error(std::move(opened).error()));
  if ((*opened)->genesis().consortium)
    return make_replaceable(std::move(*opened), folder, std::move(options));
  return std::move(*opened);
}

Result<std::unique_ptr<LedgerImpl>> LedgerImpl::open_in(const fs::path& folder, Options options) {
  std::error_code ignored;
  if (!fs::exists(folder / kStoreFolder, ignored))
    return fail(Code::not_found, "ledger.not_found", "{} holds no chain", folder.string());
  ASSIGN(auto marker, Marker::open(folder / kMarkerFile));
  ASSIGN(auto database, open_store(folder / kStoreFolder, marker->head(), store_options(options)));
  std::unique_ptr<LedgerImpl> ledger(
      new LedgerImpl(folder, std::move(database), std::move(marker), std::move(options)));
  TRY(ledger->load());
  return ledger;
}

Status LedgerImpl::load() {
  ASSIGN(auto version, database_->get(Table::main, keys::named("format")));
  ASSIGN(auto document, database_->get(Table::main, keys::named("genesis")));
  if (!version || version->size() != 4 || !document)
    return fail(Code::data_loss, "ledger.damaged", "the store has no genesis");
  if (get_be<uint32_t>(version->data()) > keys::kStoreVersion)
    return fail(Code::unsupported, "ledger.newer_version",
                "the data are of version {}, this program knows {}", get_be<uint32_t>(version->data()),
                keys::kStoreVersion);
  genesis_document_ = to_string(*document);
  ASSIGN(genesis_, format::Genesis::decode(genesis_document_));
  id_ = format::Genesis::chain_id(genesis_document_);
  ASSIGN(auto oldest, database_->get(Table::main, keys::named("oldest")));
  if (oldest && oldest->size() == 8) oldest_ = get_be<uint64_t>(oldest->data());

  ASSIGN(const uint64_t height, last_height(*database_));
  if (height < marker_->head().height) return lost_blocks(height, marker_->head().height);
  ASSIGN(auto next, view_at(height));
  TRY(find_certified(*next));
  const Marker::Head head{height, next->head.header_hash};
  if (height == marker_->head().height && head != marker_->head())
    return fail(Code::data_loss, "ledger.damaged", "block {} is not the one that was committed", height);
  ASSIGN(marker_damaged_, marker_has_other_bits(height));
  if (marker_damaged_)
    log::warn("ledger.marker_damaged", {{"folder", folder_.string()}, {"height", height}});
  else
    TRY(marker_->rewrite(head));
  view_ = std::move(next);
  return {};
}

// A slot of the marker that is not whole must be a torn write of the store's last blocks over what stood
// there before; opening writes the newest into both.
Result<bool> LedgerImpl::marker_has_other_bits(uint64_t height) const {
  if (!marker_->torn()) return false;
  auto heads = [&](uint64_t from, uint64_t to) -> Result<std::vector<Marker::Head>> {
    std::vector<Marker::Head> out;
    for (uint64_t at = from; at <= to; ++at) {
      if (at == 0) {
        out.push_back({0, id_});
        continue;
      }
      ASSIGN(StoredBlock stored, stored_block(at));
      out.push_back({at, format::Header::hash(stored.header)});
    }
    return out;
  };
  const uint64_t marked = marker_->head().height;
  ASSIGN(auto written, heads(std::max(marked, height > 4 ? height - 4 : 0), height));
  ASSIGN(auto before, heads(marked == 0 ? 0 : marked - 1, marked));
  return !marker_->torn_between(written, before);
}

Result<std::shared_ptr<View>> LedgerImpl::view_at(uint64_t height) const {
  auto next = std::make_shared<View>();
  format::Header& header = next->head.header;
  if (height == 0) {
    header.version = genesis_.protocol;
    header.chain = id_;
    header.time_ms = genesis_.created_ms;
    header.log_root = merkle::Log::empty_root();
    header.validators_hash = genesis_.validators.hash();
    ASSIGN(auto lookup, merkle::look_up_state(0, view(format::kValidatorsKey), node_reader()));
    header.state_root = lookup.root;
    next->head.header_hash = id_;
  } else {
    ASSIGN(StoredBlock stored, stored_block(height));
    next->header_bytes = std::move(stored.header);
    ASSIGN(header, format::Header::decode(next->header_bytes));
    next->head.header_hash = format::Header::hash(next->header_bytes);
  }
  ASSIGN(next->tail, LogTail::load(header.log_size, *database_, [&](uint64_t index) -> Result<Digest> {
           ASSIGN(StoredTransaction stored, stored_transaction(index));
           return stored.leaf();
         }));
  if (next->tail.root() != header.log_root)
    return fail(Code::data_loss, "ledger.damaged", "block {}: the log's root is not its header's", height);
  ASSIGN(auto set, state_at(view(format::kValidatorsKey), height));
  if (!set) return fail(Code::data_loss, "ledger.damaged", "block {}: no validators in the state", height);
  ASSIGN(next->head.next_validators, format::ValidatorSet::decode(*set));
  ASSIGN(auto protocol, state_at(view(format::kProtocolKey), height));
  if (protocol) {
    ASSIGN(next->head.protocol, format::ProtocolChange::decode(*protocol));
  }
  ASSIGN(auto limits, state_at(view(format::kLimitsKey), height));
  next->head.limits = genesis_.limits;
  if (limits) {
    ASSIGN(next->head.limits, format::ChainLimits::decode(*limits));
  }
  ASSIGN(auto policy, state_at(view(format::kContractPolicyKey), height));
  if (policy) {
    ASSIGN(auto read, format::ContractPolicy::decode(text(*policy)));
    next->head.contract_policy = std::make_shared<const format::ContractPolicy>(std::move(read));
  }
  return next;
}

// The last blocks of a chain may have no certificate yet; all below them do.
Status LedgerImpl::find_certified(View& head) const {
  auto found = std::make_shared<CertifiedBlock>();
  std::vector<UncertifiedBlock>& waiting = head.uncertified;
  uint64_t height = head.head.header.height;
  for (; height > 0; --height) {
    ASSIGN(StoredBlock stored, stored_block(height));
    ASSIGN(found->header, format::Header::decode(stored.header));
    if (!stored.certificate.empty()) {
      found->header_bytes = std::move(stored.header);
      found->certificate_bytes = std::move(stored.certificate);
      break;
    }
    if (waiting.size() == kMostUncertified)
      return fail(Code::data_loss, "ledger.damaged", "block {} has no certificate", height);
    ASSIGN(auto set, state_at(view(format::kValidatorsKey), height - 1));
    if (!set)
      return fail(Code::data_loss, "ledger.damaged", "block {}: no validators in the state", height - 1);
    ASSIGN(auto validators, format::ValidatorSet::decode(*set));
    const Digest hash = format::Header::hash(stored.header);
    waiting.insert(waiting.begin(), {height, std::move(stored.header), hash, std::move(validators)});
  }
  if (height == 0) found->header = format::Header();
  head.head.certified_height = height;
  head.certified = std::move(found);
  return {};
}

Status LedgerImpl::decide(const Decision& decision, bool durable) {
  std::lock_guard lock(write_mutex_);
  if (halted_) return fail(Code::unavailable, "ledger.halted", "a write failed: open the chain again");
  CHECK(!decision.note || decision.note->size() <= kMaxNoteBytes);
  const ViewPtr before = now();
  const Execution* execution = decision.block ? decision.block->execution.get() : nullptr;
  // Certificates may have come since it was executed, blocks not.
  if (execution && (execution->base->head.header_hash != before->head.header_hash || !execution->batch))
    return fail(Code::conflict, "ledger.stale_execution", "the chain has grown since");

  std::vector<UncertifiedBlock> waiting = before->uncertified;
  if (decision.block)
    waiting.push_back({decision.block->header.height, decision.block->header_bytes,
                       decision.block->header_hash, before->head.next_validators});
  std::shared_ptr<const CertifiedBlock> certified = before->certified;
  if (decision.certificate) {
    ASSIGN(certified, certify(*decision.certificate, waiting));
    waiting.erase(waiting.begin());
  }
  if (waiting.size() > kMostUncertified)
    return fail(Code::conflict, "ledger.uncertified", "block {} has to be certified before block {} is made",
                waiting.front().height, waiting.back().height);

  store::Batch batch = execution ? std::move(*execution->batch) : database_->batch();
  if (execution) execution->batch.reset();
  auto put_block = [&](uint64_t height, const Bytes& header, const Bytes& certificate) {
    batch.put(Table::main, keys::block(height), StoredBlock{header, certificate}.encode());
  };
  if (decision.certificate)
    put_block(certified->header.height, certified->header_bytes, certified->certificate_bytes);
  if (!waiting.empty() && decision.block) put_block(waiting.back().height, waiting.back().header_bytes, {});
  if (decision.note) batch.put(Table::main, keys::named("note"), *decision.note);
  Status written = database_->write(batch, durable);
  if (written && durable && decision.block)
    written = marker_->write({decision.block->header.height, decision.block->header_hash});
  if (!written) {
    halted_ = true;
    return written;
  }

  std::shared_ptr<View> next = execution ? execution->next : std::make_shared<View>(*before);
  next->head.certified_height = certified->header.height;
  next->certified = std::move(certified);
  next->uncertified = std::move(waiting);
  if (execution) {
    accounts_.forget(execution->changes);
    values_.put(std::move(execution->changes));
  }
  std::lock_guard view_lock(view_mutex_);
  view_ = std::move(next);
  return {};
}

Result<std::optional<Bytes>> LedgerImpl::note() const { return get(Table::main, keys::named("note")); }

}  // namespace chengxin::ledger
