#include "api/impl/submission_results.h"

#include "base/json.h"
#include "format/header.h"

namespace chengxin::api {
namespace {

class LineResults final : public ResultWriter {
 public:
  explicit LineResults(bool whole) : whole_(whole) {}

  void committed(uint64_t index, const order::Committed& committed, std::string& out) const override {
    fmt::format_to(std::back_inserter(out), R"({{"index":{},"transaction":"{}","height":{},"status":{})",
                   index, hex(committed.transaction), committed.height, status_of(committed));
    if (whole_) out.append(R"(,"receipt":")").append(base64(committed.receipt)).append("\"");
    out.append("}\n");
  }

  void rejected(uint64_t index, const Error& error, std::string& out) const override {
    fmt::format_to(std::back_inserter(out), R"({{"index":{},)", index);
    put_reason(error, out);
  }

  void end(const StreamTotals& totals, const Error* error, std::string& out) const override {
    fmt::format_to(std::back_inserter(out),
                   R"({{"end":true,"accepted":{},"failed":{},"rejected":{},"bytes":{})", totals.accepted,
                   totals.failed, totals.rejected, totals.bytes);
    out.append(error ? "," : "}\n");
    if (error) put_reason(*error, out);
  }

 private:
  static void put_reason(const Error& error, std::string& out) {
    out.append(R"("reason":")").append(error.reason).append("\"");
    if (!error.detail.empty())  // strangers' bytes may be in it
      out.append(R"(,"detail":)")
          .append(Json(error.detail).dump(-1, ' ', false, Json::error_handler_t::replace));
    out.append("}\n");
  }

  const bool whole_;
};

enum class Kind : uint8_t { committed = 1, receipt = 2, rejected = 3, end = 4 };

class BinaryResults final : public ResultWriter {
 public:
  explicit BinaryResults(bool whole) : whole_(whole) {}

  void committed(uint64_t index, const order::Committed& committed, std::string& out) const override {
    const size_t begun = begin(whole_ ? Kind::receipt : Kind::committed, out);
    put_be(out, index);
    out.append(text(committed.transaction));
    if (whole_) {
      out.append(text(committed.receipt));
    } else {
      put_be(out, committed.height);
      put_be(out, status_of(committed));
    }
    finish(begun, out);
  }

  void rejected(uint64_t index, const Error& error, std::string& out) const override {
    const size_t begun = begin(Kind::rejected, out);
    put_be(out, index);
    put_reason(error, out);
    finish(begun, out);
  }

  void end(const StreamTotals& totals, const Error* error, std::string& out) const override {
    const size_t begun = begin(Kind::end, out);
    for (uint64_t number : {totals.accepted, totals.failed, totals.rejected, totals.bytes})
      put_be(out, number);
    put_reason(error ? *error : Error{}, out);
    finish(begun, out);
  }

 private:
  static void put_text(std::string_view value, std::string& out) {
    value = value.substr(0, UINT16_MAX);
    put_be(out, uint16_t(value.size()));
    out.append(value);
  }
  static void put_reason(const Error& error, std::string& out) {
    put_text(error.reason, out);
    put_text(error.detail, out);
  }
  static size_t begin(Kind kind, std::string& out) {
    out.append(4, '\0');
    out.push_back(char(kind));
    return out.size() - 1;
  }
  static void finish(size_t begun, std::string& out) {
    const uint32_t length = uint32_t(out.size() - begun);
    for (int i = 0; i < 4; ++i) out[begun - 4 + size_t(i)] = char(length >> (24 - 8 * i));
  }

  const bool whole_;
};

}  // namespace

std::unique_ptr<ResultWriter> binary_results(bool whole_receipts) {
  return std::make_unique<BinaryResults>(whole_receipts);
}

std::unique_ptr<ResultWriter> line_results(bool whole_receipts) {
  return std::make_unique<LineResults>(whole_receipts);
}

uint32_t status_of(const order::Committed& committed) { return get_be<uint32_t>(committed.receipt.data()); }

void Signal::set() {
  set_ = true;
  if (waiting_) waiting_->cancel();
}

Task<void> Signal::wait(std::chrono::milliseconds timeout) {
  if (!set_) {
    Timer timer(co_await asio::this_coro::executor);
    timer.expires_after(timeout);
    waiting_ = &timer;
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
    waiting_ = nullptr;
  }
  set_ = false;
}

Inbox::Inbox() : thread_(IoThread::current->weak_from_this()) {}

void Inbox::put(Settled settled) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    settled_.push_back(std::move(settled));
    ring = !std::exchange(rung_, true);
  }
  if (!ring) return;
  if (auto thread = thread_.lock())
    asio::post(thread->context, [self = shared_from_this()] { self->arrived.set(); });
}

void Inbox::take(std::vector<Settled>& into) {
  std::lock_guard lock(mutex_);
  into.swap(settled_);
  rung_ = false;
}

}  // namespace chengxin::api
