#pragma once
#include <mutex>

#include "api/coroutine.h"
#include "order/sequencer.h"

// Outcomes of a transaction stream on their way to the client (docs/formats/stream.md).
namespace chengxin::api {

struct Settled {
  uint64_t index = 0;  // of the item in its stream
  uint32_t bytes = 0;  // of its envelope
  Result<order::Committed> outcome;
};

struct StreamTotals {
  uint64_t accepted = 0, failed = 0, rejected = 0;  // status 0; another status; in no block
  uint64_t bytes = 0;                               // of the body
};

uint32_t status_of(const order::Committed& committed);

// How results are written.
class ResultWriter {
 public:
  virtual ~ResultWriter() = default;
  virtual void committed(uint64_t index, const order::Committed& committed, std::string& out) const = 0;
  virtual void rejected(uint64_t index, const Error& error, std::string& out) const = 0;
  // `error`: why the stream ended before its body did, or null.
  virtual void end(const StreamTotals& totals, const Error* error, std::string& out) const = 0;
};
std::unique_ptr<ResultWriter> binary_results(bool whole_receipts);
std::unique_ptr<ResultWriter> line_results(bool whole_receipts);

// A flag of one io thread that one coroutine waits for.
class Signal {
 public:
  void set();
  // Returns at once when it was set since the last wait.
  Task<void> wait(std::chrono::milliseconds timeout = std::chrono::hours(1));

 private:
  bool set_ = false;
  Timer* waiting_ = nullptr;
};

// Where outcomes arrive, on any thread, also after the stream has gone. The stream's thread is woken once for
// all that arrive until it takes them.
class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  Inbox();
  void put(Settled settled);
  void take(std::vector<Settled>& into);  // `into` empty; on the stream's thread, like what follows
  Signal arrived;

 private:
  const std::weak_ptr<IoThread> thread_;
  std::mutex mutex_;
  std::vector<Settled> settled_;
  bool rung_ = false;
};

}  // namespace chengxin::api
