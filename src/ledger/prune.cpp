#include "ledger/impl/keys.h"
#include "ledger/impl/ledger_impl.h"

// Order, so that a crash leaves a chain that works and a later prune() finishes the job: first the note of
// what is dropped and the hashes still needed of it, then index entries in batches that move a mark along,
// then the log entries as whole files, then old state.
namespace chengxin::ledger {

using store::Table;

namespace {
constexpr size_t kBatchBytes = 4 << 20;

Bytes number(uint64_t value) {
  Bytes out;
  put_be(out, value);
  return out;
}
}  // namespace

Status LedgerImpl::prune(uint64_t height, int64_t now_ms) {
  std::lock_guard maintenance(maintenance_mutex_);
  if (height > now()->head.header.height || height == 0)
    return fail(Code::not_found, "ledger.no_block", "there is no block {}", height);
  TRY(certified(*now(), height));
  if (height < oldest_) return {};
  ASSIGN(ViewPtr kept, view_at(height - 1));
  const uint64_t window_ms = now()->head.limits.max_validity_ms;
  if (height > 1 && kept->head.header.time_ms + int64_t(window_ms) >= now_ms)
    return fail(Code::conflict, "ledger.prune_too_young",
                "a transaction of block {} may be valid still: only blocks older than {} ms can be dropped",
                height - 1, window_ms);
  const uint64_t end = kept->head.header.log_size;
  {
    std::lock_guard lock(write_mutex_);
    if (halted_) return fail(Code::unavailable, "ledger.halted", "a write failed: open the chain again");
    const LogTail& tail = now()->tail;
    store::Batch batch = database_->batch();
    batch.put(Table::main, keys::named("oldest"), number(height));
    if (tail.size() % kTileHashes != 0)
      batch.put(Table::main, keys::tile(0, tail.size() / kTileHashes), tail.unfinished(0).encode());
    TRY(database_->write(batch, true));
    oldest_ = height;
  }
  TRY(drop_item_index(end));
  TRY(database_->drop_range(Table::log, keys::record(0), keys::record(end)));
  return drop_old_state(height - 1);
}

Status LedgerImpl::drop_item_index(uint64_t end) {
  ASSIGN(auto mark, database_->get(Table::main, keys::named("unindexed")));
  store::Batch batch = database_->batch();
  auto write = [&](uint64_t done, bool sync) -> Status {
    batch.put(Table::main, keys::named("unindexed"), number(done));
    TRY(database_->write(batch, sync));
    batch = database_->batch();
    return {};
  };
  for (uint64_t index = mark ? get_be<uint64_t>(mark->data()) : 0; index < end; ++index) {
    ASSIGN(StoredTransaction stored, stored_transaction(index));
    for (size_t i = 0; i < stored.attachments.size(); ++i) {
      const size_t item_bytes = stored.attachments[i].indexed_item_bytes;
      if (item_bytes == 0) continue;
      ASSIGN(Bytes data, attachment(index, stored, uint16_t(i)));
      for (uint64_t item = 0; item < data.size() / item_bytes; ++item)
        batch.erase(Table::index,
                    keys::item(&data[item * item_bytes], index, stored.attachments[i].call, uint32_t(item)));
    }
    if (batch.bytes() > kBatchBytes) TRY(write(index + 1, false));
  }
  return write(end, true);  // before the log entries go
}

// Drops what no version from `version` on needs.
Status LedgerImpl::drop_old_state(uint64_t version) {
  store::Batch batch = database_->batch();
  auto flush_batch = [&](size_t limit) -> Status {
    if (batch.bytes() <= limit) return {};
    TRY(database_->write(batch, false));
    batch = database_->batch();
    return {};
  };
  auto stale = database_->cursor(Table::state, keys::stale(0), keys::stale(version + 1));
  for (; stale->valid(); stale->next()) {
    ASSIGN(auto nodes, decode_keys(stale->value()));
    for (const Bytes& node : nodes) batch.erase(Table::state, keys::node(node));
    batch.erase(Table::state, stale->key());
    TRY(flush_batch(kBatchBytes));
  }
  TRY(stale->status());

  // Of each key, the newest value not above `version` stays, and all above.
  Bytes path;
  auto values = database_->cursor(Table::state, Bytes{'O'}, Bytes{'O' + 1}, nullptr, true);
  for (bool found = false; values->valid(); values->next()) {
    const ByteView key = values->key();
    if (!equal(path, key.first(33))) {
      path = to_bytes(key.first(33));
      found = false;
    }
    if (found) batch.erase(Table::state, key);
    found = found || ~get_be<uint64_t>(&key[33]) <= version;
    TRY(flush_batch(kBatchBytes));
  }
  TRY(values->status());
  return flush_batch(0);
}

}  // namespace chengxin::ledger
