#include "audit/log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "audit/impl/frames.h"
#include "audit/note.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/sm3.h"

namespace chengxin::audit {
namespace {

tl::unexpected<Error> damaged(std::string_view reason, uint64_t segment, std::string_view what) {
  return fail(Code::data_loss, reason, "segment {}: {}", segment, what);
}

tl::unexpected<Error> failed(const fs::path& path) { return tl::unexpected(file_error(path, errno)); }

Entry own(std::string action, std::string outcome, std::string detail) {
  Entry entry;
  entry.subject = "platform";
  entry.source = "local";
  entry.action = std::move(action);
  entry.outcome = std::move(outcome);
  entry.detail = std::move(detail);
  return entry;
}

Status write_at(int fd, ByteView bytes, uint64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path);
    bytes = bytes.subspan(size_t(count));
    offset += uint64_t(count);
  }
  return {};
}

void close_file(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

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

// --- At a start: where the log ends ---

Status Log::load() {
  const Listing files = list_files(options_.folder);
  std::error_code error;
  const bool marked = fs::exists(options_.marker, error),
             begun = !files.segments.empty() || !files.closes.empty(),
             accepting = !options_.accept_damage.empty();
  if (begun && !marked && !accepting)
    return fail(Code::data_loss, "audit.marker", "{} is missing", options_.marker.string());
  if (!marked) TRY(write_durable(options_.marker, Bytes(2 * kSlotBytes), 0600));
  close_file(marker_);
  marker_ = ::open(options_.marker.c_str(), O_RDWR | O_CLOEXEC);
  if (marker_ < 0) return failed(options_.marker);
  ASSIGN(Bytes bytes, read_file(options_.marker, 1 << 20));
  const Marker marker = read_marker(bytes, options_.key.public_key());
  slot_ = marker.slot;
  if (Status found = find_end(files, marker); !found) {
    if (found.error().code != Code::data_loss || !accepting) return found;
    TRY(go_on_after(found.error(), files, marker));
  } else if (marker.damaged) {
    tell(own("audit.recovered", "audit.marker", "a slot of the marker was torn"));
  }
  if (!begun && marker.frame.empty()) tell(own("audit.begun", "ok", ""));
  for (uint64_t number : files.closes)  // a removal that was interrupted
    if (number != tail_.segment) fs::remove(segment_path(options_.folder, number), error);
  loaded_ = true;
  std::lock_guard lock(mutex_);
  standing_.sequence = standing_.news = tail_.sequence;
  standing_.segment = tail_.segment;
  standing_.head = tail_.digest;
  return {};
}

Status Log::find_end(const Listing& files, const Marker& marker) {
  tail_ = Tail{};
  if (files.segments.empty())
    return marker.frame.empty() ? Status()
                                : fail(Code::data_loss, "audit.segment_missing",
                                       "segment {}, which the marker names", marker.head.segment);
  if (marker.frame.empty() && (marker.damaged || files.segments.size() > 1))
    return fail(Code::data_loss, "audit.marker", "{} holds no head of ours", options_.marker.string());
  return load_segment(files.segments.back(), marker);
}

// The frames that follow on each other, and the last head among them.
Status Log::load_segment(uint64_t number, const Marker& marker) {
  const fs::path path = segment_path(options_.folder, number);
  ASSIGN(Bytes bytes, read_file(path, kMaxSegmentBytes));
  size_t end = 0, entries_after = 0, heads = 0;
  bool marked = marker.frame.empty() || marker.head.segment < number;
  Digest before{};
  std::optional<Frame> head;
  for (auto frame = frame_at(bytes, 0); frame; frame = frame_at(bytes, frame->offset + frame->bytes.size())) {
    const auto start = decode_start(*frame);
    if (frame->offset == 0 ? !start || start->segment != number : frame->previous != before) break;
    before = digest_of(*frame);
    entries_after += frame->kind == Kind::entry;
    if (!decode_head(*frame)) continue;
    head = frame;
    ++heads;
    end = frame->offset + frame->bytes.size();
    entries_after = 0;
    marked = marked || equal(frame->bytes, marker.frame);
  }
  if (!marked || (marker.frame.empty() && heads > 1))
    return damaged(
        "audit.truncated", number,
        fmt::format("sound up to byte {}, and the marker knows of entry {}", end, marker.head.sequence));
  if (head && !head_holds(*head, options_.key.public_key()))
    return damaged("audit.signature", number, fmt::format("the head at byte {}", head->offset));
  if (head) {
    const Head last = *decode_head(*head);
    tail_ = {number, last.sequence, end, last.closing, digest_of(*head), {}, last.time_ms / kDayMs};
    tail_.last_close = last.closing ? tail_.digest : last.last_close;
  } else {  // begun and never acknowledged
    if (number > 1) TRY(load_segment(number - 1, marker));
    if (!tail_.closed) return damaged("audit.truncated", number - 1, "it has no closing head");
    std::error_code error;
    fs::remove(path, error);
  }
  if (bytes.size() > end)
    tell(own("audit.recovered", "ok",
             fmt::format("segment {}: {} bytes with {} entries that were never acknowledged were dropped",
                         number, bytes.size() - end, entries_after)));
  return {};
}

// A new segment after a damaged log: what is left of it stays where it is, and verification goes on to name
// it.
Status Log::go_on_after(const Error& cause, const Listing& files, const Marker& marker) {
  tail_ = Tail{};
  tail_.segment = marker.head.segment;
  tail_.sequence = marker.head.sequence;
  if (!files.segments.empty()) {
    tail_.segment = std::max(tail_.segment, files.segments.back());
    ASSIGN(Bytes last, read_file(segment_path(options_.folder, files.segments.back()), kMaxSegmentBytes));
    for (auto frame = frame_at(last, 0); frame; frame = frame_at(last, frame->offset + frame->bytes.size())) {
      if (frame->sequence > tail_.sequence + kMaxSegmentBytes / kFrameBytes) break;  // not ours
      tail_.sequence = std::max(tail_.sequence, frame->sequence);
      tail_.digest = digest_of(*frame);
    }
  }
  tell(own("audit.reopened", cause.reason, options_.accept_damage + " | " + cause.detail));
  return {};
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
      urgent_ = urgent_ || pending.on_durable || held_bytes_ > (1 << 20);
    }
    if (!pending.payload.empty()) {
      held_bytes_ += pending.payload.size();
      waiting_.push_back(std::move(pending));
    }
  }
  if (!refused && on_durable)
    on_durable(refused);
  else
    wake_.notify_one();
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
std::vector<fs::path> Log::take_notes() {
  std::vector<fs::path> taken;
  if (const int64_t now = steady_ns(); now - noted_ns_ < int64_t(options_.pause_ms) * 1'000'000 || !state())
    return taken;
  else
    noted_ns_ = now;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(options_.folder / "notes", error)) {
    if (file.path().extension() != ".note") continue;
    auto bytes = read_file(file.path(), kMaxFrameBytes);
    auto entry = bytes ? decode_note(*bytes, options_.key.public_key()) : tl::unexpected(bytes.error());
    taken.push_back(file.path());
    tell(entry ? std::move(*entry)
               : own("audit.note", entry.error().reason, file.path().filename().string()));
  }
  return taken;
}

