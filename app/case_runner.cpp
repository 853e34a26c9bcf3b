#include "case_runner.h"

#include "base/log.h"

namespace chengxin::app {
namespace {

constexpr std::chrono::seconds kEach(1);
constexpr int64_t kPeopleEach = 10;  // rounds
constexpr size_t kMostTold = 10'000;

}  // namespace

CaseRunner::CaseRunner(cases::Desk& desk, api::PackPeople& people)
    : desk_(desk), people_(people), thread_([this] { run(); }) {}

CaseRunner::~CaseRunner() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// A line when it begins to fail, or fails in another way, and one when it works again.
void CaseRunner::note(std::string_view what, const Status& status) {
  std::string& before = failing_[what];
  const std::string now = status ? "" : status.error().reason;
  if (now == before) return;
  if (status)
    log::info("cases.works_again", {{"what", what}});
  else
    log::error("cases.failing", {{"what", what}, {"error", status.error().to_string()}});
  before = now;
}

void CaseRunner::look() {
  if (rounds_++ % kPeopleEach == 0) note("people", people_.renew());
  const auto ran = desk_.run();
  note("cases", ran.map([](const auto&) {}));
  if (!ran) return;
  for (const auto& [id, error] : ran->refused) {
    if (told_.size() >= kMostTold) told_.clear();
    if (told_.emplace(id, error.reason).second)
      log::error("cases.refused", {{"case", id}, {"error", error.to_string()}});
  }
}

void CaseRunner::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    look();
    lock.lock();
    wake_.wait_for(lock, kEach, [this] { return ending_; });
  }
}

}  // namespace chengxin::app
