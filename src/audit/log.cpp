#include "audit/log.h"

#include <sys/file.h>

#include <algorithm>
#include <future>

#include "audit/impl/log_files.h"
#include "audit/note.h"
#include "base/clock.h"
#include "base/log.h"

namespace chengxin::audit {

Options options_for(const fs::path& data, crypto::Sm2PrivateKey key) {
  Options options;
  options.folder = data / "audit";
  options.marker = data / "audit.marker";
  options.key = std::move(key);
  return options;
}

Result<std::unique_ptr<Log>> Log::open(Options options) {
  std::unique_ptr<Log> log(new Log(std::move(options)));
  if (!log->options_.enabled) {
    log->damage_ = Error{Code::unavailable, "audit.off", "the configuration has audit.enabled: false"};
  } else {
    auto loaded = log->lock_folder();
    if (!loaded && loaded.error().reason == "audit.in_use") return tl::unexpected(loaded.error());
    if (loaded) loaded = log->load();
    if (!loaded && loaded.error().code == Code::data_loss) log->damage_ = loaded.error();
    if (!loaded) log->stop_with(loaded.error());
  }
  if (log->damage_) log->stop_with(*log->damage_);
  log->thread_ = std::thread([raw = log.get()] { raw->run(); });
  return log;
}

Log::~Log() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (marker_ >= 0) ::fsync(marker_);
  for (int* fd : {&file_, &marker_, &lock_}) close_file(*fd);
}

Status Log::lock_folder() {
  TRY(make_folder(options_.folder));
  TRY(make_folder(options_.folder / "anchors"));
  const fs::path path = options_.folder / "lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) return failed(path);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  close_file(lock_);
  return fail(Code::conflict, "audit.in_use", "another process writes {}", options_.folder.string());
}

void Log::tell(Entry entry) {
  Pending pending = make(std::move(entry));
  std::lock_guard lock(mutex_);
  held_bytes_ += pending.payload.size();
  waiting_.push_front(std::move(pending));
  urgent_ = true;
}

// --- Entries come in ---

Log::Pending Log::make(Entry entry) const {
  if (entry.time_ms == 0) entry.time_ms = options_.now_ms();
  clean(entry);
  return {encode(entry), entry.action == "audit.anchored", nullptr};
}

void Log::append(Entry entry, OnDurable on_durable) {
  Pending pending = make(std::move(entry));
  Status refused;
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    if (standing_.stopped) {
      refused = tl::unexpected(Error{Code::unavailable, "audit.stopped", standing_.stopped->to_string()});
      if (damage_ || held_bytes_ + pending.payload.size() > options_.max_held_bytes) {
        ++standing_.lost;
        pending.payload.clear();
      }
    } else {
      pending.on_durable = std::move(on_durable);
      wake = !urgent_ && (pending.on_durable || held_bytes_ > (1 << 20));
      urgent_ = urgent_ || wake;
    }
    if (!pending.payload.empty()) {
      held_bytes_ += pending.payload.size();
      waiting_.push_back(std::move(pending));
    }
  }
  if (!refused && on_durable) on_durable(refused);
  if (wake) wake_.notify_one();
}

Status Log::record(Entry entry) {
  std::promise<Status> promise;
  auto future = promise.get_future();
  append(std::move(entry), [&](Status status) { promise.set_value(std::move(status)); });
  return future.get();
}

bool Log::crowded() const {
  std::lock_guard lock(mutex_);
  return held_bytes_ > options_.max_held_bytes / 4;
}

Status Log::state() const {
  std::lock_guard lock(mutex_);
  if (!standing_.stopped) return {};
  return tl::unexpected(Error{Code::unavailable, "audit.stopped", standing_.stopped->to_string()});
}

Standing Log::standing() const {
  std::lock_guard lock(mutex_);
  Standing out = standing_;
  out.waiting = waiting_.size();
  return out;
}

// --- The log's thread ---

void Log::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, std::chrono::milliseconds(options_.pause_ms),
                   [this] { return ending_ || (urgent_ && !standing_.stopped); });
    const bool ending = ending_;
    lock.unlock();
    if (!damage_) turn();
    lock.lock();
    if (ending && (standing_.stopped || waiting_.empty())) return;
  }
}

// What other processes left while this one had the log open (leave_note). Their files go when the entries are
// durable; until then they are not taken again.
void Log::take_notes() {
  const int64_t now = steady_ns();
  if (now - noted_ns_ < int64_t(options_.pause_ms) * 1'000'000 || !state() || !notes_.empty()) return;
  noted_ns_ = now;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(options_.folder / "notes", error)) {
    if (file.path().extension() != ".note") continue;
    auto bytes = read_file(file.path(), kMaxFrameBytes);
    auto entry = bytes ? decode_note(*bytes, options_.key.public_key()) : tl::unexpected(bytes.error());
    notes_.push_back(file.path());
    tell(entry ? std::move(*entry)
               : own("audit.note", entry.error().reason, file.path().filename().string()));
  }
}

// One commit of all that waits, or one look at whether the log is still where it should be.
void Log::turn() {
  take_notes();
  std::deque<Pending> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(waiting_);
    held_bytes_ = 0;
    urgent_ = false;
  }
  Status done;
  bool resumes = false;
  {
    std::lock_guard files(files_);
    if (!loaded_) {
      done = lock_ < 0 ? lock_folder() : Status();
      if (done) done = load();
    }
    if (done) done = check_place();
    if (const Standing now = standing(); done && now.stopped) {
      resumes = true;
      batch.push_front(
          make(own("audit.resumed", now.stopped->reason,
                   fmt::format("stopped for {} ms; {} entries were kept and {} lost",
                               options_.now_ms() - now.stopped_ms, batch.size(), now.lost - lost_before_))));
    }
    const uint64_t segment = tail_.segment;
    if (done && !batch.empty()) done = commit(batch);
    if (done && tail_.segment != segment && options_.retention_ms > 0)
      if (auto retired = retire(); !retired)
        log::error("audit.retire", {{"error", retired.error().to_string()}});
  }
  if (done) {
    resume();
    std::error_code ignored;
    for (const fs::path& path : notes_) fs::remove(path, ignored);
    notes_.clear();
    for (Pending& pending : batch)
      if (pending.on_durable) pending.on_durable({});
    return;
  }
  if (resumes) batch.pop_front();
  stop_with(done.error());
  const Status told = state();
  for (Pending& pending : batch)
    if (auto on_durable = std::exchange(pending.on_durable, nullptr)) on_durable(told);
  std::lock_guard lock(mutex_);
  for (auto at = batch.rbegin(); at != batch.rend(); ++at) {
    held_bytes_ += at->payload.size();
    waiting_.push_front(std::move(*at));
  }
}

void Log::stop_with(Error error) {
  close_file(file_);
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    if (error.code == Code::data_loss) damage_ = error;
    if (!standing_.stopped) lost_before_ = standing_.lost;
    news = !standing_.stopped || standing_.stopped->reason != error.reason;
    if (!standing_.stopped) standing_.stopped_ms = options_.now_ms();
    standing_.stopped = error;
  }
  if (news) log::error("audit.stopped", {{"reason", error.reason}, {"detail", error.detail}});
}

void Log::resume() {
  std::lock_guard lock(mutex_);
  if (!standing_.stopped) return;
  log::info("audit.resumed", {{"lost", standing_.lost}, {"reason", standing_.stopped->reason}});
  standing_.stopped.reset();
  standing_.stopped_ms = 0;
}

}  // namespace chengxin::audit
