#include "audit/anchoring.h"

#include "audit/impl/frames.h"
#include "base/log.h"

namespace chengxin::audit {

Anchoring::Anchoring(Log& log, Anchor anchor, std::chrono::milliseconds interval)
    : log_(log), anchor_(std::move(anchor)), interval_(interval) {
  const Listing files = list_files(log_.options().folder);
  if (!files.anchors.empty()) state_.sequence = files.anchors.back();
  thread_ = std::thread([this] { run(); });
}

Anchoring::~Anchoring() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Anchoring::State Anchoring::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

void Anchoring::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval_, [this] { return ending_; })) {
    const uint64_t anchored = state_.sequence;
    lock.unlock();
    if (log_.state() && log_.standing().news > anchored)
      if (auto status = anchor_now(); !status)
        log::warn("audit.anchor", {{"error", status.error().to_string()}});
    lock.lock();
  }
}

Status Anchoring::anchor_now() {
  std::lock_guard one_at_a_time(anchoring_);
  TRY(log_.state());
  const Standing standing = log_.standing();
  const auto work = [&]() -> Status {
    ASSIGN(Bytes bundle, anchor_(standing.head));
    return write_durable(anchor_path(log_.options().folder, standing.sequence), bundle, 0600);
  };
  Status done = work();
  if (done) {
    Entry entry;
    entry.subject = "platform";
    entry.action = "audit.anchored";
    entry.object = std::to_string(standing.sequence);
    entry.source = "local";
    entry.detail = hex(standing.head);
    done = log_.record(std::move(entry));
  }
  std::lock_guard lock(mutex_);
  state_.error = done ? std::nullopt : std::optional(done.error());
  if (done) {
    state_.sequence = standing.sequence;
    state_.time_ms = log_.options().now_ms();
  }
  return done;
}

}  // namespace chengxin::audit
