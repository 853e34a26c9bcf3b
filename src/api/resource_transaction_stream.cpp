#include "api/resource_transaction_stream.h"

#include <boost/asio/co_spawn.hpp>

#include "api/describe.h"
#include "api/dispatch.h"
#include "api/impl/submission_frames.h"
#include "api/impl/submission_results.h"
#include "base/clock.h"
#include "base/log.h"

// Transactions submitted in one request, answered in one answer, both as they come. Two coroutines of the
// connection's thread: one reads and submits, one writes what has been settled. In flight is what was
// submitted and whose result is not yet with the client; when that reaches the bound, nothing more is read.
namespace chengxin::api {
namespace {

constexpr std::string_view kLines = "application/x-ndjson", kBinary = "application/vnd.chengxin.transactions",
                           kBinaryResults = "application/vnd.chengxin.results";
constexpr size_t kMaxInFlight = 4096, kMaxInFlightBytes = 8 << 20;
constexpr size_t kSlice = 256;  // items
constexpr size_t kPieceBytes = 256 << 10, kUnsharedBytes = 64 << 10;
constexpr int kMaxPauseMs = 50;
constexpr int64_t kNsPerHeldByte = 1'000'000;  // the slowest that an item may arrive: about 1 KiB/s

class TransactionStream : public std::enable_shared_from_this<TransactionStream> {
 public:
  TransactionStream(Call& call, host::ChainPtr chain, std::shared_ptr<void> place)
      : app_(call.app),
        place_(std::move(place)),
        chain_(std::move(chain)),
        lane_(chain_->admission->lane(call.principal.id)),
        source_(*call.stream),
        share_(call.app) {
    const size_t most = chain_->ledger->head().limits.max_transaction_bytes + 1024;
    const bool whole = call.query.text("receipts", "short") == "full", lines = call.media == kLines;
    frames_ = lines ? line_frames(most, app_.schemas) : binary_frames(most);
    results_ = lines ? line_results(whole) : binary_results(whole);
  }
  ~TransactionStream() { app_.waiting -= int64_t(in_flight_); }

  Task<Status> run(BodySink& sink) {
    auto finished = [self = shared_from_this()](std::exception_ptr thrown) {
      if (thrown) self->ended_by_ = Error{Code::internal, "api.internal", {}};
      self->read_ = true;
      self->inbox_->arrived.set();
    };
    asio::co_spawn(co_await asio::this_coro::executor, read_all(), std::move(finished));
    Status written = fail(Code::internal, "api.internal");
    try {
      written = co_await write_all(sink);
    } catch (const std::exception& thrown) {  // reading must have ended all the same: the connection goes
      log::error("api.exception", {{"what", thrown.what()}});
      sink.abort();
    }
    gone_ = true;
    room_.set();
    while (!read_) co_await inbox_->arrived.wait();  // a write that failed ends reading, too
    co_return written;
  }

 private:
  // Reads and submits to the end of the body, or to what makes it pointless to read on.
  Task<void> read_all() {
    while (!gone_ && !ended_by_) {
      auto chunk = co_await source_.next(read_until());
      if (!chunk) {
        ended_by_ = chunk.error();
      } else if (chunk->empty()) {
        std::vector<Frame> last;
        Status whole = frames_->finish(last);
        co_await submit(last);
        if (!whole) ended_by_ = whole.error();
        break;
      } else {
        totals_.bytes += chunk->size();
        co_await submit_items_of(*chunk);
      }
    }
  }

  // By the slice, so that a thread that others share is not held for all items that a chunk may hold.
  Task<void> submit_items_of(std::string_view chunk) {
    std::vector<Frame> frames;
    for (;;) {
      auto used = frames_->feed(chunk, frames, kSlice);
      Status framed = share_.hold(frames_->held() > kUnsharedBytes ? frames_->held() : 0);
      if (!used) framed = tl::unexpected(used.error());
      if (!frames.empty()) item_begun_ns_ = 0;
      co_await submit(frames);
      frames.clear();
      if (!framed) ended_by_ = framed.error();
      if (gone_ || ended_by_) co_return;
      chunk.remove_prefix(*used);
      if (chunk.empty()) co_return;
      co_await asio::post(co_await asio::this_coro::executor, use_task);
    }
  }

  // Between two items a stream may rest; an item that has begun must come on.
  int64_t read_until() {
    const int64_t now = steady_ns();
    const int64_t held = int64_t(frames_->held());
    if (held == 0) return now + int64_t(app_.options.idle_timeout_ms) * 1'000'000;
    if (item_begun_ns_ == 0) item_begun_ns_ = now;
    return std::min(now, item_begun_ns_ + held * kNsPerHeldByte) +
           int64_t(app_.options.body_timeout_ms) * 1'000'000;
  }

  Task<void> submit(std::vector<Frame>& frames) {
    std::vector<admission::Submission> items;
    std::vector<Waiting> waiting;  // of items
    items.reserve(frames.size());
    waiting.reserve(frames.size());
    for (Frame& frame : frames) {
      const uint64_t index = next_index_++;
      if (!frame) {
        co_await reject(index, std::move(frame).error());
        continue;
      }
      const uint32_t bytes = uint32_t(frame->size());
      waiting.push_back({index, bytes});
      items.push_back({std::move(*frame), [inbox = inbox_, index, bytes](Result<order::Committed> outcome) {
                         inbox->put({index, bytes, std::move(outcome)});
                       }});
    }
    for (size_t at = 0; at < items.size() && !gone_;) {
      const size_t room = room_for(std::span(waiting).subspan(at));
      if (room == 0) {
        co_await room_.wait();
        continue;
      }
      auto taken = chain_->admission->submit(lane_, std::span(items).subspan(at, room));
      if (taken) {
        for (const size_t end = at + *taken; at < end; ++at) enter(waiting[at].bytes);
      } else if (taken.error().code == Code::busy) {
        co_await room_.wait(std::chrono::milliseconds(std::min(taken.error().retry_after_ms, kMaxPauseMs)));
      } else {
        ended_by_ = taken.error();
        for (; at < items.size(); ++at) co_await reject(waiting[at].index, taken.error());
      }
    }
  }

