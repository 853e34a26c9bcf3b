#include "abci/frames.h"

namespace chengxin::abci {

void FrameReader::feed(ByteView bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + std::ptrdiff_t(at_));
  at_ = 0;
  append(buffer_, bytes);
}

Result<std::optional<ByteView>> FrameReader::next() {
  const ByteView rest = ByteView(buffer_).subspan(at_);
  uint64_t length = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    length |= uint64_t(rest[i] & 0x7f) << (7 * i);
    const bool last = rest[i] < 0x80;
    if (length > max_bytes_ || (!last && i == 4))
      return fail(Code::invalid_argument, "abci.frame", "a message of more than {} bytes", max_bytes_);
    if (!last) continue;
    if (rest.size() - i - 1 < length) break;
    at_ += i + 1 + length;
    return std::optional(rest.subspan(i + 1, length));
  }
  return std::optional<ByteView>();
}

void put_frame(Bytes& out, ByteView message) {
  for (uint64_t length = message.size();; length >>= 7) {
    const bool last = length < 0x80;
    out.push_back(uint8_t((length & 0x7f) | (last ? 0 : 0x80)));
    if (last) break;
  }
  append(out, message);
}

}  // namespace chengxin::abci
