#pragma once
#include "audit/entry.h"
#include "base/file.h"
#include "crypto/sm2.h"

// The bytes of a segment (docs/formats/audit.md). A frame is
//   u32 length of what follows · u8 kind · u64 sequence · 32 bytes SM3 of the frame before · payload
// A segment begins with a start and, once closed, ends with a head; what a head's signature covers contains
// the digest of the frame before it, and so everything that came before.
namespace chengxin::audit {

enum class Kind : uint8_t { start = 1, entry = 2, head = 3 };

inline constexpr size_t kFrameBytes = 4 + 1 + 8 + 32;  // without a payload
inline constexpr size_t kMaxFrameBytes = kFrameBytes + 14 + 7 * 2 + 5 * kMaxShortText + 2 * kMaxLongText;
inline constexpr size_t kHeadBytes = kFrameBytes + 8 + 8 + 1 + 32 + 64;
inline constexpr size_t kMaxSegmentBytes = size_t(1) << 30;

struct Frame {
  Kind kind = Kind::entry;
  uint64_t sequence = 0;  // of the entry; of a start or head: of the last entry before it
  Digest previous{};
  ByteView payload, bytes;
  size_t offset = 0;
};

struct Start {
  uint64_t segment = 0;
  int64_t time_ms = 0;
  crypto::Sm2Point key{};
};

struct Head {
  uint64_t sequence = 0;
  int64_t time_ms = 0;
  uint64_t segment = 0;
  bool closing = false;
  Digest last_close{};  // SM3 of the closing head of the segment before; zeros in the first
};

// The frame at `offset`; nullopt when there is no whole one.
std::optional<Frame> frame_at(ByteView bytes, size_t offset);
Digest digest_of(const Frame& frame);

Bytes encode_frame(Kind kind, uint64_t sequence, const Digest& previous, ByteView payload);
Bytes encode_start(const Start& start, uint64_t sequence, const Digest& previous);
std::optional<Start> decode_start(const Frame& frame);
Result<Bytes> sign_head(const Head& head, const Digest& previous, const crypto::Sm2PrivateKey& key);
std::optional<Head> decode_head(const Frame& frame);  // its form only
bool head_holds(const Frame& frame, const crypto::Sm2PublicKey& key);

// The marker: two slots that take turns, each the frame of a head and zeros up to kSlotBytes, or zeros.
inline constexpr size_t kSlotBytes = 512;
struct Marker {
  Bytes frame;  // of the newest head; empty: none
  Head head;
  size_t slot = 0;       // where it stands
  bool damaged = false;  // a slot holds something else
};
Marker read_marker(ByteView bytes, const crypto::Sm2PublicKey& key);

// Files of the folder.
fs::path segment_path(const fs::path& folder, uint64_t segment);
fs::path close_path(const fs::path& folder, uint64_t segment);  // closing head of a segment that was removed
fs::path anchor_path(const fs::path& folder, uint64_t sequence);
struct Listing {
  std::vector<uint64_t> segments, closes, anchors;  // ascending; anchors by sequence
};
Listing list_files(const fs::path& folder);

}  // namespace chengxin::audit
