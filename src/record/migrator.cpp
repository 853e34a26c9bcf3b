#include "record/migrator.h"

#include <algorithm>

#include "crypto/sm3.h"
#include "record/words.h"

namespace chengxin::record {
namespace {

using pack::Column;
using pack::Field;
using pack::ListTable;
using pack::Node;
using pack::Storage;
using pack::Type;

constexpr size_t kBatch = 200, kExamples = 5;

std::string_view sql_type(Storage storage) {
  return storage == Storage::integer ? "{int}" : storage == Storage::sealed ? "{blob}" : "{text}";
}

std::vector<std::string> column_names(const pack::Layout& layout, const Field& field) {
  std::vector<std::string> out;
  const ListTable* list = layout.list(field.name);
  const auto add = [&](const Column& column) {
    out.push_back((list ? list->name : layout.table) + "." + column.name);
    if (!column.digest.empty()) out.push_back((list ? list->name : layout.table) + "." + column.digest);
  };
  if (list)
    for (const Column& each : list->columns) add(each);
  else
    add(*layout.column(field.name));
  return out;
}

std::string rule_text(const Field& field) {
  const Node* value = field.node->find("value");
  std::string out = value ? value->text : "";
  for (const Field& column : field.columns) out += "\n" + rule_text(column);
  return out;
}

void collect_codes(const Node* codes, std::vector<sql::Value>& out) {
  if (!codes) return;
  for (const pack::Member& each : codes->members) {
    out.emplace_back(each.name);
    collect_codes(each.value.find("codes"), out);
  }
}

std::string marks(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ", ?";
  return out;
}

void add_example(Step& step, const std::string& id) {
  if (step.examples.size() < kExamples) step.examples.push_back(id);
}

bool may_be_long(const Field& field) {
  if (field.type == Type::json || field.type == Type::geometry || field.type == Type::attachment) return true;
  const Node* longest = field.node->find("longest");
  const auto most = longest ? pack::parse_decimal(longest->text) : std::nullopt;
  return field.type == Type::text && (most ? most->scaled > 600 : field.option == "long");
}

Status define_table(sql::Session& session, const std::string& table) {
  const bool sqlite = session.dialect() == sql::Dialect::sqlite;
  return session.define(fmt::format(
      "create table {} ({}, number {{text}}, state {{text}}, words {}, version {{int}} not null, "
      "created_ms {{int}} not null, created_by {{text}} not null, changed_ms {{int}} not null, "
      "changed_by {{text}} not null, deleted_ms {{int}}) {{strict}}",
      table, sqlite ? "row integer primary key, id text not null unique" : "id {text} not null primary key",
      sqlite ? "text" : "tsvector"));
}

Status define_list(sql::Session& session, const std::string& table) {
  return session.define(
      fmt::format("create table {} (of_id {{text}} not null, position {{int}} not null, "
                  "primary key (of_id, position)) {{strict}}",
                  table));
}

// What has to be there to find records quickly, as "[unique ]index TABLE (…) [where …]".
void add_indexes(const Model& model, std::set<std::string>& out) {
  const pack::Layout& layout = model.layout;
  const auto index = [&](const std::string& table, const std::string& columns) {
    out.insert(fmt::format("index {} ({})", table, columns));
  };
  const auto own = [&](const std::vector<std::string>& fields) {
    std::string names, present = "deleted_ms is null";
    for (const std::string& name : fields) {
      const Column* column = layout.column(name);
      if (!column || (column->storage == Storage::sealed && column->digest.empty())) return;
      const std::string& of = column->digest.empty() ? column->name : column->digest;
      names += (names.empty() ? "" : ", ") + of;
    }
    out.insert(fmt::format("unique index {} ({}) where {}", layout.table, names, present));
  };
  index(layout.table, "created_ms, id");
  if (!model.number.empty()) out.insert(fmt::format("unique index {} (number)", layout.table));
  if (!model.states.empty()) index(layout.table, "state, created_ms, id");
  for (const Column& each : layout.columns) {
    if (!each.digest.empty()) index(layout.table, each.digest);
    if (each.field->type == Type::ref && each.storage != Storage::sealed)
      index(layout.table, each.name + ", id");
    if (const Node* unique = each.field->node->find("unique"); unique && unique->text == "true")
      own({each.field->name});
  }
  for (const ListTable& list : layout.lists)
    for (const Column& each : list.columns)
      if (each.field->type == Type::ref && each.storage != Storage::sealed)
        index(list.name, each.name + ", of_id");
  if (const Node* keys = model.entity->node().find("unique"))
    for (const Node& key : keys->items) {
      std::vector<std::string> fields;
      for (const Node& name : key.items) fields.push_back(name.text);
      own(fields);
    }
  for (const pack::Part& view : model.pack->views) {
    const Node& root = view.source->root;
    const Node* of = root.find("list");
    if (!of || of->text != model.name()) continue;
    // PostgreSQL takes no values above 2,700 bytes into an index.
    const auto plain = [&](const std::string& name) {
      const Column* column = layout.column(name);
      const bool is_long = column && column->storage == Storage::text && may_be_long(*column->field);
      return column && column->storage != Storage::sealed && !is_long ? column : nullptr;
    };
    const Node* newest = root.find("newest");
    const Column* order = newest ? plain(newest->text) : nullptr;
    const std::string key = order ? sort_key(*order, "") : "created_ms";
    if (order) index(layout.table, key + ", id");
    if (const Node* filters = root.find("filters"))
      for (const Node& each : filters->items)
        if (const Column* column = plain(each.text)) {
          index(layout.table, sort_key(*column, "") + ", id");
          if (column != order) index(layout.table, fmt::format("{}, {}, id", column->name, key));
        }
  }
}

}  // namespace

Status define_tables(sql::Session& session) {
  ASSIGN(const auto rows,
         session.rows("select table_name, column_name, kind from record_column order by table_name, "
                      "case when kind in ('table', 'list') then 0 else 1 end, column_name"));
  for (const sql::Row& row : rows) {
    if (row.text(2) == "table")
      TRY(define_table(session, row.text(0)));
    else if (row.text(2) == "list")
      TRY(define_list(session, row.text(0)));
    else
      TRY(session.define(
          fmt::format("alter table {} add column {} {}", row.text(0), row.text(1), row.text(2))));
  }
  return {};
}

Json to_json(const Step& step) {
  Json out = {{"kind", step.kind}, {"object", step.object}, {"rows", step.rows}, {"loss", step.loss}};
  if (!step.member.empty()) out["member"] = step.member;
  if (!step.reason.empty()) out["reason"] = step.reason;
  if (!step.examples.empty()) out["examples"] = step.examples;
  return out;
}

Step& Migrator::step(std::string kind, const std::string& object, const std::string& member) {
  return steps_.emplace_back(Step{std::move(kind), object, member, 0, false, {}, {}});
}

const Model* Migrator::former(const std::string& entity) const {
  if (!before_) return nullptr;
  const auto found = before_->models().find(entity);
  return found == before_->models().end() ? nullptr : &found->second;
}

Result<int64_t> Migrator::count(const std::string& table, const std::string& where) {
  ASSIGN(const auto row, session_.row(fmt::format("select count(*) from {}{}{}", table,
                                                  where.empty() ? "" : " where ", where)));
  return row->integer(0);
}

Status Migrator::read_columns() {
  ASSIGN(const auto rows, session_.rows("select table_name, column_name, retired_ms from record_column"));
  for (const sql::Row& row : rows) columns_[{row.text(0), row.text(1)}] = !row.is_null(2);
  return {};
}

Status Migrator::run() {
  TRY(read_columns());
  for (const auto& [name, model] : after_.models()) TRY(create(model));
  for (const auto& [name, model] : after_.models()) TRY(entity(model));
  if (before_)
    for (const auto& [name, model] : before_->models())
      if (!after_.models().contains(name)) TRY(drop_entity(model));
  TRY(all_words());
  return indexes();
}

// Columns that are not there are made, those that were retired come back.
Status Migrator::ensure(const std::string& table, const std::vector<Column>& columns, bool& returned) {
  const auto one = [&](const std::string& name, std::string_view type) -> Status {
    const auto found = columns_.find({table, name});
    if (found == columns_.end()) {
      TRY(session_.define(fmt::format("alter table {} add column {} {}", table, name, type)));
      TRY(session_.run("insert into record_column (table_name, column_name, kind) values (?, ?, ?)", table,
                       name, type));
      columns_[{table, name}] = false;
    } else if (found->second) {
      TRY(session_.run("update record_column set retired_ms = null where table_name = ? and column_name = ?",
                       table, name));
      found->second = false;
      returned = true;
    }
    return {};
  };
  for (const Column& each : columns) {
    TRY(one(each.name, sql_type(each.storage)));
    if (!each.digest.empty()) TRY(one(each.digest, "{blob}"));
  }
  return {};
}

// Tables and columns of an entity, before records are brought into them.
Status Migrator::create(const Model& now) {
  const pack::Layout& layout = now.layout;
  const Model* before = former(now.name());
  const bool there = columns_.contains({layout.table, "id"});
  const bool same =
      std::all_of(now.entity->fields.begin(), now.entity->fields.end(), [&](const Field& field) {
        const auto names = column_names(layout, field);
        return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
          return columns_.contains({name.substr(0, name.find('.')), name.substr(name.find('.') + 1)});
        });
      });
  bool returned = false;
  if (!there) {
    TRY(define_table(session_, layout.table));
    TRY(session_.run("insert into record_column (table_name, column_name, kind) values (?, 'id', 'table')",
                     layout.table));
    columns_[{layout.table, "id"}] = false;
  }
  for (const ListTable& list : layout.lists) {
    if (!columns_.contains({list.name, "of_id"})) {
      TRY(define_list(session_, list.name));
      TRY(session_.run(
          "insert into record_column (table_name, column_name, kind) values (?, 'of_id', 'list')",
          list.name));
      columns_[{list.name, "of_id"}] = false;
    }
    TRY(ensure(list.name, list.columns, returned));
  }
  TRY(ensure(layout.table, layout.columns, returned));
  if (!before) {
    ASSIGN(const int64_t rows, there ? count(layout.table) : Result<int64_t>(0));
    Step& done = step(there ? "return" : "create", now.name(), "");
    done.rows = rows;
    // What they were when they went is not known any more: they come back as they are, and change then.
    if (rows > 0 && !same) done.reason = "record.returns_changed";
  }
  return {};
}

