#include "api/crypto_uses.h"

#include "api/crypto_service.h"
#include "base/clock.h"
#include "base/log.h"

namespace chengxin::api {
namespace {

void apply(sql::Query& query, const UseFilter& filter) {
  if (!filter.caller.empty()) query.where("caller = ?", filter.caller);
  if (!filter.key.empty()) query.where("key_name = ?", filter.key);
  if (!filter.operation.empty()) query.where("operation = ?", filter.operation);
  if (!filter.outcome.empty()) query.where("outcome = ?", filter.outcome);
  if (filter.from_ms) query.where("last_ms >= ?", *filter.from_ms);
  if (filter.until_ms) query.where("hour_ms < ?", *filter.until_ms);
}

}  // namespace

Status prepare_crypto_uses(sql::Database& database) {
  static const sql::Migration migrations[] = {
      {1,
       "create table crypto_use (hour_ms {int} not null, caller {text} not null, key_name {text} not null, "
       "operation {text} not null, outcome {text} not null, calls {int} not null, items {int} not null, "
       "last_ms {int} not null, primary key (hour_ms, caller, key_name, operation, outcome)) {strict};"
       "create index crypto_use_key on crypto_use (key_name, hour_ms);"}};
  return database.migrate("crypto_use", migrations);
}

Status keep_crypto_uses(sql::Database& database, keys::Uses& uses) {
  auto taken = uses.take();
  if (taken.empty()) return {};
  Status kept = database.transaction([&](sql::Session& session) -> Status {
    for (const keys::Use& each : taken)
      TRY(session.run(
          "insert into crypto_use (hour_ms, caller, key_name, operation, outcome, calls, items, last_ms) "
          "values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (hour_ms, caller, key_name, operation, outcome) do "
          "update set calls = crypto_use.calls + excluded.calls, items = crypto_use.items + excluded.items, "
          "last_ms = excluded.last_ms",
          each.hour_ms, each.what.caller, each.what.key, each.what.operation, each.what.outcome, each.calls,
          each.items, each.last_ms));
    return {};
  });
  if (!kept) uses.put_back(std::move(taken));
  return kept;
}

Result<sql::Page> crypto_uses(sql::Database& database, const UseFilter& filter, std::string_view cursor,
                              size_t limit) {
  sql::Query query(
      "select hour_ms, caller, key_name, operation, outcome, calls, items, last_ms from crypto_use");
  apply(query, filter);
  query.keys({"hour_ms", "caller", "key_name", "operation", "outcome"}, sql::Order::descending);
  sql::Page out;
  TRY(database.read([&](sql::Session& session) -> Status {
    ASSIGN(out, session.page(query, cursor, limit));
    return {};
  }));
  return out;
}

Result<UseTotals> crypto_use_totals(sql::Database& database, const UseFilter& filter) {
  sql::Query query(
      "select cast(coalesce(sum(calls), 0) as bigint), cast(coalesce(sum(items), 0) as bigint), "
      "cast(coalesce(sum(case when outcome = 'ok' then 0 else calls end), 0) as bigint) from crypto_use");
  apply(query, filter);
  UseTotals out;
  TRY(database.read([&](sql::Session& session) -> Status {
    ASSIGN(auto rows, session.rows(query));
    out = {rows.at(0).integer(0), rows.at(0).integer(1), rows.at(0).integer(2)};
    return {};
  }));
  return out;
}

keys::Use use_of(const sql::Row& row) {
  return {{row.text(1), row.text(2), row.text(3), row.text(4)},
          row.integer(0),
          row.integer(7),
          row.integer(5),
          row.integer(6)};
}

Result<std::unique_ptr<CryptoService>> CryptoService::open(keys::Service& service,
                                                           keys::TwoPartyServer* two_party_server,
                                                           sql::Database& where) {
  TRY(prepare_crypto_uses(where));
  return std::unique_ptr<CryptoService>(new CryptoService(service, two_party_server, where));
}

CryptoService::~CryptoService() {
  if (auto status = keep_crypto_uses(database, keys.uses()); !status)
    log::warn("api.crypto_uses", {{"error", status.error().to_string()}});
}

void CryptoService::keep_uses() {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t before = kept_ns_;
  const int64_t now = steady_ns();
  if (now - before < kSecond || !kept_ns_.compare_exchange_strong(before, now)) return;
  if (auto status = keep_crypto_uses(database, keys.uses()); !status)
    log::warn("api.crypto_uses", {{"error", status.error().to_string()}});
}

keys::Caller caller_of(const Call& call) { return {call.principal.id, call.principal.owner}; }

}  // namespace chengxin::api