// One commit of all that waits, or one look at whether the log is still where it should be.
void Log::turn() {
  std::vector<fs::path> notes = take_notes();
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
    for (const fs::path& path : notes) fs::remove(path, ignored);
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

// Opens the segment that is being written, or the next. Somebody may have been at it while it was closed.
Status Log::open_file() {
  const fs::path path = segment_path(options_.folder, tail_.segment);
  file_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (file_ < 0) return failed(path);
  struct stat info {};
  if (::fstat(file_, &info) != 0) return failed(path);
  if (uint64_t(info.st_size) < tail_.size)
    return damaged("audit.truncated", tail_.segment, "it became shorter");
  std::array<uint8_t, kHeadBytes> last{};
  if (::pread(file_, last.data(), last.size(), off_t(tail_.size - last.size())) != ssize_t(last.size()))
    return failed(path);
  if (crypto::sm3(last) != tail_.digest) return damaged("audit.altered", tail_.segment, "its end is another");
  // What a failed commit left.
  if (uint64_t(info.st_size) > tail_.size && ::ftruncate(file_, off_t(tail_.size)) != 0) return failed(path);
  return {};
}

// Writing to a file that was removed or replaced succeeds, and helps nobody.
Status Log::check_place() {
  struct stat marker {
  }, there{};
  struct stat held {};
  if (::stat(options_.marker.c_str(), &marker) != 0 || ::fstat(marker_, &held) != 0)
    return failed(options_.marker);
  if (marker.st_ino != held.st_ino)
    return fail(Code::data_loss, "audit.marker", "{} was replaced", options_.marker.string());
  if (!unmarked_.empty()) {
    TRY(write_at(marker_, unmarked_, slot_ * kSlotBytes, options_.marker));
    unmarked_.clear();
  }
  if (tail_.closed) return ::stat(options_.folder.c_str(), &there) == 0 ? Status() : failed(options_.folder);
  if (file_ < 0) return open_file();
  const fs::path path = segment_path(options_.folder, tail_.segment);
  struct stat ours {};
  if (::stat(path.c_str(), &there) != 0) return failed(path);
  if (::fstat(file_, &ours) != 0) return failed(path);
  if (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
    close_file(file_);
    return open_file();
  }
  if (uint64_t(ours.st_size) < tail_.size)
    return damaged("audit.truncated", tail_.segment, "it became shorter");
  if (uint64_t(ours.st_size) > tail_.size) return damaged("audit.altered", tail_.segment, "it became longer");
  return {};
}

Status Log::write(ByteView bytes) {
  const fs::path path = segment_path(options_.folder, tail_.segment);
  TRY(write_at(file_, bytes, tail_.size, path));
  if (::fdatasync(file_) != 0) return failed(path);
  return {};
}

// The log is durable already, so a marker that cannot be written stops what comes next.
void Log::mark(Bytes head, bool sync) {
  unmarked_ = std::move(head);
  unmarked_.resize(kSlotBytes);
  slot_ = 1 - slot_;
  if (write_at(marker_, unmarked_, slot_ * kSlotBytes, options_.marker) && (!sync || ::fsync(marker_) == 0))
    unmarked_.clear();
}

Status Log::close_segment() {
  ASSIGN(Bytes frame, sign_head({tail_.sequence, options_.now_ms(), tail_.segment, true, tail_.last_close},
                                tail_.digest, options_.key));
  TRY(write(frame));
  tail_.closed = true;
  tail_.size += frame.size();
  tail_.digest = tail_.last_close = crypto::sm3(frame);
  close_file(file_);
  mark(std::move(frame), true);
  return {};
}

Status Log::begin_segment(Bytes& out) {
  const fs::path path = segment_path(options_.folder, tail_.segment + 1);
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) return failed(path);
  TRY(sync_folder(options_.folder));
  out = encode_start({tail_.segment + 1, options_.now_ms(), options_.key.public_key().point()},
                     tail_.sequence, tail_.digest);
  return {};
}