Status Migrator::entity(const Model& now) {
  const Model* before = former(now.name());
  if (before) {
    for (const Field& each : now.entity->fields) TRY(field(*before, now, each));
    for (const Field& each : before->entity->fields)
      if (!now.entity->find(each.name)) TRY(drop(*before, each));
    TRY(computed(*before, now));
  }
  TRY(states(now));
  TRY(required(before, now));
  TRY(codes(now));
  return unique(now);
}

Status Migrator::field(const Model& before, const Model& now, const Field& field) {
  const Field* from = before.entity->find(field.name);
  if (!from) {
    ASSIGN(const int64_t rows, count(now.layout.table));
    step("add", now.name(), field.name).rows = rows;
    return {};
  }
  const auto former_columns = column_names(before.layout, *from), columns = column_names(now.layout, field);
  if (former_columns == columns) return {};
  return convert(before, now, *from, field);
}

Status Migrator::each_record(const Model& model,
                             const std::function<Status(std::span<const std::string>)>& visit) {
  const Rows rows(model.layout, means_.vault, session_);
  for (std::string last;;) {
    ASSIGN(const auto ids, rows.ids_after(last, kBatch));
    if (ids.empty()) return {};
    TRY(visit(ids));
    last = ids.back();
  }
}

// Each value in its new form. One that does not fit is lost there, which has to be said.
Status Migrator::convert(const Model& before, const Model& now, const Field& from, const Field& to) {
  Step done{"convert", now.name(), to.name, 0, false, {}, {}};
  TRY(each_record(before, [&](std::span<const std::string> ids) {
    return convert_batch(before, now, from, to, ids, done);
  }));
  if (from.type == Type::table && to.type == Type::table)
    for (const Field& column : from.columns) {
      const auto same = [&](const Field& each) { return each.name == column.name; };
      if (std::any_of(to.columns.begin(), to.columns.end(), same) || column.computed) continue;
      const ListTable* list = before.layout.list(from.name);
      if (!list) continue;
      for (const Column& each : list->columns)
        if (each.field->name == column.name) {
          ASSIGN(const int64_t rows, count(list->name, each.name + " is not null"));
          Step& gone = step("drop", now.name(), to.name + "." + column.name);
          gone.rows = rows;
          gone.loss = rows > 0;
        }
    }
  const auto former_columns = column_names(before.layout, from), columns = column_names(now.layout, to);
  for (const std::string& each : former_columns) {
    if (std::find(columns.begin(), columns.end(), each) != columns.end()) continue;
    const size_t dot = each.find('.');
    TRY(retire(each.substr(0, dot), each.substr(dot + 1)));
  }
  steps_.push_back(std::move(done));
  return {};
}

