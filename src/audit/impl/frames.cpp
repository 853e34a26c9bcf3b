#include "audit/impl/frames.h"

#include <algorithm>
#include <charconv>

#include "crypto/sm3.h"

namespace chengxin::audit {
namespace {

constexpr char kHeadTag[] = "chengxin/audit/head/v1";
constexpr size_t kSignatureBytes = sizeof(crypto::Sm2Signature);

Bytes message_of(ByteView unsigned_head) {
  Bytes message(kHeadTag, kHeadTag + sizeof kHeadTag);
  append(message, unsigned_head);
  return message;
}

}  // namespace

std::optional<Frame> frame_at(ByteView bytes, size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < kFrameBytes) return std::nullopt;
  const size_t length = size_t(get_be<uint32_t>(&bytes[offset])) + 4;
  if (length < kFrameBytes || length > kMaxFrameBytes || length > bytes.size() - offset) return std::nullopt;
  Frame frame;
  frame.bytes = bytes.subspan(offset, length);
  frame.offset = offset;
  const uint8_t kind = frame.bytes[4];
  if (kind < uint8_t(Kind::start) || kind > uint8_t(Kind::head)) return std::nullopt;
  frame.kind = Kind(kind);
  frame.sequence = get_be<uint64_t>(&frame.bytes[5]);
  std::memcpy(frame.previous.data(), &frame.bytes[13], 32);
  frame.payload = frame.bytes.subspan(kFrameBytes);
  return frame;
}

Digest digest_of(const Frame& frame) { return crypto::sm3(frame.bytes); }

Bytes encode_frame(Kind kind, uint64_t sequence, const Digest& previous, ByteView payload) {
  Bytes out;
  out.reserve(kFrameBytes + payload.size());
  put_be(out, uint32_t(kFrameBytes - 4 + payload.size()));
  out.push_back(uint8_t(kind));
  put_be(out, sequence);
  append(out, previous);
  append(out, payload);
  return out;
}

Bytes encode_start(const Start& start, uint64_t sequence, const Digest& previous) {
  Bytes payload;
  put_be(payload, start.segment);
  put_be(payload, uint64_t(start.time_ms));
  append(payload, start.key);
  return encode_frame(Kind::start, sequence, previous, payload);
}

std::optional<Start> decode_start(const Frame& frame) {
  Reader reader(frame.payload);
  Start start;
  start.segment = reader.be<uint64_t>();
  start.time_ms = int64_t(reader.be<uint64_t>());
  start.key = reader.array<sizeof(crypto::Sm2Point)>();
  if (frame.kind != Kind::start || !reader.done()) return std::nullopt;
  return start;
}

Result<Bytes> sign_head(const Head& head, const Digest& previous, const crypto::Sm2PrivateKey& key) {
  Bytes payload;
  put_be(payload, uint64_t(head.time_ms));
  put_be(payload, head.segment);
  payload.push_back(head.closing);
  append(payload, head.last_close);
  payload.resize(payload.size() + kSignatureBytes);
  Bytes frame = encode_frame(Kind::head, head.sequence, previous, payload);
  ASSIGN(auto signature, key.sign(message_of(ByteView(frame).first(frame.size() - kSignatureBytes))));
  std::copy(signature.begin(), signature.end(), frame.end() - kSignatureBytes);
  return frame;
}

std::optional<Head> decode_head(const Frame& frame) {
  if (frame.kind != Kind::head || frame.bytes.size() != kHeadBytes) return std::nullopt;
  Reader reader(frame.payload);
  Head head;
  head.sequence = frame.sequence;
  head.time_ms = int64_t(reader.be<uint64_t>());
  head.segment = reader.be<uint64_t>();
  const uint8_t closing = reader.be<uint8_t>();
  head.closing = closing == 1;
  head.last_close = reader.digest();
  if (closing > 1) return std::nullopt;
  return head;
}

bool head_holds(const Frame& frame, const crypto::Sm2PublicKey& key) {
  return decode_head(frame) && key.verify(message_of(frame.bytes.first(frame.bytes.size() - kSignatureBytes)),
                                          frame.bytes.last(kSignatureBytes));
}

Marker read_marker(ByteView bytes, const crypto::Sm2PublicKey& key) {
  Marker out;
  if (bytes.size() != 2 * kSlotBytes) {
    out.damaged = !bytes.empty();
    return out;
  }
  const auto zero = [](ByteView part) {
    return std::all_of(part.begin(), part.end(), [](uint8_t byte) { return byte == 0; });
  };
  for (size_t slot = 0; slot < 2; ++slot) {
    const ByteView part = bytes.subspan(slot * kSlotBytes, kSlotBytes);
    if (zero(part)) continue;
    const auto frame = frame_at(part, 0);
    if (!frame || !head_holds(*frame, key) || !zero(part.subspan(frame->bytes.size()))) {
      out.damaged = true;
      continue;
    }
    const Head head = *decode_head(*frame);
    if (!out.frame.empty() &&
        std::pair(head.sequence, head.closing) < std::pair(out.head.sequence, out.head.closing))
      continue;
    out.frame = to_bytes(frame->bytes);
    out.head = head;
    out.slot = slot;
  }
  return out;
}

fs::path segment_path(const fs::path& folder, uint64_t segment) {
  return folder / fmt::format("{:010}.seg", segment);
}
fs::path close_path(const fs::path& folder, uint64_t segment) {
  return folder / fmt::format("{:010}.head", segment);
}
fs::path anchor_path(const fs::path& folder, uint64_t sequence) {
  return folder / "anchors" / fmt::format("{:016}.cxproof", sequence);
}

Listing list_files(const fs::path& folder) {
  Listing out;
  std::error_code error;
  const auto gather = [&](const fs::path& from, std::string_view extension, std::vector<uint64_t>& into) {
    for (const auto& file : fs::directory_iterator(from, error)) {
      const std::string stem = file.path().stem().string();
      uint64_t number = 0;
      const auto [end, wrong] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
      if (file.path().extension() == extension && wrong == std::errc() && end == stem.data() + stem.size())
        into.push_back(number);
    }
    std::sort(into.begin(), into.end());
  };
  gather(folder, ".seg", out.segments);
  gather(folder, ".head", out.closes);
  gather(folder / "anchors", ".cxproof", out.anchors);
  return out;
}

}  // namespace chengxin::audit