  struct Waiting {
    uint64_t index;
    uint32_t bytes;
  };

  // How many of these may be in flight besides what is; one always when nothing is.
  size_t room_for(std::span<const Waiting> items) const {
    size_t count = 0, bytes = in_flight_bytes_;
    for (const Waiting& item : items) {
      bytes += item.bytes;
      const bool first = in_flight_ + count == 0;
      if (!first && (in_flight_ + count >= kMaxInFlight || bytes > kMaxInFlightBytes)) break;
      ++count;
    }
    return count;
  }

  void enter(uint32_t bytes) {
    ++in_flight_;
    in_flight_bytes_ += bytes;
    app_.waiting.fetch_add(1, std::memory_order_relaxed);
  }

  void leave(size_t count, size_t bytes) {
    in_flight_ -= count;
    in_flight_bytes_ -= bytes;
    app_.waiting.fetch_sub(int64_t(count), std::memory_order_relaxed);
    room_.set();
  }

  // What is rejected here takes a place in flight, too: its result waits for the client like any other.
  Task<void> reject(uint64_t index, Error error) {
    while (in_flight_ >= kMaxInFlight && !gone_) co_await room_.wait();
    if (gone_) co_return;
    enter(0);
    inbox_->put({index, 0, tl::unexpected(std::move(error))});
  }

  Task<Status> write_all(BodySink& sink) {
    std::vector<Settled> settled;
    std::string out;
    for (;;) {
      settled.clear();
      inbox_->take(settled);
      if (settled.empty()) {
        if (read_ && in_flight_ == 0) break;
        co_await inbox_->arrived.wait();
        continue;
      }
      for (size_t at = 0; at < settled.size();) {
        size_t count = 0, bytes = 0;
        out.clear();
        for (; at < settled.size() && out.size() < kPieceBytes; ++at, ++count) {
          bytes += settled[at].bytes;
          describe(settled[at], out);
        }
        Status sent = co_await sink.write(out);
        if (!sent) co_return sent;
        leave(count, bytes);
      }
    }
    out.clear();
    results_->end(totals_, ended_by_ ? &*ended_by_ : nullptr, out);
    co_return co_await sink.write(out);
  }

  void describe(const Settled& settled, std::string& out) {
    if (settled.outcome) {
      ++(status_of(*settled.outcome) == 0 ? totals_.accepted : totals_.failed);
      results_->committed(settled.index, *settled.outcome, out);
    } else {
      ++totals_.rejected;
      results_->rejected(settled.index, settled.outcome.error(), out);
    }
  }

  App& app_;
  const std::shared_ptr<void> place_;  // among the streams of all
  const host::ChainPtr chain_;
  const admission::LanePtr lane_;
  BodySource& source_;
  BodyShare share_;  // of an item that has begun
  std::unique_ptr<FrameReader> frames_;
  std::unique_ptr<ResultWriter> results_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  Signal room_;
  uint64_t next_index_ = 0;
  size_t in_flight_ = 0, in_flight_bytes_ = 0;
  StreamTotals totals_;
  int64_t item_begun_ns_ = 0;      // when what the reader holds was first seen; 0: between items
  std::optional<Error> ended_by_;  // before the end of the body
  bool read_ = false, gone_ = false;
};

Task<Result<Response>> submit_stream(Call& call) {
  CO_ASSIGN(auto chain, chain_of(call));
  auto place = call.app.transaction_streams.take(call.principal.id);
  if (!place)
    co_return tl::unexpected(Error{Code::busy, "api.busy", "too many transaction streams at a time", 1000});
  Response response{200, std::string(call.media == kLines ? kLines : kBinaryResults), {}, {}, {}};
  auto stream = std::make_shared<TransactionStream>(call, std::move(chain), std::move(place));
  response.stream = [stream](BodySink& sink) { return stream->run(sink); };
  co_return response;
}

}  // namespace

Resource transaction_stream_resource() {
  Resource resource;
  resource.schemas[std::string(kEncodedTransaction)] =
      object_schema({{"envelope", {{"type", "string"}, {"format", "base64"}}}}, {"envelope"});
  resource.routes = {
      {.method = Method::post,
       .path = "/api/v1/chains/{chain}/transactions/stream",
       .id = "streamTransactions",
       .summary = {"流式提交交易，逐笔返回结果",
                   "Submit transactions in a stream; each one's result comes as its block is durable"},
       .tag = "transactions",
       .query = {{"receipts",
                  enum_schema({"short", "full"}),
                  {"结果中是否带完整回执", "Whether results hold the whole receipt"}}},
       .body = {{std::string(kLines), {{"description", "A line each: docs/formats/stream.md"}}},
                {std::string(kBinary), {{"description", "Length-prefixed: docs/formats/stream.md"}}}},
       .answers = {{200,
                    std::string(kLines),
                    {{"description", "Results, a line each: docs/formats/stream.md"}},
                    {"逐笔结果，以合计结束", "A result for each item, then the totals"}},
                   {200, std::string(kBinaryResults), {}, {"二进制结果", "The same for a binary request"}}},
       .reasons = {"chain.not_found", "api.busy"},
       .handler = submit_stream,
       .streamed = true},
  };
  return resource;
}

}  // namespace chengxin::api
