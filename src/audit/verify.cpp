#include "audit/verify.h"

#include <algorithm>
#include <map>
#include <set>

#include "audit/impl/frames.h"
#include "audit/log.h"
#include "base/clock.h"
#include "crypto/sm3.h"

namespace chengxin::audit {
namespace {

constexpr size_t kMaxFindings = 200;

// A frame whose bytes are not kept.
struct Link {
  Frame frame;
  Digest digest{};
};

class Verifier {
 public:
  explicit Verifier(const VerifyOptions& options) : options_(options) {}

  Result<Report> run() {
    // The marker first: a log that is being written only grows.
    TRY(read_the_marker());
    const Listing files = list_files(options_.folder);
    if (files.segments.empty() && files.closes.empty() && marker_.frame.empty() && !marker_.damaged)
      return fail(Code::not_found, "audit.no_log", "{}", options_.folder.string());
    std::vector<uint64_t> segments;
    std::set_difference(files.segments.begin(), files.segments.end(), files.closes.begin(),
                        files.closes.end(), std::back_inserter(segments));
    TRY(removed(files.closes));
    for (uint64_t number : segments) {
      while (number > expected_segment_) missing_segment();
      TRY(segment(number, number == segments.back()));
    }
    check_marker();
    check_removals();
    if (options_.anchors) TRY(check_anchors(files.anchors));
    return std::move(report_);
  }

 private:
  void find(std::string_view reason, uint64_t segment, uint64_t sequence, uint64_t offset,
            std::string detail) {
    const auto same = [&](const Finding& other) {
      return other.segment == segment && other.offset == offset;
    };
    if (report_.findings.size() >= kMaxFindings ||
        std::any_of(report_.findings.begin(), report_.findings.end(), same))
      return;
    report_.findings.push_back({std::string(reason), segment, sequence, offset, std::move(detail)});
  }

  Status read_the_marker() {
    auto bytes = read_file(options_.marker, 1 << 20);
    if (!bytes && bytes.error().reason != "file.not_found") return tl::unexpected(bytes.error());
    if (!bytes || bytes->empty()) {
      no_marker_ = true;
      return {};
    }
    marker_ = read_marker(*bytes, options_.key);
    return {};
  }

  void missing_segment() {
    find("audit.segment_missing", expected_segment_, sequence_ + 1, 0,
         fmt::format("{} is not there", segment_path({}, expected_segment_).string()));
    linked_ = false;
    ++expected_segment_;
  }

  // Closing heads of segments that were removed: a chain of their own.
  Status removed(const std::vector<uint64_t>& closes) {
    for (uint64_t number : closes) {
      while (number > expected_segment_) missing_segment();
      ASSIGN(Bytes bytes, read_file(close_path(options_.folder, number), 1 << 16));
      const auto frame = frame_at(bytes, 0);
      const auto head = frame ? decode_head(*frame) : std::nullopt;
      ++expected_segment_;
      ++report_.removed;
      if (!head || frame->bytes.size() != bytes.size() || !head_holds(*frame, options_.key)) {
        find("audit.altered", number, sequence_, 0, "the closing head of a removed segment");
        linked_ = false;
        continue;
      }
      if (head->segment != number || !head->closing || (linked_ && head->last_close != last_close_))
        find("audit.segment_order", number, head->sequence, 0,
             "the closing head of a removed segment is another's");
      if (report_.first == 0) report_.first = head->sequence + 1;
      keep_head(*frame, *head);
      removed_sequence_ = head->sequence;
      removed_ms_ = head->time_ms;
      sequence_ = head->sequence;
      previous_ = last_close_ = digest_of(*frame);
      linked_ = true;
    }
    return {};
  }

  void keep_head(const Frame& frame, const Head& head) {
    const Digest digest = digest_of(frame);
    heads_[digest] = head.sequence;
    if (!marker_.frame.empty() && equal(frame.bytes, marker_.frame)) marker_found_ = true;
    report_.head = digest;
    report_.head_ms = head.time_ms;
  }

  Status segment(uint64_t number, bool last) {
    ASSIGN(Bytes bytes, read_file(segment_path(options_.folder, number), kMaxSegmentBytes));
    std::vector<Link> links;
    size_t end = 0;
    for (auto frame = frame_at(bytes, 0); frame; frame = frame_at(bytes, end)) {
      end = frame->offset + frame->bytes.size();
      links.push_back({*frame, digest_of(*frame)});
    }
    ++expected_segment_;
    ++report_.segments;
    check_start(number, links);
    for (size_t i = 1; i < links.size(); ++i) check_link(number, links, i);
    size_t acknowledged = 0;
    bool closed = false;
    for (const Link& link : links)
      if (check_content(number, link, closed)) acknowledged = link.frame.offset + link.frame.bytes.size();
    if (links.empty()) linked_ = last && linked_;
    if (closed || (last && acknowledged == bytes.size())) return {};
    // What follows the last head of the last segment was never acknowledged, unless the marker says so.
    if (last && (marker_.frame.empty() || marker_found_)) {
      report_.unacknowledged_bytes = bytes.size() - acknowledged;
      return {};
    }
    find(last                 ? "audit.altered"
         : end < bytes.size() ? "audit.altered"
                              : "audit.truncated",
         number, sequence_ + 1, end < bytes.size() ? end : acknowledged,
         last ? "what the marker vouches for does not follow" : "the segment has no sound end");
    linked_ = false;
    return {};
  }

