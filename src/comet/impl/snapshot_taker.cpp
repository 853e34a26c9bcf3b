#include "base/log.h"
#include "comet/impl/snapshots.h"
#include "crypto/sm3.h"

namespace chengxin::comet {
namespace {

using Offer = pb::ResponseOfferSnapshot;
using Apply = pb::ResponseApplySnapshotChunk;

Digest digest_of(std::string_view bytes) {
  Digest out{};
  if (bytes.size() == out.size()) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace

// Everything that can be known before the first chunk is: what the snapshot ends with must give the hash that
// the light client believes.
Result<Offer> SnapshotTaker::offer(const pb::RequestOfferSnapshot& request, const Standing& standing) {
  const pb::Snapshot& given = request.snapshot();
  const ByteView metadata = view(given.metadata());
  Offer out;
  auto refuse = [&](Offer::Result how, const Error& why) {
    log::warn("snapshot.refused",
              {{"chain", hex(ledger_.id())}, {"engine_height", given.height()}, {"why", why.to_string()}});
    out.set_result(how);
    return out;
  };
  auto lie = [&](std::string_view why) {
    return refuse(Offer::REJECT_SENDER, {Code::invalid_argument, "comet.snapshot", std::string(why)});
  };
  offered_.reset();
  if (given.format() != kSnapshotFormat)
    return refuse(Offer::REJECT_FORMAT, {Code::unsupported, "comet.snapshot_format", {}});
  if (view(given.hash()).size() != 32 || digest_of(given.hash()) != crypto::sm3(metadata))
    return lie("its hash is another");
  auto snapshot = Snapshot::decode(metadata);
  if (!snapshot) return refuse(Offer::REJECT_SENDER, snapshot.error());
  if (snapshot->chunks.size() != given.chunks()) return lie("it has another number of chunks");
  Offered offered;
  ASSIGN(offered.header, format::Header::decode(snapshot->header));
  if (offered.header.chain != ledger_.id()) return lie("it is of another chain");
  offered.engine_height = given.height();
  const Digest trusted = digest_of(request.app_hash());
  bool believed = false;
  for (const uint64_t decided : {uint64_t(0), offered.header.height}) {
    Progress progress;
    progress.engine_height = given.height();
    progress.decided = decided;
    if (app_hash(progress, offered.header, snapshot->next_validators) != trusted) continue;
    offered.decided = decided;
    believed = true;
  }
  if (!believed) return lie("the light client knows another application hash");
  const uint64_t certified = ledger_.head().certified_height;
  if (standing.progress.engine_height > given.height() + kOldestTaken)
    return refuse(Offer::REJECT, {Code::conflict, "comet.snapshot", "it is older than what is here"});
  if (certified > 0 && offered.header.height <= certified) {
    ASSIGN(const auto own, ledger_.block_header(offered.header.height));
    if (!equal(own.header_bytes, snapshot->header)) return lie("this node has another block of that height");
  }
  offered.here = standing.progress.engine_height == given.height() && standing.app_hash == trusted;
  offered.snapshot = std::move(*snapshot);
  clear_ = false;
  if (!offered.here && !importer_) {
    ASSIGN(importer_, ledger_.importer());
  }
  if (importer_ && importer_->next_height() > offered.header.height + 1) {
    importer_->discard();
    ASSIGN(importer_, ledger_.importer());
  }
  log::info("snapshot.taking", {{"chain", hex(ledger_.id())},
                                {"engine_height", given.height()},
                                {"height", offered.header.height},
                                {"chunks", given.chunks()},
                                {"from", importer_ ? importer_->next_height() : 0}});
  offered_ = std::move(offered);
  out.set_result(Offer::ACCEPT);
  return out;
}

void SnapshotTaker::abandon() {
  if (std::exchange(clear_, true)) return;
  offered_.reset();
  importer_.reset();
  ledger_.clear_import();
}

Result<SnapshotTaker::Taken> SnapshotTaker::apply(const pb::RequestApplySnapshotChunk& request) {
  Taken out;
  auto refuse = [&](Apply::Result how, std::string_view why) {
    log::warn("snapshot.chunk_refused", {{"chain", hex(ledger_.id())},
                                         {"chunk", request.index()},
                                         {"sender", request.sender()},
                                         {"why", why}});
    if (how == Apply::RETRY) out.answer.add_refetch_chunks(request.index());
    out.answer.add_reject_senders(request.sender());
    out.answer.set_result(how);
    return out;
  };
  out.answer.set_result(Apply::ACCEPT);
  if (!offered_) {
    out.answer.set_result(Apply::REJECT_SNAPSHOT);
    return out;
  }
  if (offered_->here) return out;
  const auto& chunks = offered_->snapshot.chunks;
  const size_t index = offered_->next;
  const ByteView bytes = view(request.chunk());
  if (request.index() != index) {
    offered_.reset();
    return refuse(Apply::REJECT_SNAPSHOT, "chunks come out of order");
  }
  if (bytes.size() > kMaxChunkBytes || crypto::sm3(bytes) != chunks[index].hash)
    return refuse(Apply::RETRY, "its hash is another");
  append(offered_->part, bytes);
  ++offered_->next;
  if (offered_->next < chunks.size() && chunks[offered_->next].last == chunks[index].last) return out;
  const Status taken = importer_->take(std::exchange(offered_->part, {}));
  // What describes the snapshot is a lie: no other node's chunks would do.
  const bool whole = taken && importer_->next_height() > chunks[index].last;
  if (!whole && (taken || taken.error().reason == "ledger.chunk_bad")) {
    offered_.reset();
    return refuse(Apply::REJECT_SNAPSHOT, taken ? "it holds other blocks" : taken.error().to_string());
  }
  if (!taken) return tl::unexpected(taken.error());
  if (offered_->next < chunks.size()) return out;
  return finish(request.sender());
}

Result<SnapshotTaker::Taken> SnapshotTaker::finish(const std::string& sender) {
  Taken out;
  const Offered offered = std::move(*std::exchange(offered_, std::nullopt));
  const ledger::Head head = importer_->head();
  auto other = [&]() -> Result<std::string_view> {
    if (head.header_hash != format::Header::hash(offered.snapshot.header) ||
        head.next_validators.hash() != offered.snapshot.next_validators)
      return "certificates hold for blocks that the engine did not decide";
    // What is certified here stands for ever, whoever has the keys of older voters by now.
    const uint64_t shared = std::min(ledger_.head().certified_height, head.header.height);
    if (shared == 0) return "";
    ASSIGN(const auto own, ledger_.block_header(shared));
    ASSIGN(const Digest theirs, importer_->block_hash(shared));
    return theirs == format::Header::hash(own.header_bytes) ? "" : "this node has other blocks";
  };
  ASSIGN(const std::string_view why, other());
  if (!why.empty()) {
    log::error("snapshot.other_chain",
               {{"chain", hex(ledger_.id())}, {"height", head.header.height}, {"what", why}});
    importer_->discard();
    importer_.reset();
    out.answer.add_reject_senders(sender);
    out.answer.set_result(Apply::REJECT_SNAPSHOT);
    return out;
  }
  Progress progress;
  progress.engine_height = offered.engine_height;
  progress.decided = offered.decided;
  progress.decided_before = kUnknownHeight;
  const auto importer = std::move(importer_);
  TRY(importer->finish(encode_note(progress)));
  TRY(ledger_.replace());
  log::info("snapshot.taken", {{"chain", hex(ledger_.id())},
                               {"engine_height", progress.engine_height},
                               {"height", head.header.height}});
  out.answer.set_result(Apply::ACCEPT);
  out.replaced = true;
  return out;
}

}  // namespace chengxin::comet
