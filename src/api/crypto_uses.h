#pragma once
#include "keys/use.h"
#include "sql/database.h"
#include "sql/query.h"

// Who used which key of the cryptographic service how often, kept in SQL: a row for each hour, caller, key,
// operation and outcome.
namespace chengxin::api {

Status prepare_crypto_uses(sql::Database& database);
// Adds what was counted since the last time; what cannot be kept now is counted on.
Status keep_crypto_uses(sql::Database& database, keys::Uses& uses);

struct UseFilter {
  std::string caller, key, operation, outcome;  // empty: any
  std::optional<int64_t> from_ms, until_ms;
};
// Pages, newest first. sql.cursor
Result<sql::Page> crypto_uses(sql::Database& database, const UseFilter& filter, std::string_view cursor,
                              size_t limit);
struct UseTotals {
  int64_t calls = 0, items = 0, refused = 0;  // refused: calls with another outcome than ok
};
Result<UseTotals> crypto_use_totals(sql::Database& database, const UseFilter& filter);
keys::Use use_of(const sql::Row& row);

}  // namespace chengxin::api