Status Log::commit(std::deque<Pending>& batch) {
  const int64_t now = options_.now_ms();
  if (!tail_.closed && (tail_.size >= options_.segment_bytes || now / kDayMs != tail_.day))
    TRY(close_segment());
  Bytes out;
  Tail next = tail_;
  if (tail_.closed) {
    TRY(begin_segment(out));
    ++next.segment;
    next.closed = false;
    next.size = 0;
    next.day = now / kDayMs;
    next.digest = crypto::sm3(out);
  }
  uint64_t news = 0;
  for (const Pending& pending : batch) {
    const Bytes frame = encode_frame(Kind::entry, ++next.sequence, next.digest, pending.payload);
    next.digest = crypto::sm3(frame);
    chengxin::append(out, frame);
    if (!pending.anchor) news = next.sequence;
  }
  ASSIGN(Bytes head,
         sign_head({next.sequence, now, next.segment, false, next.last_close}, next.digest, options_.key));
  chengxin::append(out, head);
  next.digest = crypto::sm3(head);
  const Tail before = std::exchange(tail_, next);
  if (auto written = write(out); !written) {
    if (before.closed) ::unlink(segment_path(options_.folder, next.segment).c_str());
    tail_ = before;
    return written;
  }
  tail_.size += out.size();
  {
    std::lock_guard lock(mutex_);
    standing_.sequence = tail_.sequence;
    standing_.segment = tail_.segment;
    standing_.head = tail_.digest;
    standing_.head_ms = now;
    standing_.written += batch.size();
    ++standing_.commits;
    if (news) standing_.news = news;
  }
  mark(std::move(head), before.closed);
  return {};
}

