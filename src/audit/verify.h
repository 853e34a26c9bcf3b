#pragma once
#include <optional>

#include "base/file.h"
#include "crypto/sm2.h"
#include "proof/bundle.h"

namespace chengxin::audit {

// Something wrong with a log and its place: bytes of a segment's file, and the entry that stands there.
struct Finding {
  std::string reason;
  uint64_t segment = 0, sequence = 0, offset = 0;
  std::string detail;
};

struct Report {
  std::vector<Finding> findings;  // none: every byte is as it was written
  uint64_t segments = 0, removed = 0, entries = 0, heads = 0;
  uint64_t first = 0, last = 0;  // entries
  Digest head{};                 // SM3 of the newest head
  int64_t head_ms = 0;
  uint64_t unacknowledged_bytes = 0;   // after the last head: nobody was told that they are kept
  uint64_t anchors = 0, anchored = 0;  // proofs that hold, and the last entry under one
  int64_t anchored_ms = 0;             // time of its block
  std::string anchored_chain;          // hex id
};

struct VerifyOptions {
  fs::path folder, marker;
  crypto::Sm2PublicKey key;            // of the installation
  bool anchors = false;                // check the proofs of the chain too
  std::optional<proof::Anchor> trust;  // a chain that they must be of
};

// Reads every byte. Reasons of findings: audit.altered (an entry or head is not what its successor or its
// signature was made for), audit.missing (entries were taken out), audit.reordered, audit.truncated (the
// marker or an anchor knows of more), audit.segment_missing, audit.segment_order (another's place),
// audit.signature, audit.marker, audit.rewritten (sound in itself, but not what an anchor or the marker
// vouches for), audit.anchor (a proof that does not hold), audit.anchor_missing, audit.malformed,
// audit.other_key, audit.retired_early. Errors: file.*, audit.no_log.
Result<Report> verify(const VerifyOptions& options);

Json describe(const Finding& finding);
Json describe(const Report& report);

}  // namespace chengxin::audit
