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

Extent extent(const ledger::BlockContent& content) {
  Extent out{1, sizeof content};
  for (const ledger::TransactionRecord& each : content.transactions) {
    out.rows += 1 + each.transaction.body.calls.size() + each.events.size();
    out.bytes += sizeof each + 2 * each.transaction.body_bytes.size();
    for (const format::Event& event : each.events) out.bytes += sizeof event + event.data.size();
  }
  return out;
}

namespace {

template <typename... Args>
std::array<sql::Param, sizeof...(Args)> row(const Args&... args) {
  return {sql::Param(args)...};
}

// One table after the other: what PostgreSQL's COPY wants, and kind to SQLite's pages.
class Writer {
 public:
  Writer(sql::Session& session, int64_t chain, std::span<const ledger::BlockContent> blocks)
      : session_(session), chain_(chain), blocks_(blocks) {}

  Status blocks() {
    return session_.append("mirror_block", 6, [&](const sql::PutRow& put) -> Status {
      for (const auto& [block, transactions] : blocks_)
        TRY(put(row(chain_, block.header.height, format::Header::hash(block.header_bytes),
                    block.header.time_ms, block.transaction_count, block.header.log_size)));
      return {};
    });
  }
  Status transactions() {
    return each("mirror_transaction", 8,
                [&](const sql::PutRow& put, uint64_t position, const Record& record) {
                  const format::TransactionBody& body = record.transaction.body;
                  return put(row(chain_, record.height, position, record.transaction.hash, body.signer,
                                 record.receipt.status, record.receipt.gas, body.calls.size()));
                });
  }
  Status calls() {
    return each("mirror_call", 6,
                [&](const sql::PutRow& put, uint64_t position, const Record& record) -> Status {
                  size_t number = 0;
                  for (const format::Call& call : record.transaction.body.calls)
                    TRY(put(row(chain_, record.height, position, number++, storable(call.contract),
                                storable(call.method))));
                  return {};
                });
  }
  Status events() {
    return each("mirror_event", 7,
                [&](const sql::PutRow& put, uint64_t position, const Record& record) -> Status {
                  size_t number = 0;
                  for (const format::Event& event : record.events)
                    TRY(put(row(chain_, record.height, position, number++, storable(event.contract),
                                storable(event.type), event.data)));
                  return {};
                });
  }

 private:
  using Record = ledger::TransactionRecord;

  template <typename PutRows>
  Status each(std::string_view table, size_t columns, const PutRows& put_rows) {
    return session_.append(table, columns, [&](const sql::PutRow& put) -> Status {
      for (const auto& [block, transactions] : blocks_)
        for (size_t i = 0; i < transactions.size(); ++i) TRY(put_rows(put, i, transactions[i]));
      return {};
    });
  }

  sql::Session& session_;
  const int64_t chain_;
  const std::span<const ledger::BlockContent> blocks_;
};

}  // namespace

Status write(sql::Session& session, int64_t chain, std::span<const ledger::BlockContent> blocks) {
  Writer writer(session, chain, blocks);
  TRY(writer.blocks());
  TRY(writer.transactions());
  TRY(writer.calls());
  return writer.events();
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
