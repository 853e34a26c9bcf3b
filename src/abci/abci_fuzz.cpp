#include "abci/application_for_tests.h"
#include "abci/dispatch.h"
#include "abci/frames.h"
#include "base/check.h"

// Messages do not depend on how the stream was cut, and every one gets an answer: of its own kind, or an
// Exception. The first byte: the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace chengxin;
  using namespace chengxin::abci;
  constexpr size_t kMost = 4096;
  if (size == 0) return 0;
  const ByteView stream(data + 1, size - 1);
  auto read = [&](size_t piece) {
    std::vector<Bytes> out;
    FrameReader frames(kMost);
    for (size_t at = 0; at < stream.size(); at += piece) {
      frames.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
      for (;;) {
        auto frame = frames.next();
        if (!frame) return out;
        if (!*frame) break;
        CHECK((*frame)->size() <= kMost);
        out.push_back(to_bytes(**frame));
      }
    }
    return out;
  };
  const std::vector<Bytes> whole = read(std::max<size_t>(stream.size(), 1));
  CHECK(read(size_t(data[0] % 64) + 1) == whole);
  testing::IdleApplication application;
  for (const Bytes& frame : whole) {
    const Answer answered = answer(application, frame);
    CHECK(answered.failed.has_value() == answered.response.has_exception());
    CHECK(answered.response.value_case() != pb::Response::VALUE_NOT_SET);
  }
  return 0;
}
