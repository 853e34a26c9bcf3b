#pragma once
#include <functional>

#include "ledger/ledger.h"

// Who decides which transactions stand in which block. Solo does it alone; a BFT engine will stand behind the
// same interface: submit() hands a transaction to whoever orders, the callback comes when its block is
// durable.
namespace chengxin::order {

struct Committed {
  uint64_t height = 0;
  Digest transaction{};
  Bytes receipt;
};
using OnOutcome =
    std::function<void(Result<Committed>)>;  // called once, on a thread of the sequencer; must not block
struct Submission {
  ledger::AdmittedTransaction transaction;
  OnOutcome on_outcome;
};
using OnBlock = std::function<void(uint64_t height)>;  // after each durable block, in order; must not block

class Sequencer {
 public:
  virtual ~Sequencer() = default;
  // order.queue_full (Code::busy with retry_after_ms) when the bounded queue is full; order.stopping.
  virtual Status submit(ledger::AdmittedTransaction transaction, OnOutcome on_outcome) = 0;
  // Many at once, in their order. Each that is not taken is told so through its outcome, before this returns.
  virtual void submit_many(std::vector<Submission> submissions) = 0;
  // order.halted after a fault: it takes nothing any more until the chain is opened again.
  virtual Status state() const = 0;
  virtual void subscribe(OnBlock on_block) = 0;
  virtual void stop() = 0;  // finishes what was accepted, then returns
};

struct SoloOptions {
  size_t max_queue_transactions = 100'000;
  size_t max_queue_bytes = 256 << 20;
  size_t max_block_transactions = 20'000;
  int block_interval_ms = 0;  // gather at least this long; 0: a block as soon as the last is durable
};

std::unique_ptr<Sequencer> make_solo(ledger::Ledger& ledger, crypto::Sm2PrivateKey key,
                                     std::function<int64_t()> now_ms, SoloOptions options = {});

}  // namespace chengxin::order
