#include "jobs/jobs.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/random.h"

namespace chengxin::jobs {
namespace {

constexpr size_t kMaxWaiting = 16, kRemembered = 200;

}  // namespace

std::string_view state_name(State state) {
  constexpr std::string_view names[] = {"waiting", "running", "done", "failed"};
  return names[int(state)];
}

Runner::Runner(std::function<int64_t()> clock) : now_ms_(std::move(clock)), thread_([this] { run(); }) {}

Runner::~Runner() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Runner::define(const std::string& kind, Work work) {
  std::lock_guard lock(mutex_);
  works_[kind] = std::move(work);
}

std::vector<std::string> Runner::kinds() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [kind, work] : works_) out.push_back(kind);
  return out;
}

Result<Job> Runner::start(const std::string& kind, Json arguments) {
  std::lock_guard lock(mutex_);
  if (!works_.contains(kind)) return fail(Code::not_found, "jobs.unknown_kind", "{}", kind);
  auto waiting =
      std::count_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.state == State::waiting; });
  if (size_t(waiting) >= kMaxWaiting)
    return tl::unexpected(
        Error{Code::busy, "jobs.too_many", fmt::format("{} jobs are waiting", waiting), 5000});
  Job job;
  job.id = hex(crypto::random_bytes(8));
  job.kind = kind;
  job.arguments = std::move(arguments);
  job.created_ms = now_ms_();
  jobs_.push_back(job);
  auto ended = [](const Job& old) { return old.state == State::done || old.state == State::failed; };
  while (jobs_.size() > kRemembered && ended(jobs_.front())) jobs_.pop_front();
  wake_.notify_all();
  return job;
}

Result<Job> Runner::get(const std::string& id) const {
  std::lock_guard lock(mutex_);
  for (const Job& job : jobs_)
    if (job.id == id) return job;
  return fail(Code::not_found, "jobs.not_found", "{}", id);
}

std::vector<Job> Runner::list() const {
  std::lock_guard lock(mutex_);
  return {jobs_.rbegin(), jobs_.rend()};
}

void Runner::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto waiting = [&] {
      return std::find_if(jobs_.begin(), jobs_.end(),
                          [](const Job& job) { return job.state == State::waiting; });
    };
    wake_.wait(lock, [&] { return stopping_ || waiting() != jobs_.end(); });
    auto job = waiting();
    if (stopping_) {
      for (; job != jobs_.end(); job = waiting()) {
        job->state = State::failed;
        job->error = {Code::unavailable, "jobs.stopping", {}};
      }
      return;
    }
    job->state = State::running;
    // A deque keeps references while others are pushed behind it, and a running job is not popped.
    Job& running = *job;
    Work work = works_.at(running.kind);
    Json arguments = running.arguments;
    lock.unlock();
    Report report = [&](uint64_t done, uint64_t total) {
      std::lock_guard inner(mutex_);
      running.done = done;
      running.total = total;
    };
    Result<Json> result = fail(Code::internal, "jobs.internal");
    try {
      result = work(arguments, report);
    } catch (const std::exception& thrown) {  // a library's; ours throws nothing
      result = fail(Code::internal, "jobs.internal", "{}", thrown.what());
    }
    lock.lock();
    running.state = result ? State::done : State::failed;
    running.ended_ms = now_ms_();
    if (result)
      running.result = std::move(*result);
    else
      running.error = result.error();
    log::info("jobs.ended", {{"job", running.id},
                             {"kind", running.kind},
                             {"state", state_name(running.state)},
                             {"reason", result ? "" : running.error.reason}});
  }
}

}  // namespace chengxin::jobs
