#include "evidence/impl/bundles.h"

#include <algorithm>

#include "blob/store.h"
#include "evidence/impl/anchoring.h"
#include "merkle/log_tree.h"

namespace chengxin::evidence {
namespace {

constexpr size_t kMaxArchiveBytes = 32 << 20, kArchiveAtOnce = 100;

// The record that an item commits to, without any of its fields: a single withheld leaf is a tree whose root
// it is.
std::vector<format::RecordEntry> withheld(ByteView item) {
  format::RecordEntry whole;
  if (item.size() == 64) std::copy(item.begin() + 32, item.end(), whole.hash.begin());
  return item.size() == 64 ? std::vector{whole} : std::vector<format::RecordEntry>();
}

// Only the named fields of a stored record.
Result<std::vector<format::RecordEntry>> disclosed(ByteView stored,
                                                   const std::optional<std::vector<std::string>>& names) {
  ASSIGN(auto entries, format::decode_record(stored));
  const bool ready = entries.size() == 1 && !entries.front().disclosed;  // a commitment of the caller's
  if (!names || (ready && names->empty())) return entries;
  if (ready) return fail(Code::invalid_argument, "evidence.field_unknown", "the caller keeps the fields");
  size_t found = 0;
  for (auto& entry : entries) {
    if (!entry.disclosed) return fail(Code::data_loss, "evidence.damaged", "a stored field is withheld");
    bool named = std::find(names->begin(), names->end(), entry.disclosed->first) != names->end();
    found += named;
    if (!named) entry.disclosed.reset();
  }
  if (found != names->size())
    return fail(Code::invalid_argument, "evidence.field_unknown",
                "the record lacks a field that is to be disclosed");
  return entries;
}

}  // namespace

Result<Bytes> Bundles::of_record(const Id& id, const BundleOptions& options) {
  std::optional<tables::Stored> stored;
  std::optional<tables::BatchRow> batch;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(stored, tables::stored(session, id));
    if (!stored) return {};
    ASSIGN(batch, tables::batch(session, stored->batch));
    return {};
  }));
  if (!stored || !batch) return fail(Code::not_found, "evidence.not_found", "{}", to_text(id));
  if (stored->erased) return fail(Code::gone, "evidence.erased", "{}", to_text(id));
  if (batch->state == State::pending) return fail(Code::conflict, "evidence.not_anchored", "still pending");
  if (batch->state == State::refused) return fail(Code::conflict, "evidence.refused", "{}", batch->refusal);
  ASSIGN(auto chain, host_.find(batch->chain));
  ASSIGN(auto record, disclosed(stored->record, options.disclose));

  Bytes item = item_of(stored->digest, format::record_root(record));
  auto bundle = from_chain(*chain, {batch->transaction, 0, stored->index, batch->height}, options.timestamp);
  bool dropped = !bundle && (bundle.error().code == Code::gone || bundle.error().code == Code::not_found);
  if (dropped && !batch->archive.empty()) {
    bundle = from_archive(batch->archive, stored->index, merkle::Log::leaf_hash(item));
    if (bundle) bundle->item = item;
    if (bundle && !options.timestamp) bundle->timestamp.clear();
  }
  if (!bundle) return tl::unexpected(bundle.error());
  if (bundle->item != item)
    return fail(Code::data_loss, "evidence.damaged", "the chain holds another item than the database");
  bundle->record = std::move(record);
  ++made_;
  return proof::encode(*bundle);
}

Result<Bytes> Bundles::of_item(const std::string& chain_name, const Digest& digest,
                               const BundleOptions& options) {
  ASSIGN(auto chain, host_.find(chain_name));
  ASSIGN(auto locations, chain->ledger->find_items(digest, 1));
  if (locations.empty()) return fail(Code::not_found, "ledger.no_item", "{}", hex(digest));
  ASSIGN(auto bundle, from_chain(*chain, locations.front(), options.timestamp));
  ++made_;
  return proof::encode(bundle);
}