  void check_start(uint64_t number, const std::vector<Link>& links) {
    const auto start = links.empty() ? std::nullopt : decode_start(links[0].frame);
    if (!start) {
      find("audit.altered", number, sequence_ + 1, 0, "it has no sound beginning");
      linked_ = false;
      return;
    }
    const Frame& frame = links[0].frame;
    if (start->segment != number)
      find("audit.segment_order", number, frame.sequence, 0,
           fmt::format("this is segment {}", start->segment));
    else if (start->key != options_.key.point())
      find("audit.other_key", number, frame.sequence, 0, "begun under another installation's key");
    else if (linked_ && (frame.previous != previous_ || frame.sequence != sequence_))
      find("audit.segment_order", number, frame.sequence, 0, "it does not follow the segment before it");
    if (report_.first == 0) report_.first = frame.sequence + 1;
    sequence_ = frame.sequence;
  }

  // Frame i against the one before it; which of the two is another is seen from the one after.
  void check_link(uint64_t number, const std::vector<Link>& links, size_t i) {
    const Link& before = links[i - 1];
    const Frame& frame = links[i].frame;
    if (frame.previous == before.digest) return;
    const bool vouched = (i + 1 < links.size() && links[i + 1].frame.previous == links[i].digest) ||
                         head_holds(frame, options_.key);
    const uint64_t expected = before.frame.sequence + (frame.kind == Kind::entry);
    const bool bent =
        i > 1 && before.frame.previous == links[i - 2].digest &&
        before.frame.sequence != links[i - 2].frame.sequence + (before.frame.kind == Kind::entry);
    if (bent) {
      find("audit.altered", number, links[i - 2].frame.sequence + 1, before.frame.offset,
           "not what was written");
    } else if (frame.sequence == expected) {
      const Link& altered = vouched ? before : links[i];
      find("audit.altered", number, altered.frame.sequence, altered.frame.offset, "not what was written");
    } else if (!vouched) {
      find("audit.altered", number, before.frame.sequence, before.frame.offset,
           "from here on, not what was written");
    } else {
      const bool later = std::any_of(links.begin() + ptrdiff_t(i), links.end(), [&](const Link& link) {
        return link.frame.kind == Kind::entry && link.frame.sequence == before.frame.sequence + 1;
      });
      const bool moved = frame.sequence < expected || (later && frame.kind == Kind::entry);
      find(moved ? "audit.reordered" : "audit.missing", number, before.frame.sequence + 1, frame.offset,
           moved ? fmt::format("entry {} stands here", frame.sequence)
                 : fmt::format("what stood before entry {} is gone",
                               frame.sequence + (frame.kind != Kind::entry)));
    }
  }

  // Whether it is a head that holds.
  bool check_content(uint64_t number, const Link& link, bool& closed) {
    const Frame& frame = link.frame;
    if (closed) {
      find("audit.altered", number, frame.sequence, frame.offset, "something follows the closing head");
      return false;
    }
    previous_ = link.digest;
    linked_ = true;
    sequence_ = frame.sequence;
    if (frame.kind == Kind::entry) {
      auto entry = decode(frame.payload);
      ++report_.entries;
      report_.last = std::max(report_.last, frame.sequence);
      if (!entry) find("audit.malformed", number, frame.sequence, frame.offset, entry.error().detail);
      if (entry) note(frame.sequence, *entry);
    }
    if (frame.kind != Kind::head) return false;
    if (!head_holds(frame, options_.key)) {
      find("audit.signature", number, frame.sequence, frame.offset, "a head's signature does not hold");
      return false;
    }
    const Head head = *decode_head(frame);
    ++report_.heads;
    if (head.segment != number || head.last_close != last_close_)
      find("audit.segment_order", number, frame.sequence, frame.offset, "a head of another place");
    keep_head(frame, head);
    if (head.closing) last_close_ = link.digest;
    closed = head.closing;
    return true;
  }

