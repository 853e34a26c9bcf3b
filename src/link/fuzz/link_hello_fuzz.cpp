#include "base/check.h"
#include "link/impl/frames.h"

using namespace chengxin;
using namespace chengxin::link;

// What a peer sends once it is protected: frames in pieces, each read as a hello and as an answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t piece = size_t(data[0]) + 1;
  ByteView rest(data + 1, size - 1);
  FrameReader frames;
  while (!rest.empty()) {
    ByteView now = rest.first(std::min(piece, rest.size()));
    append(frames.tail(), now);
    rest = rest.subspan(now.size());
    for (;;) {
      auto frame = frames.next(kMaxHelloBytes, data[0] & 1);
      if (!frame) return 0;
      if (!*frame) break;
      CHECK((*frame)->bytes.size() <= kMaxHelloBytes);
      if (auto hello = Hello::decode((*frame)->bytes); hello && hello->version == kVersion)
        CHECK(hello->encode() == (*frame)->bytes);
      if (auto answer = Answer::decode((*frame)->bytes)) CHECK(answer->encode() == (*frame)->bytes);
    }
  }
  return 0;
}
