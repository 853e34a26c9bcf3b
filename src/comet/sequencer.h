#pragma once
#include "comet/pool.h"

// What orders on a consortium's chain, as the platform sees it: submissions go to the pool, and the engine's
// decisions come back through announce().
namespace chengxin::comet {

struct SequencerOptions {
  int quiet_ms = 20'000;  // without a block while transactions wait: state() then says order.no_quorum
  int drain_ms = 5'000;   // stop() waits so long for what was accepted
};

class Sequencer : public order::Sequencer {
 public:
  // The ledger holds this block. In order; after Pool::committed has told the outcomes.
  virtual void announce(uint64_t ledger_height) = 0;
  // The application or the engine failed: nothing is taken any more, outcomes are told order.outcome_unknown.
  virtual void halt(const Error& cause) = 0;
};

// state() also gives order.no_quorum (unavailable), which is a finding: submissions are still taken within
// the pool's bounds. stop() stops the pool too; the engine is stopped after it, so that what was accepted can
// still come to its block.
std::unique_ptr<Sequencer> make_sequencer(Pool& pool, SequencerOptions options = {});

}  // namespace chengxin::comet
