#include "ledger/impl/log_tail.h"

#include <bit>

#include "ledger/impl/keys.h"

namespace chengxin::ledger {
namespace {

Result<Tile> read_tile(const store::Database& database, uint8_t level, uint64_t index) {
  ASSIGN(auto bytes, database.get(store::Table::main, keys::tile(level, index)));
  if (!bytes) return fail(Code::data_loss, "ledger.damaged", "log tile {}/{} is missing", level, index);
  return Tile::decode(*bytes);
}

Result<Digest> node_in(const Tile& tile, int level, uint64_t first) {
  const uint64_t count = uint64_t(1) << level;
  if (first + count > tile.hashes.size())
    return fail(Code::data_loss, "ledger.damaged", "a log tile is shorter than the log");
  if (level == 0) return tile.hashes[first];
  if (count < kTileGroup) return merkle::Log::root_of(std::span(tile.hashes).subspan(first, count));
  return merkle::Log::root_of(std::span(tile.groups).subspan(first / kTileGroup, count / kTileGroup));
}

}  // namespace

Bytes Tile::encode() const {
  Bytes out;
  out.reserve((hashes.size() + groups.size()) * 32);
  for (const Digest& hash : hashes) chengxin::append(out, hash);
  for (const Digest& hash : groups) chengxin::append(out, hash);
  return out;
}

// n hashes and n / 16 groups: the length tells n.
Result<Tile> Tile::decode(ByteView bytes) {
  const size_t total = bytes.size() / 32, whole = total / (kTileGroup + 1), count = total - whole;
  if (bytes.size() % 32 != 0 || count / kTileGroup != whole || count > kTileHashes)
    return fail(Code::data_loss, "ledger.damaged", "a log tile of {} bytes", bytes.size());
  Tile out;
  Reader in(bytes);
  for (size_t i = 0; i < count; ++i) out.hashes.push_back(in.digest());
  for (size_t i = 0; i < whole; ++i) out.groups.push_back(in.digest());
  return out;
}

void LogTail::append(std::span<const Digest> leaves, const OnTile& on_whole_tile) {
  size_ += leaves.size();
  edge_.append(leaves, [&](int level, uint64_t index, const Digest& hash) {
    const size_t tile = size_t(level) / 8;
    if (level % 8 == 4) levels_[tile].groups.push_back(hash);
    if (level % 8 != 0) return;
    if (tile > 0) {  // its 256 leaves are the whole unfinished tile below
      on_whole_tile(uint8_t(tile - 1), index, levels_[tile - 1]);
      levels_[tile - 1] = {};
    }
    if (levels_.size() <= tile) levels_.resize(tile + 1);
    levels_[tile].hashes.push_back(hash);
  });
}

Result<LogTail> LogTail::load(uint64_t size, const store::Database& database, const LeafReader& leaf) {
  LogTail out;
  out.size_ = size;
  if (size == 0) return out;
  const size_t top = size_t(std::bit_width(size) - 1) / 8;
  out.levels_.resize(top + 1);
  for (size_t level = 0; level <= top; ++level) {
    const uint64_t count = size >> (8 * level), first = count & ~(kTileHashes - 1);
    Tile& tile = out.levels_[level];
    if (level == 0) {  // prune() keeps the hashes of dropped leaves in an unfinished tile
      ASSIGN(auto kept, database.get(store::Table::main, keys::tile(0, first / kTileHashes)));
      if (kept) {
        ASSIGN(tile, Tile::decode(*kept));
      }
    }
    for (uint64_t i = first + tile.hashes.size(); i < count; ++i) {
      if (level == 0) {
        ASSIGN(tile.hashes.emplace_back(), leaf(i));
      } else {
        ASSIGN(Tile below, read_tile(database, uint8_t(level - 1), i));
        ASSIGN(tile.hashes.emplace_back(), node_in(below, 8, 0));
      }
    }
    tile.hashes.resize(count - first);
    const size_t grouped = tile.hashes.size() / kTileGroup * kTileGroup;
    tile.groups = merkle::Log::roots_of(std::span(tile.hashes).first(grouped), kTileGroup);
  }
  std::vector<Digest> peaks;
  TileCache cache;
  for (int level = 63; level >= 0; --level) {
    if ((size >> level & 1) == 0) continue;
    ASSIGN(Digest peak, out.node(database, cache, level, (size >> level) - 1));
    peaks.push_back(peak);
  }
  out.edge_ = merkle::Edge(size, std::move(peaks));
  return out;
}

Result<Digest> LogTail::node(const store::Database& database, TileCache& cache, int level,
                             uint64_t index) const {
  const uint8_t tile_level = uint8_t(level / 8);
  const uint64_t first = index << (level % 8), tile = first / kTileHashes;
  if (tile_level < levels_.size()) {
    const Tile& unfinished = levels_[tile_level];
    // Whole tiles are in the store; of the unfinished one, what lies below its length.
    if (first % kTileHashes + (uint64_t(1) << (level % 8)) <= unfinished.hashes.size()) {
      if (tile == (size_ >> (8 * tile_level)) / kTileHashes)
        return node_in(unfinished, level % 8, first % kTileHashes);
    }
  }
  auto [stored, fresh] = cache.try_emplace({tile_level, tile});
  if (fresh) {
    ASSIGN(stored->second, read_tile(database, tile_level, tile));
  }
  return node_in(stored->second, level % 8, first % kTileHashes);
}

merkle::NodeReader LogTail::reader(const store::Database& database) const {
  return [this, &database, cache = std::make_shared<TileCache>()](int level, uint64_t index) {
    return node(database, *cache, level, index);
  };
}

}  // namespace chengxin::ledger
