#pragma once
#include "format/transaction.h"
#include "sql/query.h"

// What the API lists of a mirrored chain. Every list is paged by keyset: `cursor` is empty for the first
// page, then the `next` of the page before. Rows are as fresh as the mirror: mirror.h's status says how
// fresh. Errors: mirror.unknown_chain, sql.cursor, sql.*.
namespace chengxin::mirror {

template <typename T>
struct Listed {
  std::vector<T> items;
  std::string next;  // empty on the last page
};

struct BlockRow {
  uint64_t height = 0;
  Digest hash{};  // of the header
  int64_t time_ms = 0;
  uint64_t transactions = 0, log_size = 0;
  bool operator==(const BlockRow&) const = default;
};

struct TransactionRow {
  uint64_t height = 0, position = 0;  // in its block
  Digest hash{};
  int64_t time_ms = 0;  // of the block
  format::KeyId signer{};
  uint32_t status = 0;
  uint64_t gas = 0, calls = 0;
  bool operator==(const TransactionRow&) const = default;
};

struct EventRow {
  uint64_t height = 0, position = 0, index = 0;  // of the event in its transaction
  Digest transaction{};
  int64_t time_ms = 0;
  std::string contract, type;
  Bytes data;
  bool operator==(const EventRow&) const = default;
};

// What happened to a deployed contract: an event of the native contract `contract`.
struct ContractEventRow {
  EventRow event;
  format::KeyId signer{};
};

// Of calls: those of transactions that were not accepted are failed; the gas is that of their transactions.
struct CallCounts {
  uint64_t calls = 0, failed = 0, gas = 0;
};
struct ContractFigures {
  CallCounts all;
  uint64_t callers = 0;  // accounts
  uint64_t from_height = 0, to_height = 0;
  std::vector<std::pair<std::string, CallCounts>> methods;        // at most 100, the most called first
  std::vector<std::pair<format::KeyId, CallCounts>> top_callers;  // at most 20
};

// Bounds are inclusive.
struct Range {
  std::optional<int64_t> from_ms = {}, until_ms = {};
  std::optional<uint64_t> from_height = {}, until_height = {};
};

struct TransactionFilter {
  std::optional<format::KeyId> signer = {};
  std::optional<std::string> contract = {}, method = {};  // of any call; a method needs its contract
  std::optional<uint32_t> status = {};
  Range range = {};
};

struct EventFilter {
  std::optional<std::string> contract = {}, type = {};
  Range range = {};
};

class Queries {
 public:
  explicit Queries(sql::Database& database) : database_(database) {}

  Result<Listed<BlockRow>> blocks(const Digest& chain, const Range& range, sql::Order order,
                                  std::string_view cursor, size_t limit) const;
  Result<Listed<TransactionRow>> transactions(const Digest& chain, const TransactionFilter& filter,
                                              sql::Order order, std::string_view cursor, size_t limit) const;
  Result<Listed<EventRow>> events(const Digest& chain, const EventFilter& filter, sql::Order order,
                                  std::string_view cursor, size_t limit) const;
  Result<Listed<ContractEventRow>> contract_history(const Digest& chain, std::string_view name,
                                                    sql::Order order, std::string_view cursor,
                                                    size_t limit) const;
  // Of its newest calls, at most so many.
  Result<ContractFigures> contract_figures(const Digest& chain, std::string_view name,
                                           size_t most_calls) const;

 private:
  sql::Database& database_;
};

}  // namespace chengxin::mirror
