#include <algorithm>

#include "ledger/impl/items.h"
#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

namespace chengxin::ledger {

using store::Table;

Result<std::optional<Bytes>> LedgerImpl::get(Table table, ByteView key) const {
  auto value = database_->get(table, key);
  if (!value) return tl::unexpected(ledger_error(std::move(value).error()));
  return value;
}

merkle::StateNodeReader LedgerImpl::node_reader() const {
  return [this](ByteView key) { return get(Table::state, keys::node(key)); };
}

Status certified(const View& view, uint64_t height) {
  if (height <= view.head.certified_height) return {};
  Error waits{Code::unavailable, "ledger.not_certified_yet",
              fmt::format("block {} has no certificate yet; the newest that has is {}", height,
                          view.head.certified_height)};
  waits.retry_after_ms = kCertificateMs;
  return tl::unexpected(std::move(waits));
}

Result<StoredBlock> LedgerImpl::stored_block(uint64_t height) const {
  ASSIGN(auto bytes, get(Table::main, keys::block(height)));
  if (!bytes) return fail(Code::not_found, "ledger.no_block", "there is no block {}", height);
  return StoredBlock::decode(*bytes);
}

Result<uint64_t> LedgerImpl::log_index(const Digest& hash) const {
  ASSIGN(auto bytes, get(Table::index, keys::by_hash(hash)));
  if (!bytes) return fail(Code::not_found, "ledger.no_transaction", "there is no transaction {}", hex(hash));
  if (bytes->size() != 8) return fail(Code::data_loss, "ledger.damaged", "the index entry of {}", hex(hash));
  return get_be<uint64_t>(bytes->data());
}

Result<StoredTransaction> LedgerImpl::stored_transaction(uint64_t log_index) const {
  ASSIGN(auto bytes, get(Table::log, keys::record(log_index)));
  if (bytes) return StoredTransaction::decode(std::move(*bytes));
  if (oldest_ > 1) return pruned();
  return fail(Code::data_loss, "ledger.damaged", "log entry {} is missing", log_index);
}

Result<Bytes> LedgerImpl::attachment(uint64_t log_index, const StoredTransaction& stored,
                                     uint16_t number) const {
  const StoredAttachment& attachment = stored.attachments[number];
  if (!attachment.in_chunks()) return to_bytes(attachment.inlined);
  Bytes out;
  out.reserve(attachment.bytes);
  auto cursor = database_->cursor(Table::log, keys::chunk(log_index, keys::Part::attachment, number, 0),
                                  keys::chunk(log_index, keys::Part::attachment, number, UINT32_MAX));
  for (; cursor->valid(); cursor->next()) append(out, cursor->value());
  TRY(cursor->status());
  if (out.size() != attachment.bytes)
    return fail(Code::data_loss, "ledger.damaged", "block {}: an attachment of transaction {} is not whole",
                stored.height, hex(stored.hash));
  return out;
}

Result<format::Transaction> LedgerImpl::full_transaction(uint64_t log_index,
                                                         const StoredTransaction& stored) const {
  format::Transaction out;
  ASSIGN(out.body, format::decode_body(stored.body));
  for (size_t i = 0; i < stored.attachments.size(); ++i) {
    ASSIGN(out.attachments.emplace_back(), attachment(log_index, stored, uint16_t(i)));
  }
  out.hash = format::transaction_hash(stored.body);
  out.signature = stored.signature;
  out.body_bytes = to_bytes(stored.body);
  return out;
}

namespace {

// Without attachments.
Result<TransactionRecord> record_of(const StoredTransaction& stored, uint64_t log_index) {
  TransactionRecord out;
  out.log_index = log_index;
  out.height = stored.height;
  ASSIGN(out.receipt, format::Receipt::decode(stored.receipt));
  ASSIGN(out.events, format::decode_events(stored.events));
  ASSIGN(out.transaction.body, format::decode_body(stored.body));
  out.transaction.body_bytes = to_bytes(stored.body);
  out.transaction.signature = stored.signature;
  out.transaction.hash = stored.hash;
  out.receipt_bytes = to_bytes(stored.receipt);
  out.output = to_bytes(stored.output);
  return out;
}

}  // namespace

Result<TransactionRecord> LedgerImpl::transaction(const Digest& hash, bool with_attachments) const {
  ASSIGN(const uint64_t index, log_index(hash));
  ASSIGN(StoredTransaction stored, stored_transaction(index));
  ASSIGN(auto out, record_of(stored, index));
  for (size_t i = 0; with_attachments && i < stored.attachments.size(); ++i) {
    ASSIGN(out.transaction.attachments.emplace_back(), attachment(index, stored, uint16_t(i)));
  }
  return out;
}

Result<BlockRecord> LedgerImpl::block_header(uint64_t height) const {
  if (height == 0 || height > head().header.height)
    return fail(Code::not_found, "ledger.no_block", "there is no block {}", height);
  ASSIGN(StoredBlock stored, stored_block(height));
  BlockRecord out;
  ASSIGN(out.header, format::Header::decode(stored.header));
  uint64_t first = 0;
  if (height > 1) {
    ASSIGN(StoredBlock previous, stored_block(height - 1));
    ASSIGN(auto header, format::Header::decode(previous.header));
    first = header.log_size;
  }
  out.header_bytes = std::move(stored.header);
  out.certificate_bytes = std::move(stored.certificate);
  out.transaction_count = out.header.log_size - first;
  out.pruned = height < oldest_;
  return out;
}

// The log entries of a block, in one pass: a step of the cursor leads from one to the next unless chunks lie
// between them.
Status LedgerImpl::each_entry(const BlockRecord& block, const OnEntry& on_entry) const {
  const uint64_t end = block.header.log_size, first = end - block.transaction_count;
  auto cursor = database_->cursor(Table::log, keys::record(first), keys::record(end));
  for (uint64_t index = first; index < end; ++index) {
    const Bytes key = keys::record(index);
    if (index > first) cursor->next();
    if (cursor->valid() && !equal(cursor->key(), key)) cursor->seek(key);
    TRY(cursor->status());
    if (!cursor->valid() || !equal(cursor->key(), key))
      return fail(Code::data_loss, "ledger.damaged", "block {}: log entry {} is missing", block.header.height,
                  index);
    TRY(on_entry(index, cursor->value()));
  }
  return {};
}

// The transactions of a block as they may have arrived.
Status LedgerImpl::each_envelope(const BlockRecord& block,
                                 const std::function<Status(ByteView)>& on_envelope) const {
  return each_entry(block, [&](uint64_t index, ByteView entry) -> Status {
    ASSIGN(const auto stored, StoredTransaction::decode(entry));
    ASSIGN(auto transaction, full_transaction(index, stored));
    return on_envelope(
        format::encode_transaction(transaction.body_bytes, transaction.signature, transaction.attachments));
  });
}

tl::unexpected<Error> LedgerImpl::pruned() const {
  return fail(Code::gone, "ledger.pruned", "transactions before block {} were dropped", oldest_.load());
}

Result<BlockRecord> LedgerImpl::block(uint64_t height) const {
  ASSIGN(auto out, block_header(height));
  if (out.pruned) return out;
  Status read = each_entry(out, [&](uint64_t, ByteView entry) -> Status {
    ASSIGN(auto hash, StoredTransaction::hash_of(entry));
    out.transactions.push_back(hash);
    return {};
  });
  if (read) return out;
  if (height < oldest_) return block_header(height);  // pruned meanwhile
  return tl::unexpected(std::move(read).error());
}

Result<BlockContent> LedgerImpl::content(uint64_t height, bool with_attachments) const {
  BlockContent out;
  ASSIGN(out.block, block_header(height));
  if (out.block.pruned) return out;
  out.transactions.reserve(out.block.transaction_count);
  Status read = each_entry(out.block, [&](uint64_t index, ByteView entry) -> Status {
    ASSIGN(auto stored, StoredTransaction::decode(entry));
    ASSIGN(out.transactions.emplace_back(), record_of(stored, index));
    for (size_t i = 0; with_attachments && i < stored.attachments.size(); ++i) {
      ASSIGN(out.transactions.back().transaction.attachments.emplace_back(),
             attachment(index, stored, uint16_t(i)));
    }
    out.block.transactions.push_back(stored.hash);
    return {};
  });
  if (read) return out;
  if (height >= oldest_) return tl::unexpected(std::move(read).error());
  ASSIGN(auto block, block_header(height));  // pruned meanwhile
  return BlockContent{std::move(block), {}};
}

Result<std::vector<ItemLocation>> LedgerImpl::find_items(const Digest& digest, size_t limit) const {
  const keys::ItemKey first = keys::item(digest.data(), 0, 0, 0);
  const keys::ItemKey last = keys::item(digest.data(), UINT64_MAX, UINT8_MAX, UINT32_MAX);
  std::vector<ItemLocation> out;
  auto cursor = database_->cursor(Table::index, first, last);
  for (; cursor->valid() && out.size() < limit; cursor->next()) {
    const keys::ItemPlace place = keys::item_place(cursor->key());
    auto stored = stored_transaction(place.log_index);
    if (!stored && stored.error().code == Code::gone) continue;  // pruned between the two reads
    if (!stored) return tl::unexpected(stored.error());
    out.push_back({stored->hash, place.call, place.position, stored->height});
  }
  TRY(cursor->status());
  return out;
}

Result<ItemProof> LedgerImpl::prove_item(const ItemLocation& location) const {
  ItemProof out;
  const ViewPtr at = now();
  ASSIGN(out.log_index, log_index(location.transaction));
  ASSIGN(StoredTransaction stored, stored_transaction(out.log_index));
  TRY(certified(*at, stored.height));
  auto found =
      std::find_if(stored.attachments.begin(), stored.attachments.end(), [&](const StoredAttachment& each) {
        return each.call == location.call && each.indexed_item_bytes > 0;
      });
  const size_t item_bytes = found == stored.attachments.end() ? 0 : found->indexed_item_bytes;
  if (item_bytes == 0 || location.index >= found->bytes / item_bytes)
    return fail(Code::not_found, "ledger.no_item", "no item {} in call {} of {}", location.index,
                location.call, hex(location.transaction));
  const uint16_t number = uint16_t(found - stored.attachments.begin());

  // Bytes of a chunked value. A path reads a few places in two or three chunks.
  std::map<std::pair<keys::Part, uint64_t>, Bytes> chunks;
  auto read_chunked = [&](keys::Part part, uint64_t offset, uint64_t length) -> Result<Bytes> {
    Bytes bytes;
    while (bytes.size() < length) {
      const uint64_t at = offset + bytes.size(), start = at % kChunkBytes;
      auto [chunk, fresh] = chunks.try_emplace({part, at / kChunkBytes});
      if (fresh) {
        ASSIGN(auto read,
               get(Table::log, keys::chunk(out.log_index, part, number, uint32_t(at / kChunkBytes))));
        if (read) chunk->second = std::move(*read);
      }
      if (start >= chunk->second.size())
        return fail(Code::data_loss, "ledger.damaged", "block {}: part of transaction {} is missing",
                    stored.height, hex(stored.hash));
      append(bytes, ByteView(chunk->second)
                        .subspan(start, std::min(length - bytes.size(), chunk->second.size() - start)));
    }
    return bytes;
  };
  auto read_items = [&](uint64_t first, uint64_t count) -> Result<Bytes> {
    if (found->in_chunks())
      return read_chunked(keys::Part::attachment, first * item_bytes, count * item_bytes);
    return to_bytes(found->inlined.subspan(first * item_bytes, count * item_bytes));
  };
  std::vector<Digest> inline_hashes;
  if (!found->in_chunks())
    inline_hashes =
        item_levels(merkle::Items::group_hashes(found->inlined, item_bytes), found->bytes / item_bytes);
  auto read_hashes = [&](uint64_t first, uint64_t count) -> Result<std::vector<Digest>> {
    if (!found->in_chunks())
      return std::vector<Digest>(inline_hashes.begin() + std::ptrdiff_t(first),
                                 inline_hashes.begin() + std::ptrdiff_t(first + count));
    ASSIGN(Bytes bytes, read_chunked(keys::Part::item_hashes, first * 32, count * 32));
    std::vector<Digest> hashes;
    for (size_t i = 0; i < count; ++i) hashes.push_back(*to_digest(ByteView(bytes).subspan(i * 32, 32)));
    return hashes;
  };

  out.call = location.call;
  out.index = location.index;
  out.count = found->bytes / item_bytes;
  ASSIGN(out.item, read_items(out.index, 1));
  ASSIGN(out.inner_path, item_path(out.index, out.count, item_bytes, read_items, read_hashes));
  ASSIGN(auto body, format::decode_body(stored.body));
  ASSIGN(auto signer, accounts_.find(body.signer));
  if (!signer) return fail(Code::data_loss, "ledger.damaged", "the signer of {} is gone", hex(stored.hash));
  out.signer_key = signer->account.public_key;
  out.signature = stored.signature;
  out.body = to_bytes(stored.body);
  out.receipt = to_bytes(stored.receipt);
  // The tail is that of the head: what is complete in a shorter log is complete in it.
  ASSIGN(out.log_path, merkle::Log::inclusion_path(out.log_index, at->certified->header.log_size,
                                                   at->tail.reader(*database_)));
  out.header = at->certified->header_bytes;
  out.certificate = at->certified->certificate_bytes;
  return out;
}

Result<std::vector<Transition>> LedgerImpl::transitions(uint64_t up_to_height) const {
  std::vector<Transition> out;
  const ViewPtr at = now();
  auto cursor = database_->cursor(Table::main, keys::transition(0), keys::transition(up_to_height));
  for (; cursor->valid(); cursor->next()) {
    const uint64_t height = get_be<uint64_t>(&cursor->key()[1]);
    TRY(certified(*at, height));
    ASSIGN(auto stored, StoredTransition::decode(cursor->value()));
    ASSIGN(auto block, stored_block(height));
    out.push_back({std::move(block.header), std::move(block.certificate), std::move(stored.next_validators),
                   std::move(stored.state_proof)});
  }
  TRY(cursor->status());
  return out;
}

Result<merkle::Path> LedgerImpl::consistency(uint64_t old_size, uint64_t size) const {
  const ViewPtr at = now();
  if (size > at->tail.size())
    return fail(Code::invalid_argument, "merkle.size", "the log has {} leaves", at->tail.size());
  if (size > at->certified->header.log_size) TRY(certified(*at, at->head.certified_height + 1));
  return merkle::Log::consistency_path(old_size, size, at->tail.reader(*database_));
}

Result<std::optional<Bytes>> LedgerImpl::state(std::string_view key) const {
  auto value = values_.get(to_bytes(view(key)));
  if (!value) return tl::unexpected(ledger_error(std::move(value).error()));
  return value;
}

template <typename Read>
std::invoke_result_t<Read> LedgerImpl::at_version(uint64_t height, const Read& read) const {
  if (height > head().header.height)
    return fail(Code::not_found, "ledger.no_block", "there is no block {}", height);
  // The state that the oldest block was executed on is here still.
  const auto dropped = [&] { return height + 1 < oldest_; };
  if (dropped())
    return fail(Code::gone, "ledger.pruned", "state before block {} was dropped", oldest_.load() - 1);
  ASSIGN(auto found, read());
  if (dropped()) return fail(Code::gone, "ledger.pruned", "state of block {} was dropped meanwhile", height);
  return found;
}

Result<std::optional<Bytes>> LedgerImpl::state(std::string_view key, uint64_t height) const {
  return at_version(height, [&] { return state_at(view(key), height); });
}

Result<StateRows> LedgerImpl::state_range(const Bytes& from, const Bytes& to, size_t limit,
                                          uint64_t height) const {
  return at_version(height, [&] { return state_range_at(from, to, limit, height); });
}

// Nothing: the key was never written up to then.
Result<std::optional<std::optional<Bytes>>> LedgerImpl::written_at(ByteView key, uint64_t version) const {
  using Written = std::optional<std::optional<Bytes>>;
  const Digest path = merkle::state_path(key);
  const Bytes from = keys::value_at(path, version), oldest = keys::value_at(path, 0);
  Bytes to = oldest;  // the bound itself is not in the range
  to.push_back(0);
  auto cursor = database_->cursor(Table::state, from, to);
  if (!cursor->valid()) {
    TRY(cursor->status());
    return Written();
  }
  return Written(decode_version(cursor->value()));
}

Result<std::optional<Bytes>> LedgerImpl::state_at(ByteView key, uint64_t version) const {
  ASSIGN(auto written, written_at(key, version));
  return written ? std::move(*written) : std::optional<Bytes>();
}

Result<std::vector<std::pair<Bytes, Bytes>>> LedgerImpl::state_range(const Bytes& from, const Bytes& to,
                                                                     size_t limit) const {
  std::vector<std::pair<Bytes, Bytes>> out;
  auto cursor = database_->cursor(Table::state, keys::value(from), keys::value(to));
  for (; out.size() < limit && cursor->valid(); cursor->next())
    out.emplace_back(to_bytes(cursor->key().subspan(1)), to_bytes(cursor->value()));
  TRY(cursor->status());
  return out;
}

// Erased keys leave nothing behind among the newest values, but somebody passes them: of all that ever were.
Result<StateRows> LedgerImpl::deployed_range(const Bytes& from, const Bytes& to, size_t limit) const {
  StateRows out;
  auto cursor = database_->cursor(Table::state, keys::ever(from), keys::ever(to));
  for (; out.size() < limit && cursor->valid(); cursor->next()) {
    Bytes key = to_bytes(cursor->key().subspan(1));
    ASSIGN(auto value, values_.get(key));
    out.emplace_back(std::move(key), std::move(value));
  }
  TRY(cursor->status());
  return out;
}

Result<StateRows> LedgerImpl::state_range_at(const Bytes& from, const Bytes& to, size_t limit,
                                             uint64_t version) const {
  StateRows out;
  auto cursor = database_->cursor(Table::state, keys::ever(from), keys::ever(to));
  for (; out.size() < limit && cursor->valid(); cursor->next()) {
    Bytes key = to_bytes(cursor->key().subspan(1));
    ASSIGN(auto written, written_at(key, version));
    if (written) out.emplace_back(std::move(key), std::move(*written));
  }
  TRY(cursor->status());
  return out;
}

Result<std::pair<std::optional<Bytes>, merkle::StateProof>> LedgerImpl::state_proof(std::string_view key,
                                                                                    uint64_t height) const {
  if (height > head().header.height)
    return fail(Code::not_found, "ledger.no_block", "there is no block {}", height);
  TRY(certified(*now(), height));
  // The state that the oldest block was executed on is here still.
  const auto dropped = [&] { return height + 1 < oldest_; };
  const auto gone = [&] {
    return fail(Code::gone, "ledger.pruned", "state before block {} was dropped", oldest_.load() - 1);
  };
  if (dropped()) return gone();
  const ByteView key_bytes = view(key);
  ASSIGN(auto value, state_at(key_bytes, height));
  auto lookup = merkle::look_up_state(height, key_bytes, node_reader());
  if (dropped()) return gone();  // pruned meanwhile
  if (!lookup) return tl::unexpected(ledger_error(std::move(lookup).error()));
  return std::pair(std::move(value), std::move(lookup->proof));
}

Result<std::optional<format::Account>> LedgerImpl::account(const format::KeyId& id) const {
  ASSIGN(AccountPtr found, accounts_.find(id));
  if (!found) return std::optional<format::Account>();
  return std::optional(found->account);
}

}  // namespace chengxin::ledger
