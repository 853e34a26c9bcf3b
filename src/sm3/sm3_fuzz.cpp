#include "base/check.h"
#include "sm3/sm3.h"

// Input: how many messages; for each of them how many of the bytes that follow are its parts; then the bytes,
// which begin again when they run out. Every path gives what the portable one gives.
namespace {
using namespace chengxin;
using namespace chengxin::sm3;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader in(ByteView(data, size));
  std::vector<std::array<uint16_t, 3>> lengths(in.be<uint8_t>() % 71);
  size_t total = 0;
  for (auto& parts : lengths)
    for (uint16_t& length : parts) total += length = in.be<uint16_t>() % (in.be<uint8_t>() % 8 ? 300 : 5000);
  const ByteView rest = in.take(in.remaining());
  Bytes pool(total);
  for (size_t i = 0; i < total && !rest.empty(); ++i) pool[i] = rest[i % rest.size()];

  std::vector<Message> messages;
  ByteView left = pool;
  for (const auto& parts : lengths) {
    ByteView views[3];
    for (int i = 0; i < 3; ++i) {
      views[i] = left.first(parts[i]);
      left = left.subspan(parts[i]);
    }
    messages.push_back({views[0], views[1], views[2]});
  }
  const size_t pairs = messages.size() / 2;
  std::vector<Digest> expected(messages.size()), nodes(pairs);
  hash_many(messages, expected, Path::portable);
  hash_nodes(uint8_t(size), std::span(expected).first(2 * pairs), nodes, Path::portable);
  for (Path path : {Path::avx2, Path::avx512}) {
    if (!available(path)) continue;
    std::vector<Digest> out(messages.size());
    hash_many(messages, out, path);
    CHECK(out == expected);
    hash_nodes(uint8_t(size), std::span(out).first(2 * pairs), std::span(out).first(pairs), path);
    CHECK(std::equal(nodes.begin(), nodes.end(), out.begin()));
  }
  return 0;
}
