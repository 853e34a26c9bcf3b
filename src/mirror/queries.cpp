#include "mirror/queries.h"

namespace chengxin::mirror {
namespace {

Result<int64_t> chain_number(sql::Session& session, const Digest& chain) {
  ASSIGN(auto row, session.row("select number from mirror_chain where chain = ?", chain));
  if (!row) return fail(Code::not_found, "mirror.unknown_chain", "{}", hex(chain));
  return row->integer(0);
}

// Adds the range as bounds on `column`, a height. Times never fall with height, so the bounds of a time range
// are looked up among the blocks first.
Status restrict_to(sql::Session& session, sql::Query& query, int64_t chain, const Range& range,
                   const std::string& column) {
  if (range.from_height) query.where(column + " >= ?", *range.from_height);
  if (range.until_height) query.where(column + " <= ?", *range.until_height);
  if (range.from_ms) {
    ASSIGN(auto row,
           session.row(
               "select min(height) from mirror_block where chain = ? and time_ms = (select min(time_ms) from"
               " mirror_block where chain = ? and time_ms >= ?)",
               chain, chain, *range.from_ms));
    query.where(column + " >= ?", row->optional_integer(0).value_or(INT64_MAX));
  }
  if (range.until_ms) {
    ASSIGN(auto row,
           session.row(
               "select max(height) from mirror_block where chain = ? and time_ms = (select max(time_ms) from"
               " mirror_block where chain = ? and time_ms <= ?)",
               chain, chain, *range.until_ms));
    query.where(column + " <= ?", row->optional_integer(0).value_or(-1));
  }
  return {};
}

Result<BlockRow> block_row(const sql::Row& row) {
  ASSIGN(Digest hash, row.digest(1));
  return BlockRow{uint64_t(row.integer(0)), hash, row.integer(2), uint64_t(row.integer(3)),
                  uint64_t(row.integer(4))};
}

Result<TransactionRow> transaction_row(const sql::Row& row) {
  TransactionRow out{
      uint64_t(row.integer(0)), uint64_t(row.integer(1)), {}, row.integer(3), {}, uint32_t(row.integer(5)),
      uint64_t(row.integer(6)), uint64_t(row.integer(7))};
  ASSIGN(out.hash, row.digest(2));
  const Bytes& signer = row.blob(4);
  std::copy_n(signer.begin(), std::min(signer.size(), out.signer.size()), out.signer.begin());
  return out;
}

Result<EventRow> event_row(const sql::Row& row) {
  ASSIGN(Digest hash, row.digest(3));
  return EventRow{uint64_t(row.integer(0)),
                  uint64_t(row.integer(1)),
                  uint64_t(row.integer(2)),
                  hash,
                  row.integer(4),
                  row.text(5),
                  row.text(6),
                  row.blob(7)};
}

template <typename T>
Result<Listed<T>> listed(Result<sql::Page> page, Result<T> (*read)(const sql::Row&)) {
  if (!page) return tl::unexpected(std::move(page).error());
  Listed<T> out{{}, std::move(page->next)};
  for (const sql::Row& row : page->rows) {
    ASSIGN(T item, read(row));
    out.items.push_back(std::move(item));
  }
  return out;
}

template <typename T>
Result<T> in_snapshot(sql::Database& database, const std::function<Result<T>(sql::Session&)>& work) {
  T out;
  TRY(database.read([&](sql::Session& session) -> Status {
    ASSIGN(out, work(session));
    return {};
  }));
  return out;
}

CallCounts counts_of(const sql::Row& row, size_t first) {
  return {uint64_t(row.integer(first)), uint64_t(row.integer(first + 1)), uint64_t(row.integer(first + 2))};
}

format::KeyId key_of(const Bytes& blob) {
  format::KeyId out{};
  std::copy_n(blob.begin(), std::min(blob.size(), out.size()), out.begin());
  return out;
}

Result<ContractEventRow> contract_event_row(const sql::Row& row) {
  ASSIGN(EventRow event, event_row(row));
  return ContractEventRow{std::move(event), key_of(row.blob(8))};
}

// The newest calls of a contract, most of it bound by parameters: chain, contract, how many.
constexpr std::string_view kCalls =
    " from (select c.height, c.method, t.status, t.gas, t.signer from mirror_call c join mirror_transaction t"
    " on t.chain = c.chain and t.height = c.height and t.position = c.position"
    " where c.chain = ? and c.contract = ?"
    " order by c.height desc, c.position desc, c.call desc limit ?) x";
constexpr std::string_view kCounts =
    "count(*), cast(coalesce(sum(case when x.status <> 0 then 1 else 0 end), 0) as bigint),"
    " cast(coalesce(sum(x.gas), 0) as bigint)";

}  // namespace

Result<Listed<ContractEventRow>> Queries::contract_history(const Digest& chain, std::string_view name,
                                                           sql::Order order, std::string_view cursor,
                                                           size_t limit) const {
  using Rows = Listed<ContractEventRow>;
  return in_snapshot<Rows>(database_, [&](sql::Session& session) -> Result<Rows> {
    ASSIGN(int64_t number, chain_number(session, chain));
    sql::Query query(
        "select e.height, e.position, e.event, t.hash, b.time_ms, e.contract, e.type, e.data, t.signer from "
        "mirror_event e"
        " join mirror_transaction t on t.chain = e.chain and t.height = e.height and t.position = e.position"
        " join mirror_block b on b.chain = e.chain and b.height = e.height");
    query.where("e.chain = ? and e.contract = 'contract'", number)
        .keys({"e.height", "e.position", "e.event"}, order);
    query.where("substr(e.data, 5) = ?", to_bytes(view(name)));  // behind the version
    return listed(session.page(query, cursor, limit), contract_event_row);
  });
}

Result<ContractFigures> Queries::contract_figures(const Digest& chain, std::string_view name,
                                                  size_t most_calls) const {
  return in_snapshot<ContractFigures>(database_, [&](sql::Session& session) -> Result<ContractFigures> {
    ContractFigures out;
    ASSIGN(int64_t number, chain_number(session, chain));
    const auto rows = [&](std::string_view first, std::string_view rest) {
      return session.rows(fmt::format("select {}{}{}{}", first, kCounts, kCalls, rest), number,
                          std::string(name), int64_t(most_calls));
    };
    ASSIGN(const auto all, rows("count(distinct x.signer), coalesce(min(x.height), 0),"
                                " coalesce(max(x.height), 0), ",
                                ""));
    out.callers = uint64_t(all[0].integer(0));
    out.from_height = uint64_t(all[0].integer(1));
    out.to_height = uint64_t(all[0].integer(2));
    out.all = counts_of(all[0], 3);
    ASSIGN(const auto methods, rows("x.method, ", " group by x.method order by 2 desc, 1 limit 100"));
    for (const sql::Row& row : methods) out.methods.emplace_back(row.text(0), counts_of(row, 1));
    ASSIGN(const auto callers, rows("x.signer, ", " group by x.signer order by 2 desc, 1 limit 20"));
    for (const sql::Row& row : callers) out.top_callers.emplace_back(key_of(row.blob(0)), counts_of(row, 1));
    return out;
  });
}

Result<Listed<BlockRow>> Queries::blocks(const Digest& chain, const Range& range, sql::Order order,
                                         std::string_view cursor, size_t limit) const {
  return in_snapshot<Listed<BlockRow>>(database_, [&](sql::Session& session) -> Result<Listed<BlockRow>> {
    ASSIGN(int64_t number, chain_number(session, chain));
    sql::Query query("select height, hash, time_ms, transactions, log_size from mirror_block");
    query.where("chain = ?", number).keys({"height"}, order);
    TRY(restrict_to(session, query, number, range, "height"));
    return listed(session.page(query, cursor, limit), block_row);
  });
}

Result<Listed<TransactionRow>> Queries::transactions(const Digest& chain, const TransactionFilter& filter,
                                                     sql::Order order, std::string_view cursor,
                                                     size_t limit) const {
  if (filter.method && !filter.contract)
    return fail(Code::invalid_argument, "mirror.method_without_contract");
  return in_snapshot<Listed<TransactionRow>>(
      database_, [&](sql::Session& session) -> Result<Listed<TransactionRow>> {
        ASSIGN(int64_t number, chain_number(session, chain));
        // A filter by contract is led by the calls, in their index's order; a transaction with several such
        // calls is one row.
        std::string lead = filter.contract ? "c" : "t";
        std::string select =
            (filter.contract ? "select distinct " : "select ") + lead + ".height, " + lead +
            ".position, t.hash, b.time_ms, t.signer, t.status, t.gas, t.calls from mirror_transaction t"
            " join mirror_block b on b.chain = t.chain and b.height = t.height";
        if (filter.contract)
          select +=
              " join mirror_call c on c.chain = t.chain and c.height = t.height and c.position = t.position";
        sql::Query query(select);
        query.where("t.chain = ?", number).keys({lead + ".height", lead + ".position"}, order);
        if (filter.contract) query.where("c.chain = ? and c.contract = ?", number, *filter.contract);
        if (filter.method) query.where("c.method = ?", *filter.method);
        if (filter.signer) query.where("t.signer = ?", *filter.signer);
        if (filter.status) query.where("t.status = ?", *filter.status);
        if (filter.status.value_or(0) != 0) query.where("t.status <> 0");  // the partial index
        TRY(restrict_to(session, query, number, filter.range, lead + ".height"));
        return listed(session.page(query, cursor, limit), transaction_row);
      });
}

Result<Listed<EventRow>> Queries::events(const Digest& chain, const EventFilter& filter, sql::Order order,
                                         std::string_view cursor, size_t limit) const {
  return in_snapshot<Listed<EventRow>>(database_, [&](sql::Session& session) -> Result<Listed<EventRow>> {
    ASSIGN(int64_t number, chain_number(session, chain));
    sql::Query query(
        "select e.height, e.position, e.event, t.hash, b.time_ms, e.contract, e.type, e.data from "
        "mirror_event e"
        " join mirror_transaction t on t.chain = e.chain and t.height = e.height and t.position = e.position"
        " join mirror_block b on b.chain = e.chain and b.height = e.height");
    query.where("e.chain = ?", number).keys({"e.height", "e.position", "e.event"}, order);
    if (filter.contract) query.where("e.contract = ?", *filter.contract);
    if (filter.type) query.where("e.type = ?", *filter.type);
    TRY(restrict_to(session, query, number, filter.range, "e.height"));
    return listed(session.page(query, cursor, limit), event_row);
  });
}

}  // namespace chengxin::mirror
