#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/json.h"

// Long work that a person starts and watches: verifying a chain, pruning, exporting, backups, rebuilding a
// mirror. One thread does one job after another, so that maintenance never competes with itself.
namespace chengxin::jobs {

// Says how far the work is, in units of its own.
using Report = std::function<void(uint64_t done, uint64_t total)>;
using Work = std::function<Result<Json>(const Json& arguments, const Report& report)>;

enum class State { waiting, running, done, failed };
std::string_view state_name(State state);

struct Job {
  std::string id, kind;
  Json arguments;
  State state = State::waiting;
  uint64_t done = 0, total = 0;
  Json result;  // state done
  Error error;  // state failed
  int64_t created_ms = 0, ended_ms = 0;
};

class Runner {
 public:
  explicit Runner(std::function<int64_t()> now_ms);
  ~Runner();  // waits for the job under way; waiting ones fail with jobs.stopping

  void define(const std::string& kind, Work work);  // before the first start()
  std::vector<std::string> kinds() const;
  // jobs.unknown_kind, jobs.too_many (16 waiting).
  Result<Job> start(const std::string& kind, Json arguments);
  Result<Job> get(const std::string& id) const;  // jobs.not_found; the last 200 are remembered
  std::vector<Job> list() const;                 // newest first

 private:
  void run();

  std::function<int64_t()> now_ms_;
  std::map<std::string, Work> works_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;  // oldest first
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace chengxin::jobs
