#include "api/impl/submission_frames.h"
#include "base/check.h"

// What a body's bytes are taken apart into does not depend on how they were cut or how many items were asked
// for at a time, and no more is held than one item may have. The first byte: the form, and the cuts.
using namespace chengxin;
using namespace chengxin::api;

namespace {

constexpr size_t kMost = 2048, kHeldAround = 20 << 10;  // of a line: base64 and JSON

const Schemas& schemas() {
  static const Json text = {{"type", "string"}, {"format", "base64"}};
  static const Schemas all = {
      {std::string(kEncodedTransaction),
       {{"type", "object"},
        {"properties", {{"envelope", text}}},
        {"required", {"envelope"}},
        {"additionalProperties", false}}},
      {std::string(kNewTransaction),
       {{"type", "object"},
        {"properties",
         {{"body", text}, {"signature", text}, {"attachments", {{"type", "array"}, {"items", text}}}}},
        {"required", {"body", "signature"}},
        {"additionalProperties", false}}}};
  return all;
}

// Items, or their reasons, and how it ended.
std::vector<std::string> read(bool lines, std::string_view bytes, size_t piece, size_t most) {
  auto reader = lines ? line_frames(kMost, schemas()) : binary_frames(kMost);
  std::vector<std::string> out;
  std::vector<Frame> frames;
  auto take = [&] {
    CHECK(frames.size() <= most);
    for (const Frame& frame : frames) {
      CHECK(lines || frame);
      CHECK(lines || frame->size() <= kMost);
      out.push_back(frame ? "=" + to_string(*frame) : frame.error().reason);
    }
    frames.clear();
  };
  while (!bytes.empty()) {
    const size_t some = std::min(bytes.size(), piece);
    auto used = reader->feed(bytes.substr(0, some), frames, most);
    CHECK(!used || *used == some || frames.size() == most);
    CHECK(reader->held() <= kMost + (lines ? kHeldAround : 4));
    take();
    if (!used) {
      out.push_back(used.error().reason);
      return out;
    }
    bytes.remove_prefix(*used);
  }
  Status whole = reader->finish(frames);
  take();
  out.push_back(whole ? "end" : whole.error().reason);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t first = data[0];
  const std::string_view bytes = text({data + 1, size - 1});
  const bool lines = first & 1;
  const auto whole = read(lines, bytes, SIZE_MAX, SIZE_MAX);
  CHECK(read(lines, bytes, 1 + (first >> 1) % 16, 1 + (first >> 5)) == whole);
  return 0;
}
