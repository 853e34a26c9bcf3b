#pragma once
#include <condition_variable>
#include <deque>
#include <thread>

#include "abci/application.h"
#include "comet/impl/standing.h"
#include "ledger/importer.h"

// A chain as snapshots of engine heights (docs/formats/snapshot.md): given to others, and taken from them. A
// snapshot is the ledger's blocks up to the one that stood at that height. Who takes one believes the
// engine's application hash, which light blocks vouch for, and certificates; nothing that the giver says
// besides.
namespace chengxin::comet {

namespace pb = tendermint::abci;

inline constexpr uint32_t kSnapshotFormat = 1;
// The engine's own bounds are 16 MB for a chunk and 4 MB for what describes a snapshot.
inline constexpr size_t kMaxSnapshotChunks = 90'000, kMaxChunkBytes = size_t(12) << 20;
inline constexpr size_t kMaxPartBytes = 8 * kMaxChunkBytes;  // of blocks that are whole only together
inline constexpr size_t kMaxListed = 2;
// Engine heights that one may be behind this node: without its engine's stores a node cannot go on from where
// it stands, and the newest that peers give may be as old as that. They hold what comes after it.
inline constexpr uint64_t kOldestTaken = 256;

// What describes one, besides its height.
struct Snapshot {
  // A chunk ends with that block; where several in a row name the same block, they are pieces of one part.
  struct Chunk {
    uint64_t last = 0;
    Digest hash{};  // SM3
    bool operator==(const Chunk&) const = default;
  };
  Bytes header;              // of the newest block
  Digest next_validators{};  // after it
  std::vector<Chunk> chunks;

  Bytes encode() const;
  // comet.snapshot: another form, blocks out of order, or out of bounds.
  static Result<Snapshot> decode(ByteView bytes);
};

// Snapshots that this node gives. Thread-safe. The chain is read by a thread of its own, begun when somebody
// asks for the first time.
class SnapshotShelf {
 public:
  explicit SnapshotShelf(const ledger::Ledger& ledger) : ledger_(ledger) {}
  ~SnapshotShelf();

  // Where the chain stands now; must be told of every height.
  void stands(const Progress& progress, uint64_t ledger_height);
  // What is ready; newer ones are made meanwhile.
  pb::ResponseListSnapshots list();
  std::optional<Bytes> load(uint64_t engine_height, uint32_t chunk) const;

 private:
  struct Point {
    uint64_t engine_height = 0, ledger_height = 0;
  };
  std::optional<Point> newest_point() const;  // under the lock
  void make_them();
  Result<Snapshot> make(const Point& point);

  const ledger::Ledger& ledger_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Point> points_;  // the last heights, in order
  std::map<uint64_t, std::shared_ptr<const Snapshot>> ready_;
  std::optional<Point> wanted_;
  bool stopping_ = false;
  std::thread thread_;
  std::map<uint64_t, std::vector<Snapshot::Chunk>> known_;  // of whole parts, by their first block
};

// One that this node takes. Not thread-safe.
class SnapshotTaker {
 public:
  explicit SnapshotTaker(ledger::Ledger& ledger) : ledger_(ledger) {}

  // Errors are host faults.
  Result<pb::ResponseOfferSnapshot> offer(const pb::RequestOfferSnapshot& request, const Standing& standing);
  struct Taken {
    pb::ResponseApplySnapshotChunk answer;
    bool replaced = false;  // the ledger is another now
  };
  Result<Taken> apply(const pb::RequestApplySnapshotChunk& request);
  // The engine decides blocks: what was begun, by this process or the one before, is of no use any more.
  void abandon();

 private:
  struct Offered {
    uint64_t engine_height = 0;
    uint64_t decided = 0;  // the ledger's block of that height; 0: none
    format::Header header;
    Snapshot snapshot;
    size_t next = 0;    // chunk
    Bytes part;         // pieces of it so far
    bool here = false;  // the ledger is at that very place
  };
  Result<Taken> finish(const std::string& sender);

  ledger::Ledger& ledger_;
  std::unique_ptr<ledger::Importer> importer_;
  std::optional<Offered> offered_;
  bool clear_ = false;  // nothing was begun
};

}  // namespace chengxin::comet
