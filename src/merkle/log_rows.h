#pragma once
#include <compare>
#include <map>
#include <optional>

#include "merkle/log_tree.h"

// The log in a key-value store, as rows of 16 hashes: half a tile's height, because a row is rewritten until
// it is full and a path costs at most 14 hashes a row (docs/adr/0003-log-tiles.md). Row (r, i): the hashes of
// the complete subtrees of 2^(4r) leaves, numbers 16 i … 16 i + 15, one after the other. Tile (L, i) of
// docs/formats/chain.md is rows (2L, 16 i … 16 i + 15). Hashes are only ever added at a row's end.
// Rows are not checked on reading: a damaged one gives a path that fails against the root in the header.
namespace chengxin::merkle {

struct RowId {
  int level = 0;  // r
  uint64_t index = 0;
  auto operator<=>(const RowId&) const = default;
};

// Nothing when there is no such row.
using RowReader = std::function<Result<std::optional<Bytes>>(const RowId& id)>;

// Hashes of complete subtrees from stored rows, for LogTree's functions: one row and at most 7 hashes for
// each. merkle.node_missing when a row is not there or too short.
template <typename Hash>
NodeReader log_nodes(RowReader read);

// Tile (level, index) of a log of `size` leaves: its hashes one after the other, none when it lies beyond the
// log. merkle.node_missing as above.
Result<Bytes> log_tile(int level, uint64_t index, uint64_t size, const RowReader& read);

// The writing end: the edge of the log and the rows not yet full. Small, and copied to try a block that may
// be dropped.
template <typename Hash>
class LogRows {
 public:
  LogRows() = default;  // the empty log
  // Reads a few rows for each level. Rows may hold more than `size` leaves need. merkle.node_missing as
  // above.
  static Result<LogRows> open(uint64_t size, const RowReader& read);

  void append(const Digest& leaf_hash);
  const LogEdge<Hash>& edge() const { return edge_; }
  // The rows that changed since the last call, whole, to be written with the block.
  std::map<RowId, Bytes> take_changed();

 private:
  LogEdge<Hash> edge_;
  std::map<RowId, Bytes> open_;
  std::map<RowId, Bytes> changed_;
};

extern template NodeReader log_nodes<Sm3Hash>(RowReader read);
extern template class LogRows<Sm3Hash>;

}  // namespace chengxin::merkle
