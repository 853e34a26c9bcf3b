#include <algorithm>

#include "record/commitment.h"
#include "record/work.h"

// How records come to be, change, move and go.
namespace chengxin::record {
namespace {

using pack::Field;
using pack::Type;

constexpr int kMostCascades = 16;

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// A constant of the pack as it would be handed in.
Json constant(const Field& field, const std::string& text) {
  if (field.type == Type::flag) return text == "true";
  if (field.type == Type::whole) return pack::parse_decimal(text).value_or(pack::Decimal{}).scaled;
  return text;
}

// What a part of the rule for numbers stands for; serial stays.
std::string part_of_number(std::string_view part, const std::string& today, const std::string& region) {
  const std::string name(part.substr(0, part.find(':')));
  if (name == "year") return today.substr(0, 4);
  if (name == "month") return today.substr(5, 2);
  if (name == "day") return today.substr(8, 2);
  if (name != "region") return fmt::format("{{{}}}", part);
  const size_t width = part.size() > name.size() ? size_t(part.back() - '0') : 6;
  return (region + std::string(12, '0')).substr(0, width);
}

// Whether rows come back with what was masked in them, or without it: which value belongs to which is not
// known.
bool hides_cells(const Model& model, const Field& table, const Json& former, const Json& given) {
  if (table.type != Type::table || !former.is_array() || !given.is_array()) return false;
  for (const Field& column : table.columns) {
    if (!model.sensitive.contains(&column)) continue;
    std::set<std::string> shown;  // of what is there
    for (const Json& row : former)
      if (const Json cell = row.value(column.name, Json()); !cell.is_null())
        shown.insert(masked(cell).dump());
    if (shown.empty()) continue;
    for (const Json& row : given) {
      const Json cell = row.is_object() ? row.value(column.name, Json()) : Json();
      if (cell.is_null() || shown.contains(cell.dump())) return true;
    }
  }
  return false;
}

}  // namespace

bool Work::may_write(const Views& views, std::string_view field) const {
  return std::any_of(views.begin(), views.end(), [&](const RoleAccess* each) {
    return each->shows(field) && !each->fixed.contains(field);
  });
}

// Of what was written: nobody makes records in the name of others, nor hands his own over to them.
Status Work::check_in_sight(const Model& model, const std::string& id, const Views& views) {
  const bool sees_all = std::any_of(views.begin(), views.end(), [](const RoleAccess* each) {
    return each->read && std::holds_alternative<All>(*each->read);
  });
  if (sees_all) return {};
  const auto found = seen(model, id, Verb::read);
  const auto same = [&](const RoleAccess* each) {
    return std::find(views.begin(), views.end(), each) != views.end();
  };
  if (found && std::any_of(found->views.begin(), found->views.end(), same)) return {};
  return fail(Code::forbidden, "record.out_of_sight", "{}", model.name());
}

// Puts what was given into a record.
Status Work::take(const Model& model, const Json& fields, const Views& views, Stored& record) {
  if (!fields.is_object()) {
    wrong("", "record.type", "an object");
    return invalid();
  }
  const Form form = this->form(model);
  for (const auto& [name, given] : fields.items()) {
    const Field* field = model.entity->find(name);
    if (!field) {
      wrong(name, "record.field_unknown", name);
    } else if (field->computed) {
      wrong(name, "record.field_computed", name);
    } else if (!may_write(views, name)) {
      wrong(name, "record.field_fixed", name);
    } else if (model.sensitive.contains(field) && !record.fields.value(name, Json()).is_null() &&
               given == masked(record.fields[name])) {
      continue;  // as it was shown: nobody wrote anything there
    } else if (hides_cells(model, *field, record.fields.value(name, Json()), given)) {
      wrong(name, "record.masked", name);
    } else if (auto value = form.value(*field, given, name, wrongs_)) {
      record.fields[name] = std::move(*value);
    }
  }
  return wrongs_.empty() ? Status() : Status(invalid());
}

// What nobody gave and the pack has a value for.
Status Work::complete(const Model& model, Stored& record) {
  const Form form = this->form(model);
  const auto fill = [&](const std::vector<Field>& fields, const FieldRules& rules, Json& into,
                        const Json* row, const Field* table) -> Status {
    for (const Field& field : fields) {
      const pack::Node* initial = field.node->find("default");
      Json& held = into[field.name];
      if (held.is_null() && (field.many || field.type == Type::table)) held = Json::array();
      if (!initial || !held.is_null()) continue;
      Json value;
      if (const auto rule = rules.initial.find(&field); rule != rules.initial.end()) {
        ASSIGN(value, worth(model, record, row, table, rule->second));
      } else {
        value = constant(field, initial->text);
      }
      if (auto made = form.value(field, value, field.name, wrongs_)) held = std::move(*made);
    }
    return {};
  };
  TRY(fill(model.entity->fields, model.rules, record.fields, nullptr, nullptr));
  for (const auto& [table, rules] : model.table_rules)
    for (Json& row : record.fields[table->name]) {
      const Json before = row;
      TRY(fill(table->columns, rules, row, &before, table));
    }
  return wrongs_.empty() ? Status() : Status(invalid());
}

Result<std::string> Work::next_number(const Model& model) {
  if (model.number.empty()) return std::string();
  std::string made;
  for (std::string_view rest = model.number; !rest.empty();) {
    const size_t open = rest.find('{'), close = rest.find('}');
    made += rest.substr(0, open);
    if (open == rest.npos) break;
    made += part_of_number(rest.substr(open + 1, close - open - 1), today_, person_.region);
    rest.remove_prefix(close + 1);
  }
  const size_t open = made.find('{'), close = made.find('}');
  const std::string before = made.substr(0, open);
  ASSIGN(
      const auto counted,
      session_.rows("insert into record_number (entity, prefix, last) values (?, ?, 1) "
                    "on conflict (entity, prefix) do update set last = record_number.last + 1 returning last",
                    model.name(), before));
  const std::string part = made.substr(open + 1, close - open - 1);
  const size_t colon = part.find(':');
  const int width = colon == part.npos ? 1 : int(pack::parse_decimal(part.substr(colon + 1))->scaled);
  return fmt::format("{}{:0{}}{}", before, counted.front().integer(0), width, made.substr(close + 1));
}

// A version of the record for its history; what is sensitive stays sealed there.
Status Work::note(const Model& model, const Stored& record, std::string_view action) {
  TRY(
      session_.run("insert into record_version (entity, record, version, at_ms, by_whom, action, content) "
                   "values (?, ?, ?, ?, ?, ?, ?)",
                   model.name(), record.id, record.version, record.changed_ms, record.changed_by, action,
                   kept_content(*model.entity, means_.vault, record).dump()));
  return model.chain.empty() ? Status() : commit(model, record, action);
}

// In the transaction of the version itself: either both are there, or neither.
Status Work::commit(const Model& model, const Stored& record, std::string_view action) {
  const Facts facts{model.name(),        record.id,      record.number, record.state,
                    std::string(action), record.version, record.fields};
  const Commitment made = Commitment::make(facts, model.committed);
  TRY(session_.run(
      "insert into record_anchor (entity, record, version, noted_ms, chain, root, salts, state, evidence, "
      "refusal) values (?, ?, ?, ?, ?, ?, ?, 0, '', '')",
      facts.entity, facts.id, facts.version, record.changed_ms, model.chain, made.root(),
      made.seal(means_.vault, facts)));
  return {};
}

Status Work::save(const Model& model, const Stored& before, Stored& after, std::string_view action) {
  after.version = before.version + 1;
  after.changed_ms = means_.now_ms;
  after.changed_by = person_.id;
  TRY(rows(model).replace(before, after));
  return note(model, after, action);
}

Result<Json> Work::create(std::string_view entity, const Json& given) {
  ASSIGN(const Model* model, this->model(entity));
  Views views;
  for (const RoleAccess& each : model->access)
    if (each.create &&
        std::find(person_.roles.begin(), person_.roles.end(), each.role) != person_.roles.end())
      views.push_back(&each);
  if (views.empty()) return fail(Code::forbidden, "record.not_allowed", "{}", entity);
  Stored record;
  record.id = given.contains("id") ? given.value("id", "") : means_.make_id();
  if (!is_id(record.id)) return fail(Code::invalid_argument, "record.id", "A-Z a-z 0-9 - _ .");
  record.created_ms = record.changed_ms = means_.now_ms;
  record.created_by = record.changed_by = person_.id;
  if (!model->states.empty()) record.state = model->states.front().name;
  TRY(take(*model, given.value("fields", Json::object()), views, record));
  TRY(complete(*model, record));
  TRY(compute(*model, record));
  TRY(judge(*model, nullptr, record));
  if (given.contains("id")) {
    // Nor that of one that was erased: its versions and what the chain has of them are told apart by it.
    ASSIGN(const auto there,
           session_.row("select 1 from record_version where entity = ? and record = ? limit 1", entity,
                        record.id));
    if (there) return fail(Code::conflict, "record.id_taken", "{} {}", entity, record.id);
  }
  ASSIGN(record.number, next_number(*model));
  TRY(rows(*model).insert(record));
  TRY(check_in_sight(*model, record.id, views));
  TRY(note(*model, record, "created"));
  return shown(*model, record, views);
}

Result<Json> Work::change(std::string_view entity, const std::string& id, const Json& fields,
                          int64_t version) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::change));
  if (found.record.version != version)
    return fail(Code::conflict, "record.stale", "{} {}: {}", entity, id, found.record.version);
  Stored after = found.record;
  TRY(take(*model, fields, found.views, after));
  for (const auto& [table, rules] : model->table_rules) {
    if (!fields.contains(table->name)) continue;
    TRY(complete(*model, after));
    break;
  }
  TRY(compute(*model, after));
  TRY(judge(*model, &found.record, after));
  TRY(save(*model, found.record, after, "changed"));
  TRY(check_in_sight(*model, id, found.views));
  return shown(*model, after, found.views);
}

