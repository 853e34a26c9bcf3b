#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "comet/impl/process.h"

// A process that is spoken to in JSON lines: commands to its input, answers and events from its output. One
// thread does all reading and writing. When the process dies, whoever waits for an answer is told, and it is
// started again after a pause that grows with every death that came soon.
namespace chengxin::comet {

struct ChildOptions {
  fs::path binary;
  std::vector<std::string> arguments;
  int stop_ms = 25'000;
  int restart_ms = 500, restart_max_ms = 30'000;
  std::function<void()> on_start;             // a process runs; on the child's thread, as all callbacks
  std::function<void(const Json&)> on_event;  // what is no answer
};

class Child {
 public:
  using OnAnswer =
      std::function<void(Result<Json>)>;  // once, on the child's thread or that of the destructor

  static Result<std::unique_ptr<Child>> start(ChildOptions options);
  ~Child();  // ends its input, waits up to stop_ms, kills

  // engine.no_answer, engine.died, or the error that the child answers with.
  Result<Json> ask(std::string_view what, Json command, int wait_ms);
  void ask(std::string_view what, Json command, OnAnswer on_answer);
  // Without an answer; the same line that still waits to be written is not added again.
  void tell(std::string line);

  void kill();  // this process; another follows
  int pid() const;

 private:
  explicit Child(ChildOptions options) : options_(std::move(options)) {}

  Status spawn();
  void run();
  void converse();
  void read_output();
  void read_errors();
  bool write_input();
  void take_line(std::string_view line);
  void take_message(Json message);
  void fail_all(const Error& why);
  void bury();
  bool pause_before_restart();
  void nudge() const;

  const ChildOptions options_;
  std::thread thread_;
  int nudge_ = -1;  // eventfd

  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  int pid_ = -1;
  uint64_t next_id_ = 1;
  std::map<uint64_t, OnAnswer> waiting_;
  std::string unwritten_;
  std::set<std::string> told_;  // lines of tell() to be written

  // Of the thread alone.
  Process process_;
  std::string unread_, errors_;
  int64_t started_ms_ = 0;
  int pause_ms_ = 0;
};

}  // namespace chengxin::comet
