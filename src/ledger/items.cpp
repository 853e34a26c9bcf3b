#include "ledger/impl/items.h"

namespace chengxin::ledger {
namespace {

constexpr uint64_t kGroup = merkle::Items::kGroup;

// Where the hashes of subtrees of 16^(level + 1) items begin.
uint64_t level_start(uint64_t count, int level) {
  uint64_t start = 0;
  for (uint64_t width = count / kGroup; level > 0; --level, width /= kGroup) start += width;
  return start;
}

}  // namespace

std::vector<Digest> item_levels(std::span<const Digest> groups, uint64_t count) {
  std::vector<Digest> out(groups.begin(), groups.begin() + std::ptrdiff_t(count / kGroup));
  std::vector<Digest> level = out;
  while (level.size() >= kGroup) {
    level.resize(level.size() / kGroup * kGroup);
    level = merkle::Log::roots_of(level, kGroup);
    out.insert(out.end(), level.begin(), level.end());
  }
  return out;
}

Result<merkle::Path> item_path(uint64_t index, uint64_t count, size_t item_bytes, const ReadItems& items,
                               const ReadHash& hashes) {
  return merkle::Log::inclusion_path(index, count, [&](int level, uint64_t number) -> Result<Digest> {
    const uint64_t width = uint64_t(1) << (level % 4);
    std::vector<Digest> below;
    if (level < 4) {
      ASSIGN(Bytes data, items(number << level, width));
      if (data.size() != width * item_bytes)
        return fail(Code::data_loss, "ledger.damaged", "items are missing");
      below = merkle::Log::leaf_hashes(data, item_bytes);
    } else {
      ASSIGN(below, hashes(level_start(count, level / 4 - 1) + (number << (level % 4)), width));
      if (below.size() != width)
        return fail(Code::data_loss, "ledger.damaged", "hashes of items are missing");
    }
    return merkle::Log::root_of(below);
  });
}

}  // namespace chengxin::ledger