Result<Json> Work::move(std::string_view entity, const std::string& id, const std::string& state,
                        int64_t version) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::read));
  const Stored& before = found.record;
  if (before.version != version)
    return fail(Code::conflict, "record.stale", "{} {}: {}", entity, id, before.version);
  if (!model->state(state)) return fail(Code::invalid_argument, "record.state_unknown", "{}", state);
  const StateModel* from = model->state(before.state);
  if (!from || std::find(from->to.begin(), from->to.end(), state) == from->to.end())
    return fail(Code::conflict, "record.state_order", "{} > {}", before.state, state);
  // By a role through which he sees this record.
  const bool allowed = std::any_of(found.views.begin(), found.views.end(), [&](const RoleAccess* each) {
    return std::find(from->by.begin(), from->by.end(), each->role) != from->by.end();
  });
  if (!allowed) return fail(Code::forbidden, "record.state_by", "{} > {}", before.state, state);
  if (from->when) {
    ASSIGN(const bool ready, holds(*model, before, *from->when));
    if (!ready) return fail(Code::conflict, "record.state_when", "{} > {}", before.state, state);
  }
  Stored after = before;
  after.state = state;
  TRY(compute(*model, after));
  TRY(judge(*model, &before, after));
  TRY(save(*model, before, after, "moved"));
  return shown(*model, after, found.views);
}

