#include "base/log.h"
#include "comet/impl/snapshots.h"
#include "crypto/sm3.h"

namespace chengxin::comet {
namespace {

// Nodes that stand at different heights give the same snapshot, where they remember so far back.
constexpr uint64_t kEvery = 64;
constexpr size_t kRemembered = 3 * kEvery;
// Light blocks of a height and of the two after it are needed to begin from it (engine/sync.go).
constexpr uint64_t kBehind = 2;
constexpr auto kPatience = std::chrono::seconds(2);  // who asks is not let go for so long

constexpr size_t kChunkBytes = 8 + 32;

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "comet.snapshot", "{}", why);
}

size_t pieces_of(size_t bytes) { return std::max<size_t>((bytes + kMaxChunkBytes - 1) / kMaxChunkBytes, 1); }

}  // namespace

// header || digest of the next validators || for each chunk: u64 last block || hash.
Bytes Snapshot::encode() const {
  Bytes out = header;
  append(out, next_validators);
  for (const Chunk& each : chunks) {
    put_be(out, each.last);
    append(out, each.hash);
  }
  return out;
}

Result<Snapshot> Snapshot::decode(ByteView bytes) {
  Reader in(bytes);
  Snapshot out;
  out.header = to_bytes(in.take(format::kHeaderBytes));
  out.next_validators = in.digest();
  if (!in.ok() || in.remaining() % kChunkBytes != 0) return malformed("another length");
  if (in.remaining() / kChunkBytes > kMaxSnapshotChunks) return malformed("too many chunks");
  ASSIGN(const auto header, format::Header::decode(out.header));
  uint64_t before = 0;
  for (size_t pieces = 0; in.remaining() > 0;) {
    const uint64_t last = in.be<uint64_t>();
    pieces = last == before ? pieces + 1 : 1;
    if (last == 0 || last < before) return malformed("blocks out of order");
    if (pieces > kMaxPartBytes / kMaxChunkBytes) return malformed("a part of too many pieces");
    out.chunks.push_back({last, in.digest()});
    before = last;
  }
  if (header.height == 0 || before != header.height) return malformed("it does not end with its last block");
  return out;
}

SnapshotShelf::~SnapshotShelf() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// At a start what the note says of the heights before is remembered, later each height.
void SnapshotShelf::stands(const Progress& progress, uint64_t ledger_height) {
  std::lock_guard lock(mutex_);
  if (points_.empty() || points_.back().engine_height + 1 != progress.engine_height) {
    points_.clear();
    const uint64_t before = ledger_height - (progress.decided != 0);
    const bool known = progress.decided_before != kUnknownHeight && progress.engine_height > kBehind;
    if (known) points_.push_back({progress.engine_height - 2, before - (progress.decided_before != 0)});
    if (progress.engine_height > 1) points_.push_back({progress.engine_height - 1, before});
  }
  points_.push_back({progress.engine_height, ledger_height});
  if (points_.size() > kRemembered) points_.pop_front();
}

std::optional<SnapshotShelf::Point> SnapshotShelf::newest_point() const {
  std::optional<Point> newest;
  if (points_.empty()) return newest;
  for (auto each = points_.rbegin(); each != points_.rend(); ++each) {
    if (each->engine_height + kBehind > points_.back().engine_height) continue;
    if (each->ledger_height == 0 || each->engine_height == 0) break;
    if (!newest) newest = *each;
    if (each->engine_height % kEvery == 0) return *each;
  }
  return newest;
}

pb::ResponseListSnapshots SnapshotShelf::list() {
  std::unique_lock lock(mutex_);
  if (const auto point = newest_point(); point && !ready_.contains(point->engine_height)) {
    wanted_ = point;
    if (!thread_.joinable()) thread_ = std::thread([this] { make_them(); });
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [&] { return stopping_ || !wanted_; });
  }
  pb::ResponseListSnapshots out;
  for (auto each = ready_.rbegin(); each != ready_.rend(); ++each) {
    const Bytes metadata = each->second->encode();
    pb::Snapshot& listed = *out.add_snapshots();
    listed.set_height(each->first);
    listed.set_format(kSnapshotFormat);
    listed.set_chunks(uint32_t(each->second->chunks.size()));
    listed.set_hash(to_string(crypto::sm3(metadata)));
    listed.set_metadata(to_string(metadata));
  }
  return out;
}