Status Migrator::convert_batch(const Model& before, const Model& now, const Field& from, const Field& to,
                               std::span<const std::string> ids, Step& into) {
  const Rows source(before.layout, means_.vault, session_), target(now.layout, means_.vault, session_);
  const Form form(*now.scope, now.patterns, "");
  ASSIGN(const auto records, source.load(ids));
  const ListTable *former = before.layout.list(from.name), *list = now.layout.list(to.name);
  const bool keep = former && list && former->name == list->name;
  for (const Stored& record : records) {
    const Json value = record.fields.value(from.name, Json());
    const bool empty = value.is_null() || (value.is_array() && value.empty());
    Wrongs wrongs;
    const auto adapted = record::adapted(from, value, to);
    auto made = adapted ? form.value(to, *adapted, to.name, wrongs) : std::nullopt;
    if (!made) {
      into.loss = true;
      add_example(into, record.id);
      made = to.many || to.type == Type::table ? Json::array() : Json();
    }
    const bool stay = keep && made->size() == value.size();
    if (stay && to.type == Type::table)
      for (size_t i = 0; i < made->size(); ++i)
        for (const Field& column : to.columns)
          if (!adapted->at(i).contains(column.name)) made->at(i).erase(column.name);  // it has what it had
    if (!empty) ++into.rows;
    TRY(target.put(record.id, to, *made, stay));
  }
  return {};
}

