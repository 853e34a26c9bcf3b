#include <map>

#include "base/check.h"
#include "merkle/log_tree.h"

// Input: two sizes or an index and a size, a mode byte, then a path or a mask over the genuine one. A path
// that verifies against the log's true roots must be the genuine one.
namespace {

using namespace chengxin;
using namespace chengxin::merkle;

constexpr uint64_t kLeaves = 300;

struct SampleLog {
  std::vector<Digest> leaves, roots{Log::empty_root()};
  std::map<std::pair<int, uint64_t>, Digest> nodes;
  NodeReader read = [this](int level, uint64_t index) -> Result<Digest> { return nodes.at({level, index}); };
  SampleLog() {
    Edge edge;
    for (uint64_t i = 0; i < kLeaves; ++i) {
      Bytes data;
      put_be(data, i);
      leaves.push_back(Log::leaf_hash(data));
      edge.append(leaves.back(), [&](int level, uint64_t index, const Digest& hash) {
        nodes[{level, index}] = hash;
      });
      roots.push_back(edge.root());
    }
  }
};

Path make_path(Reader& in, bool masked, const Path& genuine) {
  Path path;
  if (!masked) {
    while (in.remaining() >= 32 && path.size() < 200) path.push_back(in.digest());
    return path;
  }
  path = genuine;
  for (Digest& hash : path)
    for (uint8_t& byte : hash)
      if (in.remaining() > 0) byte ^= in.be<uint8_t>();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static SampleLog log;
  Reader in({data, size});
  const uint64_t wild_a = in.be<uint64_t>(), wild_b = in.be<uint64_t>();
  const bool masked = in.be<uint8_t>() & 1;
  if (!in.ok()) return 0;
  const uint64_t total = 1 + wild_b % kLeaves, index = wild_a % total;
  Path inclusion = *Log::inclusion_path(index, total, log.read);
  Path consistency = *Log::consistency_path(index, total, log.read);
  Reader again = in;
  Path path = make_path(in, masked, inclusion);
  CHECK(Log::verify_inclusion(index, total, log.leaves[index], path, log.roots[total]) ==
        (path == inclusion));
  Log::verify_inclusion(wild_a, wild_b, log.leaves[index], path, log.roots[total]);
  path = make_path(again, masked, consistency);
  CHECK(Log::verify_consistency(index, total, log.roots[index], log.roots[total], path) ==
        (path == consistency));
  Log::verify_consistency(wild_a, wild_b, log.roots[index], log.roots[total], path);
  return 0;
}
