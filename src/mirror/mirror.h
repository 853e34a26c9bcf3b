#pragma once
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "ledger/ledger.h"
#include "sql/database.h"

// A queryable copy in SQL of the blocks, transactions, calls and events of each chain, written behind the
// commits by a thread of its own. Invariants:
// - a chain's position changes in the same SQL transaction as the rows it stands for, so a crash resumes
// exactly there;
// - only blocks that the ledger holds are mirrored; a mirror that is ahead of its ledger (which was restored
// from a
//   backup) or of another history is cut back or made again;
// - nothing here holds up a commit: notify() only wakes the thread;
// - it can be dropped and made again at any time, and is never the source of a proof.
// A database serves one node: two nodes give their mirrors databases of their own.
namespace chengxin::mirror {

// What the mirror reads of one chain. Functions, so that a test can hand in a chain of its own.
struct ChainReader {
  Digest id{};
  std::string name;
  std::function<uint64_t()> head_height;
  std::function<uint64_t()> oldest_height;  // of the first block whose transactions are still there
  std::function<Result<ledger::BlockContent>(uint64_t height)> content;
  std::function<Result<ledger::BlockRecord>(uint64_t height)> block_header;  // without transactions
};
// `chain` is kept alive with the reader.
ChainReader reader_of(std::shared_ptr<const ledger::Ledger> chain);

struct Options {
  size_t max_rows = 60'000;  // of one SQL transaction; a block is never divided
  int min_interval_ms = 50;  // between two SQL transactions of a chain that keeps up: fewer, larger ones
  int max_backoff_ms = 10'000;
};

struct ChainStatus {
  std::string name;
  uint64_t height = 0;        // mirrored up to here
  uint64_t head = 0;          // of the ledger
  uint64_t first_height = 1;  // blocks before it were pruned and are not mirrored
  uint64_t lag_blocks = 0;
  int64_t lag_ms = 0;     // since the first block that is not mirrored yet; 0 when there is none
  uint64_t restarts = 0;  // times that rows were cut back or dropped because the ledger did not hold them
  std::optional<Error>
      error;  // why it does not follow now: SQL is away (it is tried again), mirror.other_chain, ledger.*
};

using OnProgress = std::function<void(uint64_t height, uint64_t head)>;

class Mirror {
 public:
  // Makes the tables: sql.*.
  static Result<std::unique_ptr<Mirror>> open(sql::Database& database, Options options = {});
  ~Mirror();  // stops after the SQL transaction under way

  void add(ChainReader chain);
  void remove(const Digest& chain);  // stops following; the rows stay
  void notify(const Digest& chain);  // it has a new block. Cheap, never blocks

  sql::Database& database() { return database_; }  // for Queries

  std::vector<ChainStatus> status() const;
  Result<ChainStatus> status(const Digest& chain) const;  // mirror.unknown_chain

  // Drops the chain's rows and writes them again, up to the head of now, on the calling thread. Also takes
  // the place of another chain of the same name (mirror.other_chain).
  Status rebuild(const Digest& chain, const OnProgress& on_progress = nullptr);
  // Until the mirror has what the ledger has now: for tests and for `mirror status --wait`. mirror.behind
  // after timeout_ms.
  Status wait(const Digest& chain, int timeout_ms);

 private:
  struct Follower;
  using FollowerPtr = std::shared_ptr<Follower>;

  Mirror(sql::Database& database, Options options) : database_(database), options_(options) {}
  FollowerPtr find(const Digest& chain) const;
  void run();

  sql::Database& database_;
  const Options options_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wake_, moved_;
  std::map<Digest, FollowerPtr> chains_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chengxin::mirror