Status Migrator::retire(const std::string& table, const std::string& column) {
  columns_[{table, column}] = true;
  TRY(session_.run("update record_column set retired_ms = ? where table_name = ? and column_name = ?",
                   means_.now_ms, table, column));
  return {};
}

Status Migrator::drop(const Model& before, const Field& field) {
  const ListTable* list = before.layout.list(field.name);
  ASSIGN(const int64_t rows,
         list ? count(list->name)
              : count(before.layout.table, before.layout.column(field.name)->name + " is not null"));
  Step& gone = step("drop", before.name(), field.name);
  gone.rows = rows;
  gone.loss = rows > 0 && !field.computed;
  for (const std::string& each : column_names(before.layout, field)) {
    const size_t dot = each.find('.');
    TRY(retire(each.substr(0, dot), each.substr(dot + 1)));
  }
  return {};
}

Status Migrator::drop_entity(const Model& before) {
  ASSIGN(const int64_t rows, count(before.layout.table, "deleted_ms is null"));
  Step& gone = step("drop", before.name(), "");
  gone.rows = rows;
  gone.loss = rows > 0;
  return {};
}

// Records get a state when their entity has states now; none may be in one that is gone.
Status Migrator::states(const Model& now) {
  const std::string& table = now.layout.table;
  if (now.states.empty()) return {};
  ASSIGN(const int64_t filled, session_.run(fmt::format("update {} set state = ? where state is null", table),
                                            now.states.front().name));
  if (filled > 0) step("fill", now.name(), "state").rows = filled;
  std::vector<sql::Value> known;
  for (const StateModel& each : now.states) known.emplace_back(each.name);
  sql::Query query(
      fmt::format("select state, min(id), count(*) from {} where state not in ({}) and deleted_ms is "
                  "null group by state order by state",
                  table, marks(known.size())),
      known);
  ASSIGN(const auto held, session_.rows(query));
  for (const sql::Row& row : held) {
    Step& found = step("state", now.name(), row.text(0));
    found.rows = row.integer(2);
    found.reason = "record.state_in_use";
    add_example(found, row.text(1));
  }
  return {};
}

