#include "audit/log.h"

#include <sys/stat.h>

#include <algorithm>

#include "audit/impl/log_files.h"
#include "crypto/sm3.h"

namespace chengxin::audit {

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
