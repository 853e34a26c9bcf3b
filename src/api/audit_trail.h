#pragma once
#include <map>
#include <mutex>

#include "api/coroutine.h"
#include "audit/log.h"

namespace chengxin::api {

// What the audit log is told of calls. Thread-safe.
class AuditTrail {
 public:
  explicit AuditTrail(audit::Log* log) : log_(log) {}  // null, in tests: nothing is recorded

  Status allows_changes() const { return log_ ? log_->state() : Status(); }  // audit.stopped

  // Resumes when the entry is durable if `durable`, or when much waits. audit.stopped.
  Task<Status> record(audit::Entry entry, bool durable);
  void maintain();  // every second or two

 private:
  // Refused without a valid credential: of each address, action and outcome so many, then one with a count.
  static constexpr unsigned kStrangersEntries = 20;
  static constexpr int64_t kStrangersWhileNs = 10'000'000'000;
  static constexpr size_t kStrangers = 10'000;
  struct Stranger {
    int64_t since_ns = 0;
    unsigned told = 0;
    audit::Entry untold;  // the last, with how many there were
  };
  bool spare(const audit::Entry& entry);

  audit::Log* const log_;
  std::mutex mutex_;
  std::map<std::string, Stranger> strangers_;
};

}  // namespace chengxin::api
