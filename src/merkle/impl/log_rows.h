#pragma once
#include <utility>

#include "merkle/impl/log_tree.h"
#include "merkle/log_rows.h"

namespace chengxin::merkle {

namespace impl {
inline constexpr int kRowLevels = 4;
inline constexpr uint64_t kRowHashes = 16;

// The first `count` hashes of a row.
inline Result<Bytes> read_row(const RowId& id, uint64_t count, const RowReader& read) {
  ASSIGN(std::optional<Bytes> row, read(id));
  if (!row || row->size() < count * sizeof(Digest))
    return fail(Code::data_loss, "merkle.node_missing", "log row {} of level {} lacks hash {}", id.index,
                id.level, count - 1);
  row->resize(count * sizeof(Digest));
  return std::move(*row);
}
}  // namespace impl

template <typename Hash>
NodeReader log_nodes(RowReader read) {
  return [read = std::move(read)](int level, uint64_t index) -> Result<Digest> {
    const int above = level % impl::kRowLevels;
    const uint64_t first = index << above, count = uint64_t(1) << above, offset = first % impl::kRowHashes;
    ASSIGN(Bytes row,
           impl::read_row({level / impl::kRowLevels, first / impl::kRowHashes}, offset + count, read));
    Reader in(ByteView(row).subspan(offset * sizeof(Digest)));
    std::vector<Digest> hashes;
    for (uint64_t i = 0; i < count; ++i) hashes.push_back(in.digest());
    return LogTree<Hash>::root_of(hashes);
  };
}

template <typename Hash>
Result<LogRows<Hash>> LogRows<Hash>::open(uint64_t size, const RowReader& read) {
  LogRows rows;
  for (int level = 0; level < 64 / impl::kRowLevels; ++level) {
    const uint64_t hashes = size >> (impl::kRowLevels * level);
    const RowId id{level, hashes / impl::kRowHashes};
    if (hashes % impl::kRowHashes == 0) continue;
    ASSIGN(rows.open_[id], impl::read_row(id, hashes % impl::kRowHashes, read));
  }
  const NodeReader nodes = log_nodes<Hash>(read);
  std::vector<Digest> peaks;
  for (const impl::Complete& subtree : impl::complete_subtrees(0, size)) {
    ASSIGN(peaks.emplace_back(), nodes(subtree.level, subtree.index));
  }
  rows.edge_ = LogEdge<Hash>(size, std::move(peaks));
  return rows;
}

template <typename Hash>
void LogRows<Hash>::append(const Digest& leaf_hash) {
  edge_.append(leaf_hash, [&](int level, uint64_t index, const Digest& hash) {
    if (level % impl::kRowLevels) return;
    const RowId id{level / impl::kRowLevels, index / impl::kRowHashes};
    Bytes& row = open_[id];
    CHECK(row.size() == index % impl::kRowHashes * sizeof(Digest));
    chengxin::append(row, hash);
    changed_[id] = row;
    if (row.size() == impl::kRowHashes * sizeof(Digest)) open_.erase(id);
  });
}

template <typename Hash>
std::map<RowId, Bytes> LogRows<Hash>::take_changed() {
  return std::exchange(changed_, {});
}

}  // namespace chengxin::merkle
