#pragma once
#include <optional>

#include "base/bytes.h"

// Messages in a stream, each behind its length as a protobuf varint: what an engine's sockets carry
// (CometBFT 0.40, libs/protoio).
namespace chengxin::abci {

class FrameReader {
 public:
  explicit FrameReader(size_t max_bytes) : max_bytes_(max_bytes) {}

  void feed(ByteView bytes);
  // The next whole message, good until the next call; nothing while it is not all here. abci.frame: a length
  // above the bound or not a length; nothing can be read after it.
  Result<std::optional<ByteView>> next();

 private:
  const size_t max_bytes_;
  Bytes buffer_;
  size_t at_ = 0;  // what stands before it was given out
};

void put_frame(Bytes& out, ByteView message);

}  // namespace chengxin::abci