Status Work::set_state(const Model& model, const std::string& id, const std::string& state) {
  ASSIGN(const Stored before, find(model, id));
  if (before.state == state) return {};
  Stored after = before;
  after.state = state;
  TRY(compute(model, after));
  return save(model, before, after, "moved");
}

Result<Stored> Work::find(const Model& model, const std::string& id) {
  ASSIGN(auto record, rows(model).load(id));
  if (!record || record->deleted) return fail(Code::not_found, "record.not_found", "{} {}", model.name(), id);
  return std::move(*record);
}

Status Work::remove(std::string_view entity, const std::string& id, int64_t version) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::remove));
  if (model->on_delete == Model::Delete::never)
    return fail(Code::forbidden, "record.never_deleted", "{}", entity);
  if (found.record.version != version)
    return fail(Code::conflict, "record.stale", "{} {}: {}", entity, id, found.record.version);
  return remove_stored(*model, found.record, 0);
}

Status Work::remove_stored(const Model& model, const Stored& record, int depth) {
  if (depth > kMostCascades) return fail(Code::conflict, "record.referenced", "{}", model.name());
  TRY(take_away(model, record));
  // It is gone already, so that records that name one another end somewhere.
  for (const Referrer& each : model.referrers) TRY(release(record, each, depth));
  return {};
}

Status Work::take_away(const Model& model, const Stored& record) {
  Stored after = record;
  after.deleted = true;
  if (model.on_delete != Model::Delete::erase) return save(model, record, after, "deleted");
  // What is left says that there was one, and who erased it.
  TRY(rows(model).erase(record.id));
  TRY(session_.run("delete from record_version where entity = ? and record = ?", model.name(), record.id));
  TRY(session_.run("update record_anchor set salts = null where entity = ? and record = ?", model.name(),
                   record.id));
  Stored gone;
  gone.id = record.id;
  gone.version = record.version + 1;
  gone.changed_ms = means_.now_ms;
  gone.changed_by = person_.id;
  return note(model, gone, "deleted");
}

