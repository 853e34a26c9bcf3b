#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "audit/entry.h"
#include "base/file.h"
#include "crypto/sm2.h"

// The audit log (审计日志) of an installation (ADR 0039, docs/formats/audit.md). Invariants:
// - every frame carries the SM3 of the one before, and every commit ends with a head signed with the
//   installation's key: what was acknowledged lies under a signature;
// - an entry is acknowledged when it and the head over it are synced; what follows the last head was never
//   acknowledged, and only that is dropped at a start, which an entry then says;
// - the marker, outside the folder, holds the newest head and is written after the log is synced: it may lag
//   behind the log and never runs ahead of it;
// - segments are removed whole, oldest first, after an entry said so, and leave their closing head.
namespace chengxin::audit {

inline constexpr int64_t kDayMs = int64_t(24) * 3600 * 1000;
inline constexpr int64_t kLeastRetentionDays = 180;

struct Options {
  fs::path folder, marker;
  crypto::Sm2PrivateKey key;  // the installation's
  std::function<int64_t()> now_ms;
  bool enabled = true;                // false: stopped from the beginning, with audit.off
  uint64_t segment_bytes = 32 << 20;  // a segment ends when it is larger, or at the end of a UTC day
  int64_t retention_ms = 0;           // of closed segments; 0: for good
  size_t max_held_bytes = 32 << 20;   // of entries that wait while the log cannot be written
  int pause_ms = 1000;                // between writes that nobody waits for, looks at the folder, retries
  std::string accept_damage;          // why a damaged log is gone on with, in a new segment; empty: it is not
};

// Where a data folder keeps its log.
Options options_for(const fs::path& data, crypto::Sm2PrivateKey key);

struct Standing {
  uint64_t sequence = 0, segment = 0;  // of the last durable entry
  uint64_t news = 0;                   // sequence of the last durable entry that tells of no anchor
  Digest head{};                       // SM3 of the newest head
  int64_t head_ms = 0;
  uint64_t written = 0, lost = 0, commits = 0;  // since it was opened
  size_t waiting = 0;                           // entries not yet durable
  int64_t stopped_ms = 0;                       // since when; 0: it runs
  std::optional<Error> stopped;                 // why
};

struct Listing;
struct Marker;

class Log {
 public:
  // A log that cannot be written, or is damaged, opens too and is stopped: reads go on. audit.in_use: another
  // process has it open.
  static Result<std::unique_ptr<Log>> open(Options options);
  ~Log();  // writes what waits
  Log(const Log&) = delete;

  // With `on_durable` the entry is written at once, with all that waits; it is called on the log's thread and
  // must not block. Its error is audit.stopped: the entry is kept, and written when the fault ends, unless
  // the process ends before. Thread-safe.
  using OnDurable = std::function<void(Status)>;
  void append(Entry entry, OnDurable on_durable = nullptr);
  Status record(Entry entry);  // the same, waiting
  bool crowded() const;        // more waits than should: wait for the next entry even if it is only a read

  // Ok, or audit.stopped with the cause in its detail.
  Status state() const;
  Standing standing() const;
  const Options& options() const { return options_; }

  // A copy that verifies: folder/… and folder/marker.
  Status snapshot(const fs::path& into);

 private:
  struct Pending {
    Bytes payload;
    bool anchor = false;
    OnDurable on_durable;
  };
  struct Tail {
    uint64_t segment = 0, sequence = 0, size = 0;
    bool closed = true;  // the next entry begins a segment
    Digest digest{}, last_close{};
    int64_t day = 0;
  };

  explicit Log(Options options) : options_(std::move(options)) {}
  Status lock_folder();
  Status load();
  Status find_end(const Listing& files, const Marker& marker);
  Status load_segment(uint64_t number, const Marker& marker);
  Status go_on_after(const Error& cause, const Listing& files, const Marker& marker);
  void tell(Entry entry);
  void run();
  void turn();
  void take_notes();
  Status commit(std::deque<Pending>& batch);
  Status write(ByteView bytes);
  Status open_file();
  Status check_place();
  Status begin_segment(Bytes& out);
  Status close_segment();
  void mark(Bytes head, bool sync);
  Status retire();
  void stop_with(Error error);
  void resume();
  Pending make(Entry entry) const;

  const Options options_;
  mutable std::mutex files_;  // held while files change; what follows is of whoever holds it
  int lock_ = -1, file_ = -1, marker_ = -1;
  size_t slot_ = 0;
  Bytes unmarked_;  // a slot of the marker that could not be written
  Tail tail_;       // of what is durable
  bool loaded_ = false;
  int64_t noted_ns_ = 0;
  std::vector<fs::path> notes_;  // taken, and not durable here yet

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> waiting_;
  size_t held_bytes_ = 0;
  uint64_t lost_before_ = 0;  // the fault under way
  bool urgent_ = false, ending_ = false;
  std::optional<Error> damage_;  // for good: only accept_damage gets over it
  Standing standing_;
  std::thread thread_;
};

}  // namespace chengxin::audit
