#include "comet/impl/child.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <future>

#include "base/clock.h"
#include "base/log.h"
#include "comet/impl/messages.h"

namespace chengxin::comet {
namespace {

constexpr size_t kMaxLineBytes = 64 << 20;
constexpr size_t kMaxUnwrittenBytes = 64 << 20;
constexpr size_t kErrorsBytes = 64 << 10, kLastWordsBytes = 4000;
constexpr int kExitMs = 1000;        // between the end of its output and that of the process
constexpr int64_t kSoonMs = 60'000;  // a death later than this after the start is no longer one of a series

Error died(std::string_view detail) {
  return Error{Code::unavailable, "engine.died", std::string(detail), 1000};
}

// The line that says why a Go program died comes before the stacks of all its threads.
std::string last_words(std::string_view errors) {
  for (std::string_view sign : {"panic: ", "fatal error: "})
    if (const size_t at = errors.rfind(sign); at != std::string_view::npos)
      return std::string(errors.substr(at, kLastWordsBytes));
  return std::string(errors.substr(errors.size() - std::min(errors.size(), kLastWordsBytes)));
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(ChildOptions options) {
  std::unique_ptr<Child> child(new Child(std::move(options)));
  child->nudge_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (child->nudge_ < 0) return fail(Code::unavailable, "engine.died", "no descriptor for a child process");
  TRY(child->spawn());
  child->thread_ = std::thread([&self = *child] { self.run(); });
  return child;
}

Child::~Child() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  nudge();
  if (thread_.joinable()) thread_.join();
  close_end(nudge_);
}

Status Child::spawn() {
  ASSIGN(process_, spawn_process(options_.binary, options_.arguments));
  started_ms_ = steady_ns() / 1'000'000;
  unread_.clear();
  errors_.clear();
  std::lock_guard lock(mutex_);
  pid_ = process_.pid;
  return {};
}

void Child::run() {
  for (;;) {
    if (process_.output >= 0) {
      options_.on_start();
      converse();
      bury();
    }
    if (!pause_before_restart()) break;
    if (auto spawned = spawn(); !spawned)
      log::error("engine.not_started", {{"why", spawned.error().to_string()}});
  }
  fail_all(died("stopping"));
}

// Until the output ends, or stop_ms after the input was ended.
void Child::converse() {
  int64_t end_ms = 0;
  for (;;) {
    bool stopping, unwritten;
    {
      std::lock_guard lock(mutex_);
      stopping = stopping_;
      unwritten = !unwritten_.empty() || !told_.empty();
    }
    if (stopping && end_ms == 0) {
      end_ms = steady_ns() / 1'000'000 + options_.stop_ms;
      ::shutdown(process_.input, SHUT_WR);
    }
    const int64_t left_ms = end_ms ? end_ms - steady_ns() / 1'000'000 : -1;
    if (end_ms && left_ms <= 0) return;
    pollfd of[] = {{nudge_, POLLIN, 0},
                   {process_.output, POLLIN, 0},
                   {process_.errors, POLLIN, 0},
                   {unwritten && !stopping ? process_.input : -1, POLLOUT, 0}};
    ::poll(of, std::size(of), int(left_ms));
    uint64_t count;
    while (::read(nudge_, &count, sizeof count) > 0) {
    }
    if (of[2].revents) read_errors();
    if (of[3].revents && !write_input()) return;
    if (of[1].revents) read_output();
    if (process_.output < 0) return;
  }
}

void Child::read_output() {
  char buffer[16 << 10];
  const ssize_t got = ::read(process_.output, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || unread_.size() + size_t(got) > kMaxLineBytes) return close_end(process_.output);
  unread_.append(buffer, size_t(got));
  size_t begin = 0;
  for (size_t end; (end = unread_.find('\n', begin)) != std::string::npos; begin = end + 1)
    take_line(std::string_view(unread_).substr(begin, end - begin));
  unread_.erase(0, begin);
}

void Child::take_line(std::string_view line) {
  auto message = parse_json(line, {.max_bytes = kMaxLineBytes});
  try {
    if (message && message->is_object()) return take_message(std::move(*message));
  } catch (const Json::exception&) {  // a field of another kind than it should be
  }
  log::warn("engine.nonsense", {{"line", std::string(line.substr(0, 200))}});
}

void Child::take_message(Json message) {
  const auto answer = message.find("answer");
  if (answer == message.end()) return options_.on_event(message);
  OnAnswer on_answer;
  {
    std::lock_guard lock(mutex_);
    const auto found = waiting_.find(answer->get<uint64_t>());
    if (found == waiting_.end()) return;  // waited for no longer
    on_answer = std::move(found->second);
    waiting_.erase(found);
  }
  if (const auto error = message.find("error"); error != message.end())
    return on_answer(tl::unexpected(engine_error(text_of(*error, "reason"), text_of(*error, "detail"))));
  on_answer(std::move(message));
}

void Child::read_errors() {
  char buffer[4 << 10];
  const ssize_t got = ::read(process_.errors, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close_end(process_.errors);
  errors_.append(buffer, size_t(got));
  if (errors_.size() > kErrorsBytes) errors_.erase(0, errors_.size() - kErrorsBytes);
}

bool Child::write_input() {
  std::lock_guard lock(mutex_);
  for (const std::string& line : std::exchange(told_, {})) unwritten_ += line + '\n';
  while (!unwritten_.empty()) {
    const ssize_t sent =
        ::send(process_.input, unwritten_.data(), unwritten_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    unwritten_.erase(0, size_t(sent));
  }
  return true;
}

void Child::bury() {
  int pid;
  bool stopping;
  {
    std::lock_guard lock(mutex_);
    pid = std::exchange(pid_, -1);  // from here on nobody kills by that number
    stopping = stopping_;
    unwritten_.clear();
    told_.clear();
  }
  const int status = reap_process(pid, process_.output < 0 ? kExitMs : 0);
  if (process_.errors >= 0) read_errors();
  close_end(process_.input);
  close_end(process_.output);
  close_end(process_.errors);
  const std::string words = last_words(errors_);
  if (!stopping || !WIFEXITED(status))
    log::error("engine.died", {{"pid", pid},
                               {"status", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)},
                               {"words", words}});
  fail_all(died(words.substr(0, words.find('\n'))));
}

bool Child::pause_before_restart() {
  const bool soon = steady_ns() / 1'000'000 - started_ms_ < kSoonMs;
  pause_ms_ = soon && pause_ms_ > 0 ? std::min(2 * pause_ms_, options_.restart_max_ms) : options_.restart_ms;
  std::unique_lock lock(mutex_);
  stopping_changed_.wait_for(lock, std::chrono::milliseconds(pause_ms_), [this] { return stopping_; });
  return !stopping_;
}

void Child::fail_all(const Error& why) {
  std::map<uint64_t, OnAnswer> waiting;
  {
    std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (auto& [id, on_answer] : waiting) on_answer(tl::unexpected(why));
}

void Child::ask(std::string_view what, Json command, OnAnswer on_answer) {
  {
    std::lock_guard lock(mutex_);
    if (pid_ >= 0 && !stopping_ && unwritten_.size() < kMaxUnwrittenBytes) {
      command["do"] = what;
      command["id"] = next_id_;
      waiting_.emplace(next_id_++, std::move(on_answer));
      unwritten_ += command.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
      on_answer = nullptr;
    }
  }
  if (on_answer) return on_answer(tl::unexpected(died("it is being started again")));
  nudge();
}

Result<Json> Child::ask(std::string_view what, Json command, int wait_ms) {
  auto promise = std::make_shared<std::promise<Result<Json>>>();
  auto answer = promise->get_future();
  ask(what, std::move(command), [promise](Result<Json> result) { promise->set_value(std::move(result)); });
  if (answer.wait_for(std::chrono::milliseconds(wait_ms)) != std::future_status::ready)
    return fail(Code::unavailable, "engine.no_answer", "to {} within {} ms", what, wait_ms);
  return answer.get();
}

void Child::tell(std::string line) {
  {
    std::lock_guard lock(mutex_);
    if (pid_ < 0 || stopping_) return;
    told_.insert(std::move(line));
  }
  nudge();
}

void Child::kill() {
  std::lock_guard lock(mutex_);
  if (pid_ >= 0) ::kill(pid_, SIGKILL);
}

int Child::pid() const {
  std::lock_guard lock(mutex_);
  return pid_;
}

void Child::nudge() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(nudge_, &one, sizeof one);
}

}  // namespace chengxin::comet
