#pragma once
#include "ledger/ledger.h"
#include "sql/database.h"

// The mirror's tables and the writing of blocks into them.
namespace chengxin::mirror {

std::span<const sql::Migration> migrations();

// Rows and bytes that these make, about.
struct Extent {
  size_t rows = 0, bytes = 0;
};
Extent extent(const ledger::BlockContent& content);
// Adds the rows of consecutive blocks.
Status write(sql::Session& session, int64_t chain, std::span<const ledger::BlockContent> blocks);

// Deletes the chain's rows of heights outside [first, last].
Status keep_only(sql::Session& session, int64_t chain, uint64_t first, uint64_t last);

}  // namespace chengxin::mirror