  void note(uint64_t sequence, const Entry& entry) {
    if (entry.subject != "platform") return;
    if (entry.action == "audit.anchored")
      anchored_entries_[std::strtoull(entry.object.c_str(), nullptr, 10)] = sequence;
    if (entry.action == "audit.retired") {
      const size_t dash = entry.object.rfind('-');
      if (dash != std::string::npos)
        told_removed_ =
            std::max<uint64_t>(told_removed_, std::strtoull(entry.object.c_str() + dash + 1, nullptr, 10));
      retired_ms_ = entry.time_ms;
    }
  }

  void check_marker() {
    if (no_marker_) return find("audit.marker", 0, 0, 0, "the marker is missing");
    if (marker_.damaged)
      find("audit.marker", marker_.head.segment, marker_.head.sequence, 0, "the marker is damaged");
    if (marker_.frame.empty() || marker_found_) return;
    const Head& head = marker_.head;
    if (head.sequence > sequence_)
      find("audit.truncated", head.segment, sequence_ + 1, 0,
           fmt::format("the marker knows of entry {}, the log ends at {}", head.sequence, sequence_));
    else if (report_.findings.empty())
      find("audit.rewritten", head.segment, head.sequence, 0, "the log has another head than the marker");
  }

  void check_removals() {
    if (report_.removed == 0) return;
    if (told_removed_ < report_.removed)
      find("audit.segment_missing", told_removed_ + 1, 0, 0, "removed without an entry that says so");
    else if (retired_ms_ && retired_ms_ - removed_ms_ < kLeastRetentionDays * kDayMs)
      find("audit.retired_early", report_.removed, removed_sequence_, 0,
           fmt::format("removed within {} days", kLeastRetentionDays));
  }

  Status check_anchors(const std::vector<uint64_t>& anchors) {
    for (uint64_t sequence : anchors) {
      const auto wrong = [&](std::string_view reason, std::string detail) {
        find(reason, 0, sequence, sequence, fmt::format("anchor of entry {}: {}", sequence, detail));
      };
      ASSIGN(Bytes bundle, read_file(anchor_path(options_.folder, sequence), proof::kMaxBundleBytes));
      auto facts = proof::verify(bundle, options_.trust);
      if (!facts) {
        wrong("audit.anchor", facts.error().to_string());
        continue;
      }
      const auto head = heads_.find(facts->digest);
      if (head == heads_.end()) {
        wrong(sequence > report_.last ? "audit.truncated" : "audit.rewritten",
              fmt::format(
                  "the head that block {} holds since {} is not in the log: from entry {} on it is another",
                  facts->block_height, format_time(facts->block_time_ms), report_.anchored + 1));
        continue;
      }
      if (head->second != sequence)
        wrong("audit.anchor", fmt::format("it is that of entry {}", head->second));
      ++report_.anchors;
      report_.anchored = std::max(report_.anchored, head->second);
      report_.anchored_ms = facts->block_time_ms;
      report_.anchored_chain = hex(facts->chain);
    }
    for (const auto& [anchored, entry] : anchored_entries_)
      if (anchored > removed_sequence_ && !std::binary_search(anchors.begin(), anchors.end(), anchored))
        find("audit.anchor_missing", 0, anchored, anchored, fmt::format("entry {} tells of it", entry));
    return {};
  }

  const VerifyOptions& options_;
  Report report_;
  Marker marker_;
  bool no_marker_ = false, marker_found_ = false;
  bool linked_ = true;  // what comes next must follow what was read last
  uint64_t expected_segment_ = 1, sequence_ = 0;
  Digest previous_{}, last_close_{};
  std::map<Digest, uint64_t> heads_;  // and the last entry under each
  std::map<uint64_t, uint64_t> anchored_entries_;
  uint64_t told_removed_ = 0, removed_sequence_ = 0;
  int64_t retired_ms_ = 0, removed_ms_ = 0;
};

}  // namespace

Result<Report> verify(const VerifyOptions& options) { return Verifier(options).run(); }

Json describe(const Finding& finding) {
  return {{"reason", finding.reason},
          {"segment", finding.segment},
          {"sequence", finding.sequence},
          {"offset", finding.offset},
          {"detail", finding.detail}};
}

Json describe(const Report& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(describe(finding));
  Json out = {{"verified", report.findings.empty()},
              {"findings", findings},
              {"segments", report.segments},
              {"removed_segments", report.removed},
              {"entries", report.entries},
              {"heads", report.heads},
              {"first", report.first},
              {"last", report.last},
              {"head", hex(report.head)},
              {"head_ms", report.head_ms},
              {"unacknowledged_bytes", report.unacknowledged_bytes}};
  if (report.anchors)
    out["anchors"] = {{"proofs", report.anchors},
                      {"last", report.anchored},
                      {"time_ms", report.anchored_ms},
                      {"chain", report.anchored_chain}};
  return out;
}

}  // namespace chengxin::audit
