#pragma once
#include "mirror/impl/tables.h"
#include "mirror/mirror.h"

namespace chengxin::mirror {

// One chain: where its mirror stands and how the next blocks get in. Used by one thread at a time
// (work_mutex).
struct Mirror::Follower {
  explicit Follower(ChainReader chain) : reader(std::move(chain)) {}

  // Brings in what is new, at most `max_rows` rows. True when more is waiting. Leaves its failure in `error`.
  Result<bool> step(sql::Database& database, size_t max_rows);
  // Forgets all rows; also those of another chain of the same name.
  Status drop(sql::Database& database);
  ChainStatus status() const;

  const ChainReader reader;
  std::mutex work_mutex;

  mutable std::mutex mutex;  // of what follows, which others read
  uint64_t height = 0, first_height = 1, restarts = 0;
  std::optional<Error> error;
  bool positioned = false;  // height and first_height are what the database says
  // Of the thread's loop, under Mirror::mutex_.
  bool pending = true;
  int64_t not_before_ns = 0;
  int backoff_ms = 0;

 private:
  Result<bool> advance(sql::Database& database, size_t max_rows);
  Status find_position(sql::Session& session);
  Status follow_pruning(sql::Session& session);
  Result<std::vector<ledger::BlockContent>> gather(uint64_t from, size_t max_rows) const;
  Status set_position(sql::Session& session, uint64_t from, uint64_t to) const;

  int64_t number_ = 0;  // mirror_chain.number
};

}  // namespace chengxin::mirror
