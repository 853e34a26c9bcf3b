#pragma once
#include <atomic>
#include <mutex>
#include <set>

#include "api/call.h"
#include "sql/database.h"

namespace chengxin::api {

// Idempotency-Key. A row without an answer is written down, durably, before the request is executed; the
// answer joins it after. So after a crash in between there is a row without answer that nobody works on: its
// outcome is unknown and says so, rather than being executed twice in silence. All calls but the constructor
// block.
class Idempotency {
 public:
  static constexpr int64_t kKeepMs = 24 * 3600 * 1000;
  static constexpr int64_t kMaxRows = 200'000;
  static constexpr size_t kMaxBodyBytes = 4
                                          << 20;  // a larger answer is not kept, and a repetition is told so

  explicit Idempotency(sql::Database* database) : database_(database) {}

  // nullopt: the caller now owns the key, executes the request and calls finish(), abandon() or
  // leave_unknown(). Errors: idempotency.key_reused, idempotency.in_progress, idempotency.outcome_unknown,
  // idempotency.answer_dropped, idempotency.full.
  Result<std::optional<Response>> begin(const std::string& principal, const std::string& key,
                                        const Digest& request, int64_t now_ms);
  Status finish(const std::string& principal, const std::string& key, const Response& response);
  Status abandon(const std::string& principal, const std::string& key);
  // The request failed and may have been executed: its repetition is told so.
  void leave_unknown(const std::string& principal, const std::string& key) { forget({principal, key}); }
  Status purge(int64_t now_ms);

 private:
  using Name = std::pair<std::string, std::string>;
  void forget(const Name& name);

  sql::Database* const database_;
  std::mutex mutex_;
  std::set<Name> under_way_;
  std::atomic<int64_t> rows_ = 0;
};

}  // namespace chengxin::api
