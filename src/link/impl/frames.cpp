#include "link/impl/frames.h"

namespace chengxin::link {
namespace {

constexpr size_t kKeepBytes = 64 << 10;

tl::unexpected<Error> malformed() { return fail(Code::invalid_argument, "link.malformed"); }

}  // namespace

Bytes Hello::encode() const {
  Bytes out;
  put_be(out, version);
  append(out, topic.chain);
  put_be(out, uint8_t(topic.purpose));
  put_be(out, clock_ms);
  return out;
}

Result<Hello> Hello::decode(ByteView bytes) {
  Reader reader(bytes);
  Hello out;
  out.version = reader.be<uint16_t>();
  if (reader.ok() && out.version != kVersion) return out;
  out.topic.chain = reader.digest();
  uint8_t purpose = reader.be<uint8_t>();
  out.clock_ms = reader.be<int64_t>();
  if (!reader.done() || purpose < uint8_t(Purpose::engine) || purpose > uint8_t(Purpose::member))
    return malformed();
  out.topic.purpose = Purpose(purpose);
  if ((out.topic.purpose == Purpose::member) != (out.topic.chain == Digest{})) return malformed();
  return out;
}

Bytes Answer::encode() const {
  Bytes out;
  put_be(out, version);
  put_be(out, clock_ms);
  put_be(out, uint8_t(reason.size()));
  append(out, view(reason));
  return out;
}

Result<Answer> Answer::decode(ByteView bytes) {
  Reader reader(bytes);
  Answer out;
  out.version = reader.be<uint16_t>();
  out.clock_ms = reader.be<int64_t>();
  out.reason = to_string(reader.take(reader.be<uint8_t>()));
  if (!reader.done()) return malformed();
  return out;
}

Result<std::optional<FrameReader::Frame>> FrameReader::next(size_t max_bytes, bool may_end) {
  for (;;) {
    ByteView rest = ByteView(buffer_).subspan(at_);
    uint32_t length = rest.size() < 4 ? kAlive : get_be<uint32_t>(rest.data());
    if (rest.size() >= 4 && length == kAlive) {
      at_ += 4;
      continue;
    }
    if (length == kEnd) {
      if (!may_end) return malformed();
      at_ += 4;
      return Frame{true, {}};
    }
    if (length > max_bytes) return fail(Code::too_large, "link.too_large", "{} bytes", length);
    if (rest.size() < 4 || rest.size() - 4 < length) break;
    Frame frame{false, to_bytes(rest.subspan(4, length))};
    at_ += 4 + length;
    return frame;
  }
  buffer_.erase(buffer_.begin(), buffer_.begin() + ptrdiff_t(at_));
  at_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kKeepBytes) Bytes().swap(buffer_);
  return std::nullopt;
}

}  // namespace chengxin::link
