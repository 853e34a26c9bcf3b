#include "sql/query.h"

namespace chengxin::sql {
namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view separator,
                   std::string_view suffix = "") {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out.append(part).append(suffix);
  }
  return out;
}

}  // namespace

Query& Query::keys(std::vector<std::string> columns, Order order) {
  keys_ = std::move(columns);
  order_ = order;
  return *this;
}

std::string Query::text(bool after_cursor, bool limited) const {
  std::vector<std::string> conditions = conditions_;
  if (after_cursor) {
    std::string places = joined(std::vector<std::string>(keys_.size(), "?"), ", ");
    conditions.push_back("(" + joined(keys_, ", ") + ")" + (order_ == Order::ascending ? " > " : " < ") +
                         "(" + places + ")");
  }
  std::string out = select_;
  if (!conditions.empty()) out += " where (" + joined(conditions, ") and (") + ")";
  if (!keys_.empty()) out += " order by " + joined(keys_, ", ", order_ == Order::ascending ? "" : " desc");
  if (limited) out += " limit ?";
  return out;
}

std::string encode_cursor(std::span<const Value> keys) {
  Bytes out;
  for (const Value& key : keys) {
    out.push_back(uint8_t(key.type()));
    if (key.type() == Type::integer) {
      put_be(out, uint64_t(key.integer()));
      continue;
    }
    CHECK(key.type() != Type::null);
    ByteView bytes = key.type() == Type::text ? view(key.text()) : ByteView(key.blob());
    put_be(out, uint32_t(bytes.size()));
    append(out, bytes);
  }
  return hex(out);
}

Result<std::vector<Value>> decode_cursor(std::string_view cursor) {
  auto malformed = [] {
    return fail(Code::invalid_argument, "sql.cursor", "not a cursor that was handed out here");
  };
  auto bytes = unhex(cursor);
  if (!bytes) return malformed();
  std::vector<Value> keys;
  for (Reader in(*bytes); in.remaining() > 0;) {
    Type type = Type(in.be<uint8_t>());
    if (type == Type::integer) {
      keys.emplace_back(int64_t(in.be<uint64_t>()));
    } else if (type == Type::text || type == Type::blob) {
      ByteView part = in.take_sized();
      keys.push_back(type == Type::text ? Value(to_string(part)) : Value(to_bytes(part)));
    } else {
      return malformed();
    }
    if (!in.ok()) return malformed();
  }
  return keys;
}

Result<std::vector<Row>> Session::rows(const Query& query) {
  std::vector<Param> params;
  for (size_t i = 0; i < query.params_.size(); ++i) params.push_back(query.params_.row(i)[0]);
  return this->query(query.text(false, false), params);
}

Result<Page> Session::page(const Query& query, std::string_view cursor, size_t limit) {
  CHECK(!query.keys_.empty());
  std::vector<Param> params;
  for (size_t i = 0; i < query.params_.size(); ++i) params.push_back(query.params_.row(i)[0]);
  std::vector<Value> after;
  if (!cursor.empty()) {
    ASSIGN(after, decode_cursor(cursor));
    if (after.size() != query.keys_.size())
      return fail(Code::invalid_argument, "sql.cursor", "a cursor of another list");
    for (const Value& key : after) params.emplace_back(key);
  }
  // One row more tells whether there is a next page.
  params.emplace_back(int64_t(limit) + 1);
  ASSIGN(auto rows, this->query(query.text(!after.empty(), true), params));
  Page page{std::move(rows), {}};
  if (page.rows.size() > limit) {
    page.rows.pop_back();
    std::vector<Value> keys;
    for (size_t i = 0; i < query.keys_.size() && limit > 0; ++i) keys.push_back(page.rows.back()[i]);
    page.next = encode_cursor(keys);
  }
  return page;
}

}  // namespace chengxin::sql
