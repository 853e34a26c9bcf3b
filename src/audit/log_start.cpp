#include "audit/log.h"

#include <algorithm>

#include "audit/impl/log_files.h"
#include "base/log.h"
#include "crypto/sm3.h"

namespace chengxin::audit {

// At a start: where the log ends.

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

}  // namespace chengxin::audit