void SnapshotShelf::make_them() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || wanted_; });
    if (stopping_) return;
    const Point point = *wanted_;
    lock.unlock();
    auto made = make(point);
    if (!made)
      log::warn("snapshot.not_made", {{"chain", hex(ledger_.id())},
                                      {"engine_height", point.engine_height},
                                      {"why", made.error().to_string()}});
    lock.lock();
    if (made) ready_[point.engine_height] = std::make_shared<const Snapshot>(std::move(*made));
    while (ready_.size() > kMaxListed) ready_.erase(ready_.begin());
    wanted_.reset();
    changed_.notify_all();
  }
}

// The hashes of parts that are whole are worked out once.
Result<Snapshot> SnapshotShelf::make(const Point& point) {
  Snapshot out;
  ASSIGN(auto newest, ledger_.block_header(point.ledger_height));
  out.header = std::move(newest.header_bytes);
  ASSIGN(auto validators, ledger_.state(format::kValidatorsKey, point.ledger_height));
  if (!validators) return malformed("there are no validators");
  ASSIGN(auto set, format::ValidatorSet::decode(*validators));
  out.next_validators = set.hash();
  ASSIGN(const auto parts, ledger_.chunks());
  for (size_t i = 0; i < parts.size() && parts[i].first <= point.ledger_height; ++i) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return malformed("the node stops");
    }
    const bool whole = i + 1 < parts.size() && parts[i].last <= point.ledger_height;
    std::vector<Snapshot::Chunk> chunks;
    if (auto found = known_.find(parts[i].first); whole && found != known_.end()) {
      chunks = found->second;
    } else {
      const uint64_t last = std::min(parts[i].last, point.ledger_height);
      ASSIGN(const Bytes part, ledger_.read_chunk({parts[i].first, last}));
      if (part.size() > kMaxPartBytes) return malformed("a part is too large");
      for (size_t piece = 0; piece < pieces_of(part.size()); ++piece)
        chunks.push_back({last, crypto::sm3(ByteView(part).subspan(
                                    piece * kMaxChunkBytes,
                                    std::min(kMaxChunkBytes, part.size() - piece * kMaxChunkBytes)))});
      if (whole) known_[parts[i].first] = chunks;
    }
    out.chunks.insert(out.chunks.end(), chunks.begin(), chunks.end());
  }
  if (out.chunks.empty() || out.chunks.back().last != point.ledger_height)
    return malformed("not all of it is certified");
  if (out.chunks.size() > kMaxSnapshotChunks) return malformed("the chain is too long for one");
  return out;
}

std::optional<Bytes> SnapshotShelf::load(uint64_t engine_height, uint32_t chunk) const {
  std::shared_ptr<const Snapshot> snapshot;
  {
    std::lock_guard lock(mutex_);
    if (auto found = ready_.find(engine_height); found != ready_.end()) snapshot = found->second;
  }
  if (!snapshot || chunk >= snapshot->chunks.size()) return std::nullopt;
  const auto& chunks = snapshot->chunks;
  size_t first = chunk;  // piece of its part
  while (first > 0 && chunks[first - 1].last == chunks[chunk].last) --first;
  auto part = ledger_.read_chunk({first == 0 ? 1 : chunks[first - 1].last + 1, chunks[chunk].last});
  if (!part) {
    log::warn("snapshot.not_given", {{"chain", hex(ledger_.id())}, {"why", part.error().to_string()}});
    return std::nullopt;
  }
  const size_t begin = (chunk - first) * kMaxChunkBytes;
  if (begin >= part->size()) return std::nullopt;
  return to_bytes(ByteView(*part).subspan(begin, std::min(kMaxChunkBytes, part->size() - begin)));
}

}  // namespace chengxin::comet
