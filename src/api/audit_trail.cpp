#include "api/audit_trail.h"

#include "base/clock.h"

namespace chengxin::api {

bool AuditTrail::spare(const audit::Entry& entry) {
  if (entry.outcome == "ok") return false;
  // Actions without a route are named by their callers, who could make new ones without end.
  const std::string action = entry.action.starts_with("unrouted ") ? "unrouted" : entry.action;
  std::string alike = fmt::format("{}\n{}\n{}", entry.source, action, entry.outcome);
  std::lock_guard lock(mutex_);
  if (strangers_.size() >= kStrangers && !strangers_.contains(alike)) alike = "*\n" + entry.outcome;
  Stranger& stranger = strangers_[alike];
  if (stranger.since_ns == 0) {
    stranger.since_ns = steady_ns();
    stranger.untold.count = 0;
  }
  if (stranger.told < kStrangersEntries) {
    ++stranger.told;
    return false;
  }
  const uint32_t count = stranger.untold.count;
  stranger.untold = entry;
  stranger.untold.count = count + 1;
  return true;
}

void AuditTrail::maintain() {
  if (!log_) return;
  const int64_t now = steady_ns();
  std::lock_guard lock(mutex_);
  for (auto at = strangers_.begin(); at != strangers_.end();) {
    Stranger& stranger = at->second;
    if (now - stranger.since_ns < kStrangersWhileNs) {
      ++at;
      continue;
    }
    if (stranger.untold.count > 0) log_->append(std::move(stranger.untold));
    at = strangers_.erase(at);
  }
}

Task<Status> AuditTrail::record(audit::Entry entry, bool durable) {
  if (!log_ || (entry.subject.empty() && spare(entry))) co_return Status();
  if (!durable && !log_->crowded()) {
    log_->append(std::move(entry));
    co_return Status();
  }
  Outcome<Status> outcome;
  log_->append(std::move(entry), outcome.completion());
  co_return co_await outcome.wait();
}

}  // namespace chengxin::api
