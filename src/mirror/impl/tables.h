#pragma once
#include "ledger/ledger.h"
#include "sql/database.h"

// The mirror's tables and the writing of blocks into them.
namespace chengxin::mirror {

std::span<const sql::Migration> migrations();

// Rows of consecutive blocks, gathered before the SQL transaction begins.
struct BlockRows {
  sql::Batch blocks, transactions, calls, events;
  size_t size() const { return blocks.size() + transactions.size() + calls.size() + events.size(); }
  size_t bytes() const { return blocks.bytes() + transactions.bytes() + calls.bytes() + events.bytes(); }
  void add(int64_t chain, const ledger::BlockRecord& block, const Digest& header_hash);
  void add(int64_t chain, uint64_t position, const ledger::TransactionRecord& transaction);
  Status write(sql::Session& session) const;
};

// Deletes the chain's rows of heights outside [first, last].
Status keep_only(sql::Session& session, int64_t chain, uint64_t first, uint64_t last);

}  // namespace chengxin::mirror
