#include "mirror/impl/follower.h"

#include "base/clock.h"
#include "base/log.h"

namespace chengxin::mirror {
namespace {

Result<Digest> header_hash(const ChainReader& reader, uint64_t height) {
  ASSIGN(auto block, reader.block_header(height));
  return format::Header::hash(block.header_bytes);
}

}  // namespace

// Compares the last mirrored block with the ledger's: a database or a ledger that came from a backup may hold
// blocks that the other does not know.
Status Mirror::Follower::find_position(sql::Session& session) {
  uint64_t oldest = std::max<uint64_t>(1, reader.oldest_height()), head = reader.head_height();
  ASSIGN(auto row,
         session.row("select number, first_height, height, restarts from mirror_chain where chain = ?",
                     reader.id));
  if (!row) {
    ASSIGN(auto other, session.row("select chain from mirror_chain where name = ?", reader.name));
    if (other)
      return fail(Code::conflict, "mirror.other_chain",
                  "the database mirrors another chain named {} ({}); rebuild replaces it", reader.name,
                  hex(other->blob(0)));
    ASSIGN(auto added,
           session.row("insert into mirror_chain (chain, name, first_height, height, restarts) values"
                       " (?, ?, ?, ?, 0) returning number, first_height, height, restarts",
                       reader.id, reader.name, oldest, oldest - 1));
    row = std::move(added);
  }
  number_ = row->integer(0);
  uint64_t first = uint64_t(row->integer(1)), mirrored = uint64_t(row->integer(2)),
           cuts = uint64_t(row->integer(3));
  uint64_t common = std::min(mirrored, head);
  if (common >= first) {
    ASSIGN(auto ours,
           session.row("select hash from mirror_block where chain = ? and height = ?", number_, common));
    auto theirs = header_hash(reader, common);
    if (!theirs && theirs.error().code != Code::gone) return tl::unexpected(theirs.error());
    if (!ours || !theirs || ours->blob(0) != to_bytes(*theirs)) common = 0;
  } else if (common < mirrored) {
    common = 0;
  }
  if (oldest < first)
    common = 0;  // a ledger from a backup made before it was pruned holds more than was kept here
  if (common != mirrored || oldest < first) {
    ++cuts;
    if (common == 0) {
      first = oldest;
      common = oldest - 1;
    }
    TRY(keep_only(session, number_, first, common));
    TRY(session.run("update mirror_chain set first_height = ?, height = ?, restarts = ? where number = ?",
                    first, common, cuts, number_));
  }
  std::lock_guard lock(mutex);
  first_height = first;
  height = common;
  restarts = cuts;
  return {};
}

Status Mirror::Follower::follow_pruning(sql::Session& session) {
  uint64_t oldest = std::max<uint64_t>(1, reader.oldest_height());
  if (oldest <= first_height) return {};
  uint64_t reached = std::max(height, oldest - 1);
  TRY(keep_only(session, number_, oldest, reached));
  TRY(session.run("update mirror_chain set first_height = ?, height = ? where number = ?", oldest, reached,
                  number_));
  std::lock_guard lock(mutex);
  first_height = oldest;
  height = reached;
  return {};
}

// Blocks from there on, a block never divided.
Result<std::vector<ledger::BlockContent>> Mirror::Follower::gather(uint64_t from, size_t max_rows) const {
  constexpr size_t kMaxBytes = 24 << 20;
  std::vector<ledger::BlockContent> blocks;
  const uint64_t head = reader.head_height();
  size_t rows = 0, bytes = 0;
  for (uint64_t next = from; next <= head && rows < max_rows && bytes < kMaxBytes; ++next) {
    ASSIGN(auto content, reader.content(next));
    if (content.block.pruned)
      return fail(Code::gone, "ledger.pruned", "block {} went while it was being mirrored", next);
    const Extent made = extent(content);
    rows += made.rows;
    bytes += made.bytes;
    blocks.push_back(std::move(content));
  }
  return blocks;
}

// Fails when the database does not stand where it stood, because somebody else writes this mirror too.
Status Mirror::Follower::set_position(sql::Session& session, uint64_t from, uint64_t to) const {
  ASSIGN(int64_t moved, session.run("update mirror_chain set height = ? where number = ? and height = ?", to,
                                    number_, from - 1));
  if (moved == 1) return {};
  return fail(Code::conflict, "mirror.moved", "another process writes the mirror of {}", reader.name);
}

Result<bool> Mirror::Follower::step(sql::Database& database, size_t max_rows) {
  Result<bool> more = advance(database, max_rows);
  std::lock_guard lock(mutex);
  if (!more && (!error || error->reason != more.error().reason))
    log::warn("mirror.stopped",
              {{"chain", reader.name}, {"reason", more.error().reason}, {"detail", more.error().detail}});
  if (more && error) log::info("mirror.resumed", {{"chain", reader.name}});
  error = more ? std::nullopt : std::optional(more.error());
  return more;
}

Result<bool> Mirror::Follower::advance(sql::Database& database, size_t max_rows) {
  // Whatever fails, the next step asks the database again where it stands: a lost commit may have happened or
  // not.
  bool known;
  {
    std::lock_guard lock(mutex);
    known = std::exchange(positioned, false);
  }
  if (!known || reader.oldest_height() > first_height) {
    Status found = database.transaction([&](sql::Session& session) -> Status {
      TRY(find_position(session));
      return follow_pruning(session);
    });
    TRY(std::move(found));
  }
  uint64_t from = height + 1, last = height;
  if (reader.head_height() >= from) {
    ASSIGN(const auto blocks, gather(from, max_rows));
    last = from + blocks.size() - 1;
    Status written = database.transaction([&](sql::Session& session) -> Status {
      TRY(set_position(session, from, last));
      return write(session, number_, blocks);
    });
    TRY(std::move(written));
  }
  std::lock_guard lock(mutex);
  height = last;
  positioned = true;
  return reader.head_height() > height;
}

Status Mirror::Follower::drop(sql::Database& database) {
  {
    std::lock_guard lock(mutex);
    positioned = false;
    height = 0;
  }
  return database.transaction([&](sql::Session& session) -> Status {
    ASSIGN(auto rows, session.rows("select number from mirror_chain where chain = ? or name = ?", reader.id,
                                   reader.name));
    for (const sql::Row& row : rows) {
      TRY(keep_only(session, row.integer(0), INT64_MAX, INT64_MAX));
      TRY(session.run("delete from mirror_chain where number = ?", row.integer(0)));
    }
    return {};
  });
}

ChainStatus Mirror::Follower::status() const {
  ChainStatus status;
  {
    std::lock_guard lock(mutex);
    status = {reader.name, height, 0, first_height, 0, 0, restarts, error};
  }
  status.head = reader.head_height();
  if (status.head <= status.height) return status;
  status.lag_blocks = status.head - status.height;
  if (auto next = reader.block_header(std::max(status.height + 1, reader.oldest_height())))
    status.lag_ms = std::max<int64_t>(0, now_ms() - next->header.time_ms);
  return status;
}

}  // namespace chengxin::mirror