// Records that name one which is to go.
Status Work::release(const Stored& record, const Referrer& referrer, int depth) {
  ASSIGN(const Model* other, this->model(referrer.entity));
  const std::string& top = referrer.table ? referrer.table->name : referrer.field->name;
  const pack::ListTable* list = other->layout.list(top);
  const std::vector<pack::Column>& columns = list ? list->columns : other->layout.columns;
  const auto column = std::find_if(columns.begin(), columns.end(),
                                   [&](const pack::Column& each) { return each.field == referrer.field; });
  if (column == columns.end() || column->storage == pack::Storage::sealed) return {};
  const std::string named =
      list ? fmt::format("t.id in (select of_id from {} where {} = ?)", list->name, column->name)
           : fmt::format("t.{} = ?", column->name);
  // One is enough to refuse; it is not the record itself, which is gone.
  const bool refuses = referrer.on_delete == Referrer::OnDelete::refuse;
  ASSIGN(const auto naming,
         session_.rows(fmt::format("select t.id from {} t where t.deleted_ms is null and {}{}",
                                   other->layout.table, named, refuses ? " limit 1" : ""),
                       record.id));
  for (const sql::Row& row : naming) {
    if (refuses) return fail(Code::conflict, "record.referenced", "{}", referrer.entity);
    ASSIGN(const auto there, rows(*other).load(row.text(0)));
    if (!there || there->deleted) continue;  // on another way meanwhile
    const Stored& before = *there;
    if (referrer.on_delete == Referrer::OnDelete::remove) {
      TRY(remove_stored(*other, before, depth + 1));
      continue;
    }
    Stored after = before;
    const auto clear = [&](Json& held) {
      Json& value = held[referrer.field->name];
      if (value.is_array())
        value.erase(std::remove(value.begin(), value.end(), Json(record.id)), value.end());
      else if (value == record.id)
        value = nullptr;
    };
    if (referrer.table)
      for (Json& each : after.fields[top]) clear(each);
    else
      clear(after.fields);
    TRY(compute(*other, after));
    TRY(save(*other, before, after, "cleared"));
  }
  return {};
}

Result<std::vector<Version>> Work::history(std::string_view entity, const std::string& id) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::read));
  ASSIGN(const auto rows,
         session_.rows("select version, at_ms, by_whom, action, content from (select version, "
                       "at_ms, by_whom, action, content from record_version where entity = ? "
                       "and record = ? order by version desc limit 1000) t order by version",
                       entity, id));
  std::vector<Version> out;
  for (const sql::Row& row : rows) {
    Facts facts{std::string(entity), id, {}, {}, row.text(3), row.integer(0), Json::object()};
    std::string fault;
    TRY(open_content(means_.vault, row.text(4), facts, fault));
    Stored record = found.record;
    record.version = facts.version;
    record.changed_ms = row.integer(1);
    record.changed_by = row.text(2);
    record.number = facts.number;
    record.state = facts.state;
    record.fields = std::move(facts.fields);
    out.push_back({record.version, record.changed_ms, record.changed_by, row.text(3),
                   shown(*model, record, found.views)});
  }
  return out;
}

Status migrate(sql::Database& database) {
  static constexpr sql::Migration kMigrations[] = {{1, R"(
create table record_epoch (one {int} not null primary key, epoch {int} not null) {strict};
create table record_pack (pack {text} not null primary key, version {text} not null, archive {blob} not null,
  applied_ms {int} not null, applied_by {text} not null, change_id {int} not null) {strict};
create table record_pack_change (id {id}, pack {text} not null, version_before {text} not null,
  version_after {text} not null, action {text} not null, at_ms {int} not null, by_whom {text} not null,
  former {blob}, former_change {int}, plan {text} not null) {strict};
create table record_column (table_name {text} not null, column_name {text} not null, kind {text} not null,
  retired_ms {int}, primary key (table_name, column_name)) {strict};
create table record_index (index_name {text} not null primary key, definition {text} not null) {strict};
create table record_number (entity {text} not null, prefix {text} not null, last {int} not null,
  primary key (entity, prefix)) {strict};
create table record_version (entity {text} not null, record {text} not null, version {int} not null,
  at_ms {int} not null, by_whom {text} not null, action {text} not null, content {text} not null,
  primary key (entity, record, version)) {strict};
create table record_look (id {id}, entity {text} not null, record {text} not null, reader {text} not null,
  purpose {text} not null, fields {text} not null, time_ms {int} not null) {strict};
create index record_look_record on record_look (entity, record, id);
)"},
                                                   {2, R"(
create table record_anchor (number {id}, entity {text} not null, record {text} not null,
  version {int} not null, noted_ms {int} not null, chain {text} not null, root {blob} not null, salts {blob},
  state {int} not null, evidence {text} not null, refusal {text} not null) {strict};
create unique index record_anchor_version on record_anchor (entity, record, version);
create index record_anchor_root on record_anchor (root);
create index record_anchor_pending on record_anchor (chain, number) where state = 0;
create index record_anchor_handed_in on record_anchor (number) where state = 1;
)"}};
  return database.migrate("record", kMigrations);
}

}  // namespace chengxin::record
