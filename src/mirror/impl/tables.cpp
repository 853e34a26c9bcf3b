#include "mirror/impl/tables.h"

namespace chengxin::mirror {

// Rows name their chain by a small number, and their transaction by height and position, not by 32-byte
// digests: most of the disk is these rows. Times stand with the block only; they never fall with height, so a
// time range is a height range.
std::span<const sql::Migration> migrations() {
  static constexpr sql::Migration kHistory[] = {
      {1, R"(
create table mirror_chain (number {id}, chain {blob} not null unique, name {text} not null unique,
  first_height {int} not null, height {int} not null, restarts {int} not null) {strict};
create table mirror_block (chain {int} not null, height {int} not null, hash {blob} not null, time_ms {int} not null,
  transactions {int} not null, log_size {int} not null, primary key (chain, height)) {clustered};
create index mirror_block_time on mirror_block (chain, time_ms, height);
create table mirror_transaction (chain {int} not null, height {int} not null, position {int} not null, hash {blob} not null,
  signer {blob} not null, status {int} not null, gas {int} not null, calls {int} not null,
  primary key (chain, height, position)) {clustered};
create index mirror_transaction_signer on mirror_transaction (chain, signer, height, position);
create index mirror_transaction_failed on mirror_transaction (chain, status, height, position) where status <> 0;
create table mirror_call (chain {int} not null, height {int} not null, position {int} not null, call {int} not null,
  contract {text} not null, method {text} not null, primary key (chain, contract, height, position, call)) {clustered};
create table mirror_event (chain {int} not null, height {int} not null, position {int} not null, event {int} not null,
  contract {text} not null, type {text} not null, data {blob} not null,
  primary key (chain, height, position, event)) {clustered};
create index mirror_event_type on mirror_event (chain, contract, type, height, position, event);
)"},
  };
  return kHistory;
}

namespace {

// Names come from whoever signs, so they are bounded and cleaned here: no name may stop the mirror. What the
// chain does with such a call is its receipt's matter.
std::string storable(std::string_view name) {
  constexpr size_t kMaxBytes = 200;
  std::string out;
  for (char c : name.substr(0, kMaxBytes)) out += c >= 0x20 && c < 0x7f ? c : '_';
  return out;
}

}  // namespace

void BlockRows::add(int64_t chain, const ledger::BlockRecord& block, const Digest& header_hash) {
  blocks.add(chain, block.header.height, header_hash, block.header.time_ms, block.transaction_count,
             block.header.log_size);
}

void BlockRows::add(int64_t chain, uint64_t position, const ledger::TransactionRecord& record) {
  const format::TransactionBody& body = record.transaction.body;
  transactions.add(chain, record.height, position, record.transaction.hash, body.signer,
                   record.receipt.status, record.receipt.gas, body.calls.size());
  for (size_t i = 0; i < body.calls.size(); ++i)
    calls.add(chain, record.height, position, i, storable(body.calls[i].contract),
              storable(body.calls[i].method));
  for (size_t i = 0; i < record.events.size(); ++i) {
    const format::Event& event = record.events[i];
    events.add(chain, record.height, position, i, storable(event.contract), storable(event.type), event.data);
  }
}

Status BlockRows::write(sql::Session& session) const {
  TRY(session.run_each("insert into mirror_block values (?, ?, ?, ?, ?, ?)", blocks));
  TRY(session.run_each("insert into mirror_transaction values (?, ?, ?, ?, ?, ?, ?, ?)", transactions));
  TRY(session.run_each("insert into mirror_call values (?, ?, ?, ?, ?, ?)", calls));
  return session.run_each("insert into mirror_event values (?, ?, ?, ?, ?, ?, ?)", events);
}

Status keep_only(sql::Session& session, int64_t chain, uint64_t first, uint64_t last) {
  for (const char* table : {"mirror_block", "mirror_transaction", "mirror_call", "mirror_event"}) {
    std::string text = std::string("delete from ") + table + " where chain = ? and height ";
    TRY(session.run(text + "< ?", chain, first));
    TRY(session.run(text + "> ?", chain, last));
  }
  return {};
}

}  // namespace chengxin::mirror
