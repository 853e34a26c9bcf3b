#pragma once
#include <deque>

#include "comet/impl/standing.h"

// Engine blocks on their way to the ledger: what may stand in one, and its execution, which is made once and
// kept until the height is decided. Not thread-safe.
namespace chengxin::comet {

using ExecutedPtr = std::shared_ptr<const ledger::Ledger::Executed>;

struct Block {
  BlockData data;
  ExecutedPtr executed;  // none: it holds no names
};

class Blocks {
 public:
  Blocks(const ledger::Ledger& ledger, Pool& pool) : ledger_(ledger), pool_(pool) {}

  // The transactions of a block of this height and time, out of the pool: as many as fit.
  struct Room {
    size_t bytes = 0;  // for names
    size_t names = 0;
  };
  // What could not stand beside the others waits until the block is decided: another one may be, in which it
  // can. Errors are host faults.
  Result<ExecutedPtr> propose(int64_t time_ms, Room room);
  // Tells who waits for those that found no place in this decided block.
  void refuse(const ledger::Ledger::Executed& executed);

  // What the engine's transactions say, if they may stand in a block of the next height: exactly what is
  // owed, and nothing malformed. comet.block_data, comet.certificate_missing, comet.certificate_not_owed,
  // format.certificate_invalid.
  static Result<BlockData> read(const Standing& standing,
                                const google::protobuf::RepeatedPtrField<std::string>& transactions);

  // `refused` when it may not be voted for: pool.missing, pool.inadmissible, comet.does_not_fit; an Error is
  // a host fault.
  struct Judged {
    ExecutedPtr executed;
    std::optional<Error> refused;
  };
  Result<Judged> execute(const BlockData& data, int64_t time_ms, const crypto::Sm2Point* proposer,
                         bool decided);
  // So that the same block needs no second execution.
  void remember(const std::vector<Digest>& contents, int64_t time_ms, ExecutedPtr executed);
  // Before this node votes for it.
  Status keep(uint64_t engine_height, const ExecutedPtr& executed);
  void forget() { made_.clear(); }

  int64_t ledger_time(int64_t engine_time_ms) const;

 private:
  struct Made {
    std::vector<Digest> contents;
    int64_t time_ms = 0;
    ExecutedPtr executed;
    bool kept = false;
  };
  const ledger::Ledger& ledger_;
  Pool& pool_;
  std::deque<Made> made_;
};

}  // namespace chengxin::comet
