#include "mirror/mirror.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "mirror/impl/follower.h"

namespace chengxin::mirror {
namespace {

// What may come late gives way to what people wait for: little of a busy core, all of an idle one. Not the
// idle class: a lock that it holds must be given back some time.
constexpr int kNice = 19;

}  // namespace

ChainReader reader_of(std::shared_ptr<const ledger::Ledger> chain) {
  return {chain->id(),
          chain->genesis().name,
          [chain] { return chain->head().header.height; },
          [chain] { return chain->oldest_height(); },
          [chain](uint64_t height) { return chain->content(height); },
          [chain](uint64_t height) { return chain->block_header(height); }};
}

Result<std::unique_ptr<Mirror>> Mirror::open(sql::Database& database, Options options) {
  TRY(database.migrate("mirror", migrations()));
  auto mirror = std::unique_ptr<Mirror>(new Mirror(database, options));
  mirror->thread_ = std::thread([self = mirror.get()] { self->run(); });
  return mirror;
}

Mirror::~Mirror() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Mirror::add(ChainReader chain) {
  Digest id = chain.id;
  {
    std::lock_guard lock(mutex_);
    chains_.insert_or_assign(id, std::make_shared<Follower>(std::move(chain)));
  }
  wake_.notify_all();
}

void Mirror::remove(const Digest& chain) {
  FollowerPtr follower = find(chain);
  if (!follower) return;
  std::lock_guard working(follower->work_mutex);
  std::lock_guard lock(mutex_);
  chains_.erase(chain);
}

void Mirror::notify(const Digest& chain) {
  {
    std::lock_guard lock(mutex_);
    auto found = chains_.find(chain);
    if (found == chains_.end() || found->second->pending) return;
    found->second->pending = true;
  }
  wake_.notify_all();
}

Mirror::FollowerPtr Mirror::find(const Digest& chain) const {
  std::lock_guard lock(mutex_);
  auto found = chains_.find(chain);
  return found == chains_.end() ? nullptr : found->second;
}

std::vector<ChainStatus> Mirror::status() const {
  std::vector<FollowerPtr> followers;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, follower] : chains_) followers.push_back(follower);
  }
  std::vector<ChainStatus> all;
  for (const auto& follower : followers) all.push_back(follower->status());
  return all;
}

Result<ChainStatus> Mirror::status(const Digest& chain) const {
  FollowerPtr follower = find(chain);
  if (!follower) return fail(Code::not_found, "mirror.unknown_chain", "{}", hex(chain));
  return follower->status();
}

// Serves the chains in turn, each at most once an interval unless it is behind; a chain that failed waits
// longer each time.
void Mirror::run() {
  (void)::setpriority(PRIO_PROCESS, id_t(::gettid()), kNice);  // on Linux: of this thread alone
  std::unique_lock lock(mutex_);
  Digest previous{};
  while (!stopping_) {
    int64_t now = steady_ns(), soonest = INT64_MAX;
    FollowerPtr next;
    auto start = chains_.upper_bound(previous);
    for (size_t i = 0; i < chains_.size() && !next; ++i, ++start) {
      if (start == chains_.end()) start = chains_.begin();
      const FollowerPtr& follower = start->second;
      if (!follower->pending) continue;
      if (follower->not_before_ns <= now) next = follower;
      soonest = std::min(soonest, follower->not_before_ns);
    }
    if (!next) {
      if (soonest == INT64_MAX) {
        wake_.wait(lock);
      } else {
        wake_.wait_for(lock, std::chrono::nanoseconds(soonest - now));
      }
      continue;
    }
    previous = next->reader.id;
    next->pending = false;  // before reading, so that a block that comes meanwhile is not missed
    lock.unlock();
    Result<bool> more = false;
    {
      std::lock_guard working(next->work_mutex);
      more = next->step(database_, options_.max_rows);
    }
    lock.lock();
    next->backoff_ms = more ? 0 : std::clamp(next->backoff_ms * 2, 100, options_.max_backoff_ms);
    int64_t pause_ms = !more ? next->backoff_ms : *more ? 0 : options_.min_interval_ms;
    next->not_before_ns = steady_ns() + pause_ms * 1'000'000;
    next->pending = next->pending || !more || *more;
    moved_.notify_all();
  }
}

Status Mirror::rebuild(const Digest& chain, const OnProgress& on_progress) {
  FollowerPtr follower = find(chain);
  if (!follower) return fail(Code::not_found, "mirror.unknown_chain", "{}", hex(chain));
  std::lock_guard working(follower->work_mutex);
  uint64_t head = follower->reader.head_height();
  TRY(follower->drop(database_));
  for (bool more = true; more;) {
    ASSIGN(more, follower->step(database_, options_.max_rows));
    if (on_progress) on_progress(std::min(follower->height, head), head);
    more = more && follower->height < head;
  }
  notify(chain);
  return {};
}

Status Mirror::wait(const Digest& chain, int timeout_ms) {
  FollowerPtr follower = find(chain);
  if (!follower) return fail(Code::not_found, "mirror.unknown_chain", "{}", hex(chain));
  uint64_t head = follower->reader.head_height();
  notify(chain);
  auto reached = [&] {
    std::lock_guard state(follower->mutex);
    return follower->positioned && follower->height >= head;
  };
  std::unique_lock lock(mutex_);
  if (moved_.wait_for(lock, std::chrono::milliseconds(timeout_ms), reached)) return {};
  return fail(Code::busy, "mirror.behind", "not at block {} within {} ms", head, timeout_ms);
}

}  // namespace chengxin::mirror
