#pragma once
#include <map>
#include <memory>

#include "merkle/log_tree.h"
#include "store/database.h"

// The log of chain.md in tiles: whole tiles in the store, the unfinished one of each level in memory.
namespace chengxin::ledger {

// Up to 256 hashes and, to make paths cheap, the roots of each 16 of them.
struct Tile {
  std::vector<Digest> hashes, groups;
  Bytes encode() const;
  static Result<Tile> decode(ByteView bytes);  // ledger.damaged
};
inline constexpr uint64_t kTileHashes = 256, kTileGroup = 16;

class LogTail {
 public:
  // Rebuilds the tail for a log of `size` leaves; reads at most 256 leaves and 256 tiles for each level
  // above.
  using LeafReader = std::function<Result<Digest>(uint64_t log_index)>;
  static Result<LogTail> load(uint64_t size, const store::Database& database, const LeafReader& leaf);

  using OnTile = std::function<void(uint8_t level, uint64_t index, const Tile&)>;
  void append(std::span<const Digest> leaves, const OnTile& on_whole_tile);
  uint64_t size() const { return size_; }
  Digest root() const { return edge_.root(); }
  const Tile& unfinished(size_t level) const { return levels_[level]; }
  // A reader of complete subtrees of this log, for one thread and a few paths: it keeps the tiles that it has
  // read. The tail must outlive it.
  merkle::NodeReader reader(const store::Database& database) const;

 private:
  using TileCache = std::map<std::pair<uint8_t, uint64_t>, Tile>;
  Result<Digest> node(const store::Database& database, TileCache& cache, int level, uint64_t index) const;

  uint64_t size_ = 0;
  merkle::Edge edge_;
  std::vector<Tile> levels_;
};

}  // namespace chengxin::ledger
