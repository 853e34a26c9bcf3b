#pragma once
#include <optional>

#include "link/link.h"

// What goes through a protected connection (docs/formats/link.md): frames of a length and that many bytes;
// the first each way is the hello and its answer.
namespace chengxin::link {

inline constexpr uint16_t kVersion = 1;
inline constexpr size_t kMaxHelloBytes = 256;
inline constexpr uint32_t kAlive = 0;         // in place of a length: a sign of life
inline constexpr uint32_t kEnd = 0xffffffff;  // the sender's bytes end here; of tunnels only

struct Hello {
  uint16_t version = kVersion;
  Topic topic;
  int64_t clock_ms = 0;

  Bytes encode() const;
  // link.malformed. Of another version only the version is read.
  static Result<Hello> decode(ByteView bytes);
};

struct Answer {
  uint16_t version = kVersion;
  std::string reason;  // empty: agreed
  int64_t clock_ms = 0;

  Bytes encode() const;
  static Result<Answer> decode(ByteView bytes);  // link.malformed
};

// Takes frames out of a stream of bytes that arrives in pieces of any size.
class FrameReader {
 public:
  struct Frame {
    bool end = false;
    Bytes bytes;
  };
  Bytes& tail() { return buffer_; }  // what arrives is appended here
  // The next whole frame; nullopt: more is needed. Signs of life are passed over. link.too_large,
  // link.malformed (an end where none may be).
  Result<std::optional<Frame>> next(size_t max_bytes, bool may_end);

 private:
  Bytes buffer_;
  size_t at_ = 0;  // up to here it was taken
};

}  // namespace chengxin::link
