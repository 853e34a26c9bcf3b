#include "merkle/impl/log_rows.h"

namespace chengxin::merkle {

Result<Bytes> log_tile(int level, uint64_t index, uint64_t size, const RowReader& read) {
  constexpr int kTileLevels = 8;
  constexpr uint64_t kTileHashes = 256, kTileRows = kTileHashes / impl::kRowHashes;
  Bytes tile;
  if (level < 0 || level >= 64 / kTileLevels) return tile;
  const uint64_t hashes = size >> (kTileLevels * level);
  if (index > hashes / kTileHashes) return tile;
  uint64_t left = std::min(kTileHashes, hashes - index * kTileHashes);
  for (uint64_t row = index * kTileRows; left > 0; ++row) {
    const uint64_t count = std::min(impl::kRowHashes, left);
    ASSIGN(Bytes bytes, impl::read_row({2 * level, row}, count, read));
    append(tile, bytes);
    left -= count;
  }
  return tile;
}

template NodeReader log_nodes<Sm3Hash>(RowReader read);
template class LogRows<Sm3Hash>;

}  // namespace chengxin::merkle