Result<proof::Bundle> Bundles::from_chain(const host::Chain& chain, const ledger::ItemLocation& location,
                                          bool timestamp) {
  ASSIGN(auto found, chain.ledger->prove_item(location));
  ASSIGN(auto header, format::Header::decode(found.header));
  ASSIGN(auto transitions, chain.ledger->transitions(header.height));  // those of blocks below it
  proof::Bundle bundle;
  bundle.record = withheld(found.item);
  bundle.item = std::move(found.item);
  bundle.call = found.call;
  bundle.index = found.index;
  bundle.count = found.count;
  bundle.inner_path = std::move(found.inner_path);
  bundle.body = std::move(found.body);
  bundle.signer_key = found.signer_key;
  bundle.signature = found.signature;
  bundle.receipt = std::move(found.receipt);
  bundle.log_index = found.log_index;
  bundle.log_path = std::move(found.log_path);
  bundle.certificate = std::move(found.certificate);
  bundle.genesis = chain.ledger->genesis_document();
  for (auto& step : transitions)
    bundle.transitions.push_back({std::move(step.header), std::move(step.certificate),
                                  std::move(step.next_validators), std::move(step.state_proof)});
  if (timestamp && options_.timestamp) {
    ASSIGN(bundle.timestamp, token_of(chain.name, header.height, format::Header::hash(found.header)));
  }
  bundle.header = std::move(found.header);
  return bundle;
}

Result<Bytes> Bundles::token_of(const std::string& chain, uint64_t height, const Digest& header_hash) {
  std::lock_guard lock(token_mutex_);
  if (!last_token_.empty() && last_header_ == header_hash) return last_token_;
  std::optional<Bytes> known;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(known, tables::timestamp(session, header_hash));
    return {};
  }));
  if (!known) {
    ASSIGN(known, options_.timestamp(header_hash));
    ++timestamps_;
    TRY(database_.transaction([&](sql::Session& session) {
      return tables::put_timestamp(session, chain, height, header_hash, *known);
    }));
  }
  last_header_ = header_hash;
  last_token_ = *known;
  return last_token_;
}

Result<size_t> Bundles::archive_before(const std::string& chain_name, uint64_t height) {
  ASSIGN(auto chain, host_.find(chain_name));
  // Whether such a batch reached the chain could not be told any more once its block is dropped.
  bool unsettled = false;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(unsettled, tables::has_expired_pending(session, chain->name, options_.now_ms()));
    return {};
  }));
  if (unsettled)
    return fail(Code::conflict, "evidence.unsettled", "an earlier batch has no outcome yet; try again soon");
  for (size_t kept = 0;;) {
    std::vector<tables::BatchRow> batches;
    TRY(database_.read([&](sql::Session& session) -> Status {
      ASSIGN(batches, tables::to_archive(session, chain->name, height, kArchiveAtOnce));
      return {};
    }));
    if (batches.empty()) return kept;
    for (const tables::BatchRow& batch : batches) TRY(archive(*chain, batch));
    kept += batches.size();
  }
}

// The archive of a batch (docs/evidence.md): u32 length || a bundle of its first item without that item ||
// the hashes of its leaves. They say nothing of the records once their salts are gone.
Status Bundles::archive(const host::Chain& chain, const tables::BatchRow& batch) {
  ASSIGN(auto bundle, from_chain(chain, {batch.transaction, 0, 0, batch.height}, true));
  ASSIGN(auto transaction, chain.ledger->transaction(batch.transaction, true));
  const auto& attachments = transaction.transaction.attachments;
  if (attachments.size() != 1 || attachments[0].size() != bundle.count * 64)
    return fail(Code::data_loss, "evidence.damaged", "batch {} stands on the chain in another form",
                batch.number);
  bundle.item.assign(64, 0);
  bundle.record = withheld(bundle.item);
  bundle.inner_path.clear();
  Bytes common = proof::encode(bundle), archive;
  put_be(archive, uint32_t(common.size()));
  append(archive, common);
  for (const Digest& leaf : merkle::Log::leaf_hashes(attachments[0], 64)) append(archive, leaf);
  ASSIGN(auto writer, blobs_.create());
  TRY(writer->write(archive));
  ASSIGN(auto written, writer->finish());
  return database_.transaction(
      [&](sql::Session& session) { return tables::update_archive(session, batch.number, written.id); });
}

Result<proof::Bundle> Bundles::from_archive(const std::string& blob, uint64_t index,
                                            const Digest& item_leaf) {
  Bytes archive;
  TRY(blobs_.read(blob, [&](ByteView chunk) -> Status {
    if (archive.size() + chunk.size() > kMaxArchiveBytes)
      return fail(Code::data_loss, "evidence.damaged", "archive too large");
    append(archive, chunk);
    return {};
  }));
  Reader in(archive);
  ASSIGN(auto bundle, proof::decode(in.take_sized()));
  std::vector<Digest> leaves(bundle.count);
  for (Digest& leaf : leaves) leaf = in.digest();
  if (!in.done() || index >= leaves.size() || leaves[index] != item_leaf)
    return fail(Code::data_loss, "evidence.damaged", "archive {} does not hold the item", blob);
  bundle.index = index;
  bundle.inner_path = merkle::Log::path_of(leaves, index);
  return bundle;
}

}  // namespace chengxin::evidence