Status Migrator::required(const Model* before, const Model& now) {
  const Rows rows(now.layout, means_.vault, session_);
  for (const Field& field : now.entity->fields) {
    const Field* from = before ? before->entity->find(field.name) : nullptr;
    const bool stayed =
        from && from->required && column_names(before->layout, *from) == column_names(now.layout, field);
    if (!field.required || stayed) continue;
    Step filled{"fill", now.name(), field.name, 0, false, {}, {}};
    Step missing{"required", now.name(), field.name, 0, false, "record.required", {}};
    const auto fill = [&](std::span<const std::string> ids) -> Status {
      ASSIGN(auto records, rows.load(ids));
      for (Stored& record : records) {
        Json& held = record.fields[field.name];
        if (!held.is_null() && !(held.is_array() && held.empty())) continue;
        TRY(work_.complete(now, record));
        const Json value = record.fields[field.name];
        if (value.is_null() || (value.is_array() && value.empty())) {
          if (record.deleted) continue;
          ++missing.rows;
          add_example(missing, record.id);
        } else {
          ++filled.rows;
          TRY(rows.put(record.id, field, value, false));
        }
      }
      return {};
    };
    TRY(each_record(now, fill));
    if (filled.rows > 0) steps_.push_back(std::move(filled));
    if (missing.rows > 0) steps_.push_back(std::move(missing));
  }
  return {};
}

// Codes that records hold have to stay: what is no longer used gets an end, it does not go.
Status Migrator::codes(const Model& now) {
  const auto look = [&](const std::string& table, const std::string& id, const Column& column,
                        const std::string& member) -> Status {
    const Field& field = *column.field;
    const bool coded = field.type == Type::dictionary || field.type == Type::tree;
    if (!coded || column.storage == Storage::sealed) return {};
    std::vector<sql::Value> known;
    collect_codes(now.scope->dictionaries.find(field.option)->second->source->root.find("codes"), known);
    known.emplace_back(std::string());  // no code: the list is never empty
    sql::Query query(fmt::format("select {} from {} where {} is not null and {} not in ({}) limit 1000", id,
                                 table, column.name, column.name, marks(known.size())),
                     known);
    ASSIGN(const auto held, session_.rows(query));
    if (held.empty()) return {};
    Step& found = step("code", now.name(), member);
    found.rows = int64_t(held.size());
    found.reason = "record.code_in_use";
    for (const sql::Row& row : held) add_example(found, row.text(0));
    return {};
  };
  if (!former(now.name())) return {};
  for (const Column& each : now.layout.columns) TRY(look(now.layout.table, "id", each, each.field->name));
  for (const ListTable& list : now.layout.lists)
    for (const Column& each : list.columns) TRY(look(list.name, "of_id", each, list.field->name));
  return {};
}

Status Migrator::computed(const Model& before, const Model& now) {
  const auto is_new = [&](const Field& field) {
    const Field* from = before.entity->find(field.name);
    return rule_text(field) != (from ? rule_text(*from) : "") && !rule_text(field).empty();
  };
  std::vector<const Field*> fields;
  for (const Field& each : now.entity->fields)
    if (is_new(each)) fields.push_back(&each);
  if (fields.empty()) return {};
  const Rows rows(now.layout, means_.vault, session_);
  std::map<const Field*, Step> done;
  for (const Field* each : fields) done[each] = {"compute", now.name(), each->name, 0, false, {}, {}};
  const auto compute = [&](std::span<const std::string> ids) -> Status {
    ASSIGN(auto records, rows.load(ids));
    for (Stored& record : records) {
      const Status worked = work_.compute(now, record);
      for (const Field* each : fields) {
        Step& into = done[each];
        if (!worked) {
          into.reason = worked.error().reason;
          add_example(into, record.id);
        }
        ++into.rows;
        if (worked) TRY(rows.put(record.id, *each, record.fields[each->name], each->type == Type::table));
      }
    }
    return {};
  };
  TRY(each_record(now, compute));
  for (const Field* each : fields) steps_.push_back(std::move(done[each]));
  return {};
}

// Two that are the same where they no longer may be.
Status Migrator::unique(const Model& now) {
  if (!former(now.name())) return {};
  const auto look = [&](const std::vector<std::string>& fields) -> Status {
    std::string names;
    for (const std::string& name : fields) {
      const Column* column = now.layout.column(name);
      if (!column || (column->storage == Storage::sealed && column->digest.empty())) return {};
      names += (names.empty() ? "" : ", ") + (column->digest.empty() ? column->name : column->digest);
    }
    std::string present = "deleted_ms is null";
    for (const std::string& name : fields) {
      const Column* column = now.layout.column(name);
      present += fmt::format(" and {} is not null", column->digest.empty() ? column->name : column->digest);
    }
    ASSIGN(const auto twins,
           session_.rows(fmt::format("select min(id) from {} where {} group by {} having count(*) > 1 "
                                     "order by min(id) limit 1000",
                                     now.layout.table, present, names)));
    if (twins.empty()) return {};
    Step& found = step("unique", now.name(), fields.front());
    found.rows = int64_t(twins.size());
    found.reason = "record.not_unique";
    for (const sql::Row& row : twins) add_example(found, row.text(0));
    return {};
  };
  for (const Field& each : now.entity->fields)
    if (const Node* unique = each.node->find("unique"); unique && unique->text == "true")
      TRY(look({each.name}));
  if (const Node* keys = now.entity->node().find("unique"))
    for (const Node& key : keys->items) {
      std::vector<std::string> fields;
      for (const Node& name : key.items) fields.push_back(name.text);
      TRY(look(fields));
    }
  return {};
}

