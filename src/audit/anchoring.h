#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "audit/log.h"

namespace chengxin::audit {

// Brings the log's newest head to a chain every so often, when something is new, and keeps the proof in
// anchors/<last entry>.cxproof: from then on nobody can write the log anew up to there, whatever keys they
// have.
class Anchoring {
 public:
  // Puts a digest on the chain and returns the proof bundle. Called on the thread of this.
  using Anchor = std::function<Result<Bytes>(const Digest&)>;
  Anchoring(Log& log, Anchor anchor, std::chrono::milliseconds interval);
  ~Anchoring();
  Anchoring(const Anchoring&) = delete;

  struct State {
    uint64_t sequence = 0;       // last entry under an anchor
    int64_t time_ms = 0;         // when it was made
    std::optional<Error> error;  // of the last attempt
  };
  State state() const;
  Status anchor_now();  // also when nothing is new

 private:
  void run();

  Log& log_;
  const Anchor anchor_;
  const std::chrono::milliseconds interval_;
  std::mutex anchoring_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  State state_;
  std::thread thread_;
};

}  // namespace chengxin::audit