// Segments whose last entry is older than the retention: an entry says so, durably, then each leaves its
// closing head.
Status Log::retire() {
  const Listing files = list_files(options_.folder);
  const int64_t before_ms = options_.now_ms() - options_.retention_ms;
  std::vector<std::pair<Head, Bytes>> old;
  for (uint64_t number : files.segments) {
    if (number == tail_.segment) break;
    ASSIGN(Bytes bytes, read_file(segment_path(options_.folder, number), kMaxSegmentBytes));
    if (bytes.size() < kHeadBytes) break;
    const auto frame = frame_at(bytes, bytes.size() - kHeadBytes);
    const auto head = frame ? decode_head(*frame) : std::nullopt;
    if (!head || !head->closing || head->time_ms >= before_ms) break;
    old.emplace_back(*head, to_bytes(frame->bytes));
  }
  if (old.empty()) return {};
  const Head& last = old.back().first;
  Entry entry = own("audit.retired", "ok", fmt::format("entries up to {}", last.sequence));
  entry.object = fmt::format("segments={}-{}", old.front().first.segment, last.segment);
  std::deque<Pending> batch;
  batch.push_back(make(std::move(entry)));
  TRY(commit(batch));
  std::error_code error;
  for (const auto& [head, bytes] : old) {
    TRY(write_durable(close_path(options_.folder, head.segment), bytes, 0600));
    fs::remove(segment_path(options_.folder, head.segment), error);
  }
  for (uint64_t sequence : files.anchors)
    if (sequence <= last.sequence) fs::remove(anchor_path(options_.folder, sequence), error);
  return sync_folder(options_.folder);
}

Status Log::snapshot(const fs::path& into) {
  TRY(make_folder(into / "anchors"));
  const auto copy = [&](const fs::path& from, const fs::path& to) -> Status {
    std::error_code error;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
    if (error && error != std::errc::no_such_file_or_directory)
      return fail(Code::unavailable, "file.io", "{}: {}", from.string(), error.message());
    return {};
  };
  const auto copy_all = [&](uint64_t done) -> Result<uint64_t> {  // segments above `done`
    const Listing files = list_files(options_.folder);
    for (uint64_t number : files.closes)
      TRY(copy(close_path(options_.folder, number), close_path(into, number)));
    for (uint64_t sequence : files.anchors)
      TRY(copy(anchor_path(options_.folder, sequence), anchor_path(into, sequence)));
    for (uint64_t number : files.segments)
      if (number > done) TRY(copy(segment_path(options_.folder, number), segment_path(into, number)));
    for (uint64_t number : files.closes) {  // removed while we copied
      std::error_code ignored;
      fs::remove(segment_path(into, number), ignored);
    }
    return files.segments.size() > 1 ? files.segments.back() - 1 : 0;
  };
  ASSIGN(const uint64_t closed, copy_all(0));  // the closed ones do not change: the log goes on meanwhile
  std::lock_guard files(files_);
  ASSIGN([[maybe_unused]] const uint64_t all, copy_all(closed));
  return copy(options_.marker, into / "marker");
}

}  // namespace chengxin::audit
