#include "access_watch.h"

#include <algorithm>

#include "base/log.h"

namespace chengxin::app {
namespace {

constexpr size_t kMaxTold = 100;  // of one comparison, each with an entry of its own

bool holds(const std::vector<install::AccessChange>& all, const install::AccessChange& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

AccessWatch::AccessWatch(const install::Installation& installation, audit::Log& log)
    : installation_(installation), log_(log) {}

AccessWatch::~AccessWatch() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status AccessWatch::begin() {
  look();
  if (Status refused = state(); !refused) {
    refused.error().detail = changes_.front().describe() + "; " + refused.error().detail;
    return refused;
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

Status AccessWatch::state() const {
  const size_t differing = changes();
  if (differing == 0 || installation_.config.install_access_baseline != "refuse") return {};
  return fail(Code::unavailable, "install.access_changed", "{} in all: chengxin doctor", differing);
}

size_t AccessWatch::changes() const {
  std::lock_guard lock(mutex_);
  return changes_.size();
}

void AccessWatch::look() {
  auto now = install::access_changes(installation_.data, installation_.config,
                                     installation_.installation_key.public_key());
  size_t most = kMaxTold;  // the others are told by the next comparisons
  std::vector<install::AccessChange> known;
  for (const auto& change : told_) {
    if (holds(now, change) || most == 0) {
      known.push_back(change);
    } else {
      tell(change, false);
      --most;
    }
  }
  for (const auto& change : now) {
    if (holds(told_, change) || most == 0) continue;
    tell(change, true);
    known.push_back(change);
    --most;
  }
  told_ = std::move(known);
  std::lock_guard lock(mutex_);
  changes_ = std::move(now);
}

void AccessWatch::tell(const install::AccessChange& change, bool appeared) {
  audit::Entry entry;
  entry.subject = "platform";
  entry.action = appeared ? "platform.access_changed" : "platform.access_as_sealed";
  entry.object = change.entry;
  if (appeared) entry.outcome = change.reason;
  entry.source = "local";
  entry.detail = change.describe();
  log_.append(std::move(entry));
  if (appeared)
    log::error("platform.access_changed", {{"reason", change.reason}, {"change", change.describe()}});
  else
    log::info("platform.access_as_sealed", {{"entry", change.entry}});
}

void AccessWatch::run() {
  const std::chrono::seconds interval(installation_.config.install_access_seconds);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval, [this] { return ending_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

}  // namespace chengxin::app
