#include "record/rows.h"

#include <algorithm>

#include "crypto/derive.h"
#include "crypto/hmac.h"
#include "crypto/sm4.h"
#include "record/words.h"

namespace chengxin::record {
namespace {

using pack::Column;
using pack::Field;
using pack::ListTable;
using pack::Storage;
using sql::Value;

constexpr size_t kBuiltIn = 9;

std::string marks(size_t count) {
  std::string out = "?";
  for (size_t i = 1; i < count; ++i) out += ", ?";
  return out;
}

void add_names(const Column& column, std::string_view with, std::string& out) {
  out += fmt::format(", {}{}", with, column.name);
  if (!column.digest.empty()) out += fmt::format(", {}{}", with, column.digest);
}

Value text_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

// What a row of a list says in one of its columns.
Json cell(const ListTable& list, const Column& column, const Json& row) {
  return list.field->type == pack::Type::table ? row.value(column.field->name, Json()) : row;
}

// SQLite's index of words, whose triggers an untrusted schema may not have. Its entry goes before the words
// do, and comes after them. `where` and what it takes: of the records.
Status index_words(sql::Session& session, const pack::Layout& layout, bool add, std::string_view where,
                   const sql::Batch& batch) {
  if (layout.searched.empty() || session.dialect() != sql::Dialect::sqlite) return {};
  const std::string index = words_index(layout.table);
  const std::string into = add ? fmt::format("insert into {} (rowid, words) select", index)
                               : fmt::format("insert into {0} ({0}, rowid, words) select 'delete',", index);
  return session.run_each(fmt::format("{} row, words from {} where {}", into, layout.table, where), batch);
}

const Json& field_of(const Stored& record, const std::string& name) {
  static const Json nothing;
  const auto found = record.fields.find(name);
  return found == record.fields.end() ? nothing : *found;
}

}  // namespace

std::vector<sql::Param> params_of(std::span<const Value> values) { return {values.begin(), values.end()}; }

std::string sort_key(const Column& column, std::string_view of) {
  if (column.field->required) return fmt::format("{}{}", of, column.name);
  return fmt::format("coalesce({}{}, {})", of, column.name,
                     column.storage == Storage::integer ? "-9223372036854775807" : "''");
}

Vault::Vault(ByteView key)
    : seal_key_(crypto::derived_key(key, "chengxin/record/seal/v1", 16)),
      digest_key_(crypto::derived_key(key, "chengxin/record/search/v1", 32)) {}

Bytes Vault::seal(std::string_view place, const Json& value) const {
  return crypto::sm4_gcm_seal(seal_key_, view(place), view(value.dump())).value();
}

Result<Json> Vault::open(std::string_view place, ByteView sealed) const {
  const auto plain = crypto::sm4_gcm_unseal(seal_key_, view(place), sealed);
  if (!plain) return fail(Code::data_loss, "record.damaged", "{}", place);
  return parse_json(text(*plain));
}

Digest Vault::digest(std::string_view field, std::string_view text) const {
  Bytes sized;
  put_sized(sized, view(field));
  return crypto::hmac_sm3(digest_key_, {ByteView(sized), view(text)});
}

std::string Rows::place(const Column& column, const std::string& id) const {
  return fmt::format("{}/{}/{}", layout_.entity->name, column.field->name, id);
}

Value Rows::held(const Column& column, const std::string& id, const Json& value) const {
  if (value.is_null()) return {};
  if (column.storage == Storage::sealed) return vault_.seal(place(column, id), value);
  if (column.field->many && layout_.list(column.field->name) == nullptr) return value.dump();
  return to_column(*column.field, value);
}

Result<Json> Rows::value_of(const Column& column, const std::string& id, const Value& value) const {
  const bool several = column.field->many && layout_.list(column.field->name) == nullptr;
  if (value.type() == sql::Type::null)
    return several || column.field->type == pack::Type::table ? Json::array() : Json();
  if (column.storage == Storage::sealed) return vault_.open(place(column, id), value.blob());
  if (several) return parse_json(value.text());
  return from_column(*column.field, value);
}

void Rows::add_values(const Column& column, const std::string& id, const Json& value,
                      std::vector<Value>& out) const {
  out.push_back(held(column, id, value));
  if (column.digest.empty()) return;
  const std::string field = layout_.entity->name + "." + column.field->name;
  out.push_back(value.is_null() ? Value()
                                : Value(to_bytes(vault_.digest(field, value.get_ref<const std::string&>()))));
}

std::string Rows::columns() const {
  std::string out =
      "t.id, t.number, t.state, t.version, t.created_ms, t.created_by, t.changed_ms, t.changed_by, "
      "t.deleted_ms";
  for (const Column& each : layout_.columns) out += ", t." + each.name;
  return out;
}

Result<Stored> Rows::take(const sql::Row& row, size_t at) const {
  Stored out;
  out.id = row.text(at);
  out.number = row.optional_text(at + 1).value_or("");
  out.state = row.optional_text(at + 2).value_or("");
  out.version = row.integer(at + 3);
  out.created_ms = row.integer(at + 4);
  out.created_by = row.text(at + 5);
  out.changed_ms = row.integer(at + 6);
  out.changed_by = row.text(at + 7);
  out.deleted = !row.is_null(at + 8);
  for (size_t i = 0; i < layout_.columns.size(); ++i) {
    const Column& column = layout_.columns[i];
    ASSIGN(out.fields[column.field->name], value_of(column, out.id, row[at + kBuiltIn + i]));
  }
  for (const ListTable& list : layout_.lists) out.fields[list.field->name] = Json::array();
  return out;
}

Status Rows::fill_lists(std::vector<Stored>& records) const {
  if (records.empty()) return {};
  std::map<std::string, Stored*> by_id;
  std::vector<Value> ids;
  for (Stored& each : records) {
    by_id[each.id] = &each;
    ids.emplace_back(each.id);
  }
  for (const ListTable& list : layout_.lists) {
    std::string names;
    for (const Column& column : list.columns) names += ", " + column.name;
    const std::string select =
        fmt::format("select of_id{} from {} where of_id in ({}) order by of_id, position", names, list.name,
                    marks(ids.size()));
    sql::Query query(select, ids);
    ASSIGN(const auto rows, session_.rows(query));
    for (const sql::Row& row : rows) {
      const std::string& id = row.text(0);
      Json item = list.field->type == pack::Type::table ? Json::object() : Json();
      for (size_t i = 0; i < list.columns.size(); ++i) {
        ASSIGN(Json value, value_of(list.columns[i], id, row[1 + i]));
        if (item.is_object())
          item[list.columns[i].field->name] = std::move(value);
        else
          item = std::move(value);
      }
      by_id.at(id)->fields[list.field->name].push_back(std::move(item));
    }
  }
  return {};
}

Result<std::vector<Stored>> Rows::load(std::span<const std::string> ids) const {
  std::vector<Stored> out;
  if (ids.empty()) return out;
  const std::vector<Value> values(ids.begin(), ids.end());
  sql::Query query(fmt::format("select {} from {} t where t.id in ({}) order by t.id", columns(),
                               layout_.table, marks(values.size())),
                   values);
  ASSIGN(const auto rows, session_.rows(query));
  for (const sql::Row& row : rows) {
    ASSIGN(Stored record, take(row, 0));
    out.push_back(std::move(record));
  }
  TRY(fill_lists(out));
  return out;
}

Result<std::optional<Stored>> Rows::load(const std::string& id) const {
  ASSIGN(auto found, load(std::span(&id, 1)));
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

Result<std::vector<std::string>> Rows::ids_after(const std::string& id, size_t limit) const {
  ASSIGN(const auto rows,
         session_.rows(fmt::format("select id from {} where id > ? order by id limit ?", layout_.table), id,
                       limit));
  std::vector<std::string> out;
  for (const sql::Row& row : rows) out.push_back(row.text(0));
  return out;
}

Status Rows::insert(std::span<const Stored> records) const {
  std::string names = "id, number, state, version, created_ms, created_by, changed_ms, changed_by";
  for (const Column& each : layout_.columns) add_names(each, "", names);
  const bool searched = !layout_.searched.empty();
  sql::Batch batch;
  for (const Stored& record : records) {
    std::vector<Value> values{
        record.id,         text_or_null(record.number), text_or_null(record.state), record.version,
        record.created_ms, record.created_by,           record.changed_ms,          record.changed_by};
    for (const Column& each : layout_.columns)
      add_values(each, record.id, field_of(record, each.field->name), values);
    if (searched) values.emplace_back(words_of(layout_, record, session_.dialect()));
    batch.add_row(params_of(values));
  }
  if (batch.empty()) return {};
  std::string places = marks(batch.width() - (searched ? 1 : 0));
  if (searched) {
    names += ", words";
    places += ", " + words_place();
  }
  TRY(session_.run_each(fmt::format("insert into {} ({}) values ({})", layout_.table, names, places), batch));
  sql::Batch ids;
  for (const Stored& record : records) ids.add(record.id);
  TRY(index_words(session_, layout_, true, "id = ?", ids));
  for (const ListTable& list : layout_.lists) {
    sql::Batch items;
    for (const Stored& record : records) add_list(list, record.id, field_of(record, list.field->name), items);
    TRY(put_lists(list, items));
  }
  return {};
}

void Rows::add_list(const ListTable& list, const std::string& id, const Json& values,
                    sql::Batch& batch) const {
  for (size_t i = 0; i < values.size(); ++i) {
    std::vector<Value> row{id, int64_t(i)};
    for (const Column& column : list.columns) add_values(column, id, cell(list, column, values[i]), row);
    batch.add_row(params_of(row));
  }
}

Status Rows::put_lists(const ListTable& list, const sql::Batch& batch) const {
  if (batch.empty()) return {};
  std::string names = "of_id, position";
  for (const Column& column : list.columns) add_names(column, "", names);
  return session_.run_each(
      fmt::format("insert into {} ({}) values ({})", list.name, names, marks(batch.width())), batch);
}

Status Rows::put_list(const ListTable& list, const std::string& id, const Json& values) const {
  sql::Batch batch;
  add_list(list, id, values, batch);
  return put_lists(list, batch);
}

Status Rows::replace(const Stored& before, const Stored& after) const {
  std::string set = "number = ?, state = ?, version = ?, changed_ms = ?, changed_by = ?, deleted_ms = ?";
  std::vector<Value> values{text_or_null(after.number),
                            text_or_null(after.state),
                            after.version,
                            after.changed_ms,
                            after.changed_by,
                            after.deleted ? Value(after.changed_ms) : Value()};
  for (const Column& each : layout_.columns) {
    const Json value = after.fields.value(each.field->name, Json());
    if (value == before.fields.value(each.field->name, Json())) continue;
    set += fmt::format(", {} = ?", each.name);
    if (!each.digest.empty()) set += fmt::format(", {} = ?", each.digest);
    add_values(each, after.id, value, values);
  }
  const bool reworded = std::any_of(layout_.searched.begin(), layout_.searched.end(), [&](const Field* each) {
    return field_of(before, each->name) != field_of(after, each->name);
  });
  sql::Batch same;
  same.add(before.id, before.version);
  if (reworded) {
    TRY(index_words(session_, layout_, false, "id = ? and version = ?", same));
    set += ", words = " + words_place();
    values.emplace_back(words_of(layout_, after, session_.dialect()));
  }
  values.emplace_back(after.id);
  values.emplace_back(before.version);
  sql::Query update(
      fmt::format("update {} set {} where id = ? and version = ? returning id", layout_.table, set), values);
  ASSIGN(const auto changed, session_.rows(update));
  if (changed.empty()) return fail(Code::conflict, "record.stale", "{}", after.id);
  sql::Batch id;
  id.add(after.id);
  if (reworded) TRY(index_words(session_, layout_, true, "id = ?", id));
  for (const ListTable& list : layout_.lists) {
    const Json now = after.fields.value(list.field->name, Json::array());
    if (now == before.fields.value(list.field->name, Json::array())) continue;
    TRY(session_.run(fmt::format("delete from {} where of_id = ?", list.name), after.id));
    TRY(put_list(list, after.id, now));
  }
  return {};
}

Status Rows::put(const std::string& id, const Field& field, const Json& value, bool keep) const {
  const ListTable* list = layout_.list(field.name);
  if (list && !keep) {
    TRY(session_.run(fmt::format("delete from {} where of_id = ?", list->name), id));
    return put_list(*list, id, value);
  }
  const size_t count = list ? value.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    std::string set;
    std::vector<Value> values;
    const auto one = [&](const Column& column, const Json& now) {
      set += fmt::format("{}{} = ?", set.empty() ? "" : ", ", column.name);
      if (!column.digest.empty()) set += fmt::format(", {} = ?", column.digest);
      add_values(column, id, now, values);
    };
    if (list) {
      for (const Column& column : list->columns)
        if (!value[i].is_object() || value[i].contains(column.field->name))
          one(column, cell(*list, column, value[i]));
    } else {
      one(*layout_.column(field.name), value);
    }
    if (set.empty()) continue;
    values.emplace_back(id);
    if (list) values.emplace_back(int64_t(i));
    sql::Batch batch;
    batch.add_row(params_of(values));
    TRY(session_.run_each(fmt::format("update {} set {} where {}", list ? list->name : layout_.table, set,
                                      list ? "of_id = ? and position = ?" : "id = ?"),
                          batch));
  }
  return {};
}

std::string Rows::words_place() const {
  return session_.dialect() == sql::Dialect::sqlite ? "?" : "cast(? as tsvector)";
}

Status Rows::put_words(std::span<const Stored> records) const {
  sql::Batch batch;
  for (const Stored& each : records) batch.add(words_of(layout_, each, session_.dialect()), each.id);
  if (batch.empty()) return {};
  return session_.run_each(fmt::format("update {} set words = {} where id = ?", layout_.table, words_place()),
                           batch);
}

Status Rows::erase(const std::string& id) const {
  for (const ListTable& list : layout_.lists)
    TRY(session_.run(fmt::format("delete from {} where of_id = ?", list.name), id));
  sql::Batch ids;
  ids.add(id);
  TRY(index_words(session_, layout_, false, "id = ?", ids));
  TRY(session_.run(fmt::format("delete from {} where id = ?", layout_.table), id));
  return {};
}

Result<bool> Rows::has_twin(const Stored& record, std::span<const std::string> fields) const {
  sql::Query query(fmt::format("select t.id from {} t", layout_.table));
  query.where("t.id <> ?", record.id).where("t.deleted_ms is null");
  for (const std::string& name : fields) {
    const Column* column = layout_.column(name);
    const Json value = record.fields.value(name, Json());
    if (!column || value.is_null()) return false;
    if (column->storage == Storage::sealed && column->digest.empty()) return false;
    std::vector<Value> values;
    add_values(*column, record.id, value, values);
    query.where_values(fmt::format("t.{} = ?", column->digest.empty() ? column->name : column->digest),
                       std::span(&values.back(), 1));
  }
  query.keys({"t.id"});
  ASSIGN(const auto page, session_.page(query, "", 1));
  return !page.rows.empty();
}

}  // namespace chengxin::record
