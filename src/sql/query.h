#pragma once
#include "sql/database.h"

namespace chengxin::sql {

// A select put together from fixed text and bound values, for lists with optional filters:
//   Query query("select height, time_ms from block");
//   query.where("chain = ?", id);
//   if (from) query.where("time_ms >= ?", *from);
//   query.keys({"height"}, Order::descending);
//   session.page(query, cursor, 50);
enum class Order { ascending, descending };

class Query {
 public:
  // `values`: of the placeholders in the select itself.
  explicit Query(std::string select, std::span<const Value> values = {}) : select_(std::move(select)) {
    for (const Value& value : values) params_.add(value);
  }

  // Conditions are joined by "and".
  template <typename... Args>
  Query& where(std::string_view condition, const Args&... args) {
    conditions_.emplace_back(condition);
    (params_.add(args), ...);
    return *this;
  }
  // A condition that was put together elsewhere, with a value for each ?.
  Query& where_values(std::string_view condition, std::span<const Value> values) {
    conditions_.emplace_back(condition);
    for (const Value& value : values) params_.add(value);
    return *this;
  }
  // The order, and what a page continues from: columns that together are unique, never null, and the first
  // ones selected.
  Query& keys(std::vector<std::string> columns, Order order = Order::ascending);

 private:
  friend class Session;
  std::string text(bool after_cursor, bool limited) const;

  std::string select_;
  std::vector<std::string> conditions_, keys_;
  Order order_ = Order::ascending;
  Batch params_;  // one in each row
};

struct Page {
  std::vector<Row> rows;
  std::string next;  // the cursor of the following page; empty when this is the last
};

// Opaque to callers, URL-safe. sql.cursor for one that was not made here.
std::string encode_cursor(std::span<const Value> keys);
Result<std::vector<Value>> decode_cursor(std::string_view cursor);

}  // namespace chengxin::sql