namespace {

// What is searched in which columns, as it stands in record_index.
std::string words_definition(const pack::Layout& layout) {
  std::string out;
  for (const Field* each : layout.searched) out += " " + layout.column(each->name)->name;
  return out.empty() ? "" : fmt::format("words {}:{}", layout.table, out);
}

}  // namespace

// Made anew when other fields are searched than were, or when what they hold was changed here.
Status Migrator::words(const Model& now, const std::string& held) {
  const pack::Layout& layout = now.layout;
  const std::string wanted = words_definition(layout);
  const bool changed = std::any_of(steps_.begin(), steps_.end(), [&](const Step& each) {
    return each.object == now.name() &&
           (each.kind == "convert" || each.kind == "compute" || each.kind == "fill") &&
           std::any_of(layout.searched.begin(), layout.searched.end(),
                       [&](const Field* field) { return field->name == each.member; });
  });
  if (held == wanted && !changed) return {};
  if (!held.empty()) TRY(session_.define(drop_words_index(layout.table, session_.dialect())));
  TRY(session_.run("delete from record_index where index_name = ?", words_index(layout.table)));
  if (wanted.empty()) {
    TRY(session_.run(fmt::format("update {} set words = null", layout.table)));
    return {};
  }
  const Rows rows(layout, means_.vault, session_);
  int64_t filled = 0;
  TRY(each_record(now, [&](std::span<const std::string> ids) -> Status {
    ASSIGN(const auto records, rows.load(ids));
    filled += int64_t(records.size());
    return rows.put_words(records);
  }));
  TRY(session_.define(make_words_index(layout.table, session_.dialect())));
  TRY(session_.run("insert into record_index (index_name, definition) values (?, ?)",
                   words_index(layout.table), wanted));
  if (filled > 0) step("search", now.name(), "").rows = filled;
  return {};
}

Status Migrator::all_words() {
  ASSIGN(const auto rows,
         session_.rows("select index_name, definition from record_index where definition like 'words %'"));
  std::map<std::string, std::string> held;
  for (const sql::Row& row : rows) held[row.text(0)] = row.text(1);
  for (const auto& [name, model] : after_.models()) {
    const auto found = held.find(words_index(model.layout.table));
    TRY(words(model, found == held.end() ? "" : found->second));
    if (found != held.end()) held.erase(found);
  }
  // Of entities that are gone: what they hold is found again when they come back.
  for (const auto& [index, definition] : held) {
    const size_t colon = definition.find(':');
    TRY(session_.define(drop_words_index(definition.substr(6, colon - 6), session_.dialect())));
    TRY(session_.run("delete from record_index where index_name = ?", index));
  }
  return {};
}

Status Migrator::indexes() {
  for (const Step& each : steps_)
    if (!each.reason.empty()) return {};  // it is rolled back, and a unique one could not be made
  std::set<std::string> wanted;
  for (const auto& [name, model] : after_.models()) add_indexes(model, wanted);
  ASSIGN(const auto rows, session_.rows("select index_name, definition from record_index "
                                        "where definition not like 'words %'"));
  for (const sql::Row& row : rows) {
    if (wanted.erase(row.text(1)) > 0) continue;
    TRY(session_.define("drop index " + row.text(0)));
    TRY(session_.run("delete from record_index where index_name = ?", row.text(0)));
  }
  for (const std::string& each : wanted) {
    const std::string name = "i_" + hex(crypto::sm3({view(each)})).substr(0, 24);
    const size_t at = each.find("index ") + 6;
    TRY(session_.define(fmt::format("create {}{} on {}", each.substr(0, at), name, each.substr(at))));
    TRY(session_.run("insert into record_index (index_name, definition) values (?, ?)", name, each));
  }
  return {};
}

}  // namespace chengxin::record
