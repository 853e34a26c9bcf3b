#pragma once
#include <array>
#include <map>
#include <memory>

#include "order/sequencer.h"

// Between whoever submits transactions and the sequencer: gathers what arrives, has it admitted in batches
// (signatures are checked best by the hundred) and hands it on. Bounded, and fair between sources: a source
// is who has authenticated, since a signature that is not yet checked says nothing about its sender.
namespace chengxin::admission {

struct Submission {
  Bytes envelope;
  order::OnOutcome on_outcome;  // called once, on any thread; must not block
  std::function<void(const Digest& hash)> on_admitted =
      {};  // before it, when it comes that far; may be empty
};

struct Options {
  size_t threads = 1;          // that admit; 0: only work() does
  size_t max_items = 100'000;  // that wait to be admitted
  size_t max_bytes = size_t(128) << 20;
  size_t batch_items = 256;
  size_t batch_bytes = size_t(4) << 20;
  int64_t pace_us = 1'000;  // a batch that is not full begins no sooner after the one before
  // Handed on and not settled. What stands in the sequencer's queue is served in the order in which it came,
  // so it is kept to what the next block or two hold, and the rest waits here, where turns are taken.
  size_t max_ahead_items = 8'192;
  size_t max_ahead_bytes = size_t(64) << 20;
};

struct SourceCounts {
  std::string name;
  size_t queued = 0, queued_bytes = 0;
  uint64_t admitted = 0;
  std::map<std::string, uint64_t> rejected;  // by reason: refused at the door or not admitted
};

struct Statistics {
  size_t queued = 0, queued_bytes = 0, ahead = 0;
  std::array<uint64_t, 11> batches{};  // of at most 1, 2, 4 … 1024 items
  uint64_t items = 0;                  // in all batches
  std::vector<SourceCounts> sources;   // those that were seen lately
};

// A queue of a source's own: served first in, first out, in turn with the source's other lanes. The source
// takes turns with other sources, and may hold as much as is still free: alone half of the bound, one of n
// 1/(n+1), so that whoever comes new finds room.
class Lane;
using LanePtr = std::shared_ptr<Lane>;

class Gatherer {
 public:
  // Ledger::admit for many at once.
  using Admit = std::function<std::vector<Result<ledger::AdmittedTransaction>>(
      std::span<const ByteView> envelopes, int64_t now_ms)>;
  Gatherer(Admit admit, order::Sequencer& sequencer, std::function<int64_t()> now_ms, Options options = {});
  ~Gatherer();
  Gatherer(const Gatherer&) = delete;

  LanePtr lane(std::string_view source);  // for a stream
  // Takes a prefix and says how long it is; what it takes is moved from and will be settled. When it takes
  // none: order.queue_full (the source's share is used up; retry_after_ms), order.stopping.
  Result<size_t> submit(const LanePtr& lane, std::span<Submission> submissions);
  // One on the lane that all single calls of a source share.
  Status submit(std::string_view source, Submission submission);

  // One batch on the caller's thread, without waiting for more to come; how many were in it.
  size_t work();
  // Answers what waits with order.stopping, and hands on what is being admitted. Before the sequencer's.
  void stop();
  Statistics statistics() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with the outcomes that are under way
};

}  // namespace chengxin::admission
