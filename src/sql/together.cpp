#include "sql/together.h"

namespace chengxin::sql {

Status Together::run(const Database::Work& work) {
  if (database_.dialect() == Dialect::postgresql) return database_.transaction(work);
  Part part{&work, {}};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&part);
  while (!part.done) {
    if (writing_) {
      written_.wait(lock);
      continue;
    }
    // Whoever finds nobody writing writes for all who wait.
    const auto end = waiting_.begin() + ptrdiff_t(std::min(waiting_.size(), kMost));
    const std::vector<Part*> parts(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    writing_ = true;
    lock.unlock();
    write(parts);
    lock.lock();
    writing_ = false;
    for (Part* each : parts) each->done = true;
    written_.notify_all();
  }
  return part.status;
}

void Together::write(std::span<Part* const> parts) {
  if (parts.size() == 1) {
    parts[0]->status = database_.transaction(*parts[0]->work);
    return;
  }
  const Status whole = database_.transaction([&](Session& session) -> Status {
    for (Part* each : parts) each->status = session.part(*each->work);
    return session.doom() ? Status(tl::unexpected(*session.doom())) : Status();
  });
  if (whole) return;
  for (Part* each : parts) each->status = whole;
}

}  // namespace chengxin::sql
