#include <algorithm>

#include "directory/personal.h"
#include "record/words.h"
#include "record/work.h"

// What may be seen, by whom.
namespace chengxin::record {
namespace {

using pack::Column;
using pack::Field;
using pack::Storage;

constexpr size_t kMostRows = 500;
// Records that have the words, above which a list is walked in its order until a page is full, rather than
// all of them being sorted: SQLite does not estimate how many there are, as PostgreSQL does.
constexpr int64_t kFewFound = 10'000;

bool is_hidden(std::string_view field, std::span<const RoleAccess* const> views) {
  return std::all_of(views.begin(), views.end(),
                     [&](const RoleAccess* each) { return each->hide.contains(field); });
}

bool is_shown(std::string_view field, std::span<const RoleAccess* const> views) {
  return std::any_of(views.begin(), views.end(), [&](const RoleAccess* each) { return each->shows(field); });
}

const pack::Part* view_of(const Model& model, std::string_view name) {
  for (const pack::Part& each : model.pack->views) {
    const pack::Node* list = each.source->root.find("list");
    if (each.name == name && list && list->text == model.name()) return &each;
  }
  return nullptr;
}

std::string text_in(const pack::Node& node, std::string_view member) {
  const pack::Node* found = node.find(member);
  return found ? found->text : std::string();
}

}  // namespace

Json masked(const Json& value) {
  if (value.is_string()) return directory::mask(value.get_ref<const std::string&>());
  return value.is_array() ? Json::array() : Json();
}

// The conditions under which each role of the caller lets him see, change or delete a record.
Result<Work::Access> Work::access(const Model& model, Verb verb) const {
  Access out;
  for (const RoleAccess& each : model.access) {
    if (std::find(person_.roles.begin(), person_.roles.end(), each.role) == person_.roles.end()) continue;
    const auto& filter = verb == Verb::read ? each.read : verb == Verb::change ? each.change : each.remove;
    if (!filter || !each.read) continue;
    ASSIGN(Condition made, condition(model, *filter));
    if (verb != Verb::read) {  // nobody changes what he does not see
      ASSIGN(const Condition sees, condition(model, *each.read));
      made.text = fmt::format("({}) and ({})", made.text, sees.text);
      made.values.insert(made.values.end(), sees.values.begin(), sees.values.end());
    }
    out.roles.push_back(&each);
    out.conditions.push_back(std::move(made));
  }
  if (out.roles.empty()) return fail(Code::forbidden, "record.not_allowed", "{}", model.name());
  return out;
}

Result<Work::Seen> Work::seen(const Model& model, const std::string& id, Verb verb) {
  ASSIGN(const Access access, this->access(model, verb));
  std::string select = "select t.id";
  std::vector<sql::Value> values;
  for (const Condition& each : access.conditions) {
    select += fmt::format(", case when {} then 1 else 0 end", each.text);
    values.insert(values.end(), each.values.begin(), each.values.end());
  }
  sql::Query query(fmt::format("{} from {} t", select, model.layout.table), values);
  query.where("t.id = ?", id).where("t.deleted_ms is null");
  ASSIGN(const auto found, session_.rows(query));
  Seen out;
  if (!found.empty())
    for (size_t i = 0; i < access.roles.size(); ++i)
      if (found.front().truth(1 + i)) out.views.push_back(access.roles[i]);
  if (out.views.empty()) {
    // Whoever may see it is told why he may not do more.
    if (!found.empty() && verb != Verb::read && seen(model, id, Verb::read))
      return fail(Code::forbidden, "record.not_allowed", "{} {}", model.name(), id);
    return fail(Code::not_found, "record.not_found", "{} {}", model.name(), id);
  }
  ASSIGN(auto record, rows(model).load(id));
  out.record = std::move(*record);
  return out;
}

Json Work::shown(const Model& model, Stored record, const Views& views,
                 const std::vector<std::string>& clear) const {
  Json fields = Json::object(), hidden_behind = Json::array();
  const auto put = [&](const Field& field, std::string_view top, Json value, Json& into) {
    const bool revealed = std::find(clear.begin(), clear.end(), top) != clear.end();
    const bool open = is_shown(top, views) && (!model.sensitive.contains(&field) || revealed);
    into[field.name] = open || value.is_null() ? std::move(value) : masked(value);
    return open;
  };
  for (const Field& field : model.entity->fields) {
    if (is_hidden(field.name, views)) continue;
    Json value;
    if (const auto held = record.fields.find(field.name); held != record.fields.end())
      value = std::move(*held);
    if (field.type == pack::Type::table && model.layout.list(field.name))
      for (Json& row : value)
        for (const Field& column : field.columns)  // of an earlier version it may have been no table
          if (row.is_object()) put(column, field.name, row.value(column.name, Json()), row);
    if (!put(field, field.name, std::move(value), fields)) hidden_behind.push_back(field.name);
  }
  Json out = {{"id", record.id},
              {"entity", model.name()},
              {"version", record.version},
              {"created_ms", record.created_ms},
              {"created_by", record.created_by},
              {"changed_ms", record.changed_ms},
              {"changed_by", record.changed_by},
              {"fields", std::move(fields)}};
  if (!record.number.empty()) out["number"] = record.number;
  if (!record.state.empty()) out["state"] = record.state;
  if (!hidden_behind.empty()) out["masked"] = std::move(hidden_behind);
  return out;
}

Result<Json> Work::get(std::string_view entity, const std::string& id) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::read));
  return shown(*model, found.record, found.views);
}

// A condition of the caller's may look at what he sees, and no further: of the records of a role only at the
// fields that it shows, of other entities only at what he sees of every record.
Status Work::check_asked(const Model& model, const rules::Typed& rule, Access& access) const {
  const auto sees_all = [&](const std::string& entity, const std::string& field) {
    const auto other = this->model(entity);
    if (!other) return true;  // rows of a table, the person: the way there was looked at
    return std::any_of((*other)->access.begin(), (*other)->access.end(), [&](const RoleAccess& each) {
      const bool has =
          std::find(person_.roles.begin(), person_.roles.end(), each.role) != person_.roles.end();
      return has && each.read && std::holds_alternative<All>(*each.read) && each.shows(field);
    });
  };
  // By a reference it may come back to records of this entity that are not the caller's.
  const auto comes_back = [&](const auto& read) {
    const auto of = this->model(read.first.substr(0, read.first.find('.')));
    const auto is_back = [&](const std::vector<Field>& fields) {
      return std::any_of(fields.begin(), fields.end(), [&](const Field& each) {
        return each.name == read.second && each.type == pack::Type::ref && each.option == model.name();
      });
    };
    if (!of) return false;
    const size_t dot = read.first.find('.');
    const Field* table = dot == read.first.npos ? nullptr : (*of)->entity->find(read.first.substr(dot + 1));
    return is_back(table ? table->columns : (*of)->entity->fields);
  };
  const bool back = std::any_of(rule.reads().begin(), rule.reads().end(), comes_back);
  for (const auto& [object, field] : rule.reads()) {
    if (object == model.name() && back && field != "id" && !sees_all(object, field))
      return fail(Code::forbidden, "record.field_hidden", "{}.{}", object, field);
    if (object == model.name()) {
      for (size_t i = access.roles.size(); i-- > 0;) {
        if (access.roles[i]->shows(field)) continue;
        access.roles.erase(access.roles.begin() + long(i));
        access.conditions.erase(access.conditions.begin() + long(i));
      }
      if (access.roles.empty()) return fail(Code::forbidden, "record.field_hidden", "{}", field);
    } else if (field != "id" && !sees_all(object, field)) {
      return fail(Code::forbidden, "record.field_hidden", "{}.{}", object, field);
    }
  }
  return {};
}

// The words in fields that each role shows through which he sees a record. `few`: all that have them may be
// sorted.
Result<Work::Condition> Work::searched(const Model& model, const Access& access, const ListQuery& asked,
                                       bool& few) {
  const pack::Part* view = asked.view.empty() ? nullptr : view_of(model, asked.view);
  const pack::Node* names = view ? view->source->root.find("search") : nullptr;
  if (!names) return fail(Code::invalid_argument, "record.search_unknown", "{}", asked.view);
  std::vector<size_t> fields;
  for (size_t i = 0; i < model.layout.searched.size(); ++i) {
    const std::string& field = model.layout.searched[i]->name;
    const bool named = std::any_of(names->items.begin(), names->items.end(),
                                   [&](const pack::Node& each) { return each.text == field; });
    const bool shown = std::all_of(access.roles.begin(), access.roles.end(),
                                   [&](const RoleAccess* each) { return each->shows(field); });
    if (named && shown) fields.push_back(i);
  }
  if (fields.empty()) return fail(Code::forbidden, "record.field_hidden", "{}", asked.view);
  const sql::Dialect dialect = session_.dialect();
  const auto query = words_query(asked.search, fields, dialect);
  if (!query) return fail(Code::invalid_argument, "record.search_words", "{}", asked.search);
  const bool sqlite = dialect == sql::Dialect::sqlite;
  const std::string index = words_index(model.layout.table);
  const std::string has = sqlite ? fmt::format("{0} where {0} match ?", index)
                                 : fmt::format("{} where words @@ cast(? as tsquery)", model.layout.table);
  ASSIGN(const auto count,
         session_.row(fmt::format("select count(*) from (select 1 from {} limit ?) found", has), query->match,
                      kFewFound + 1));
  few = count->integer(0) <= kFewFound;
  if (!sqlite) return Condition{"t.words @@ cast(? as tsquery)", {sql::Value(query->match)}};
  if (!few) return Condition{query->text, query->values};
  return Condition{fmt::format("t.row in (select rowid from {})", has), {sql::Value(query->match)}};
}

Result<Listing> Work::list(std::string_view entity, const ListQuery& asked) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(Access access, this->access(*model, Verb::read));
  std::vector<Condition> conditions;
  std::string sort = asked.sort;
  bool descending = asked.descending;
  const auto demand = [&](std::string_view text, bool of_pack) -> Status {
    ASSIGN(const auto rule, compile_rule(*model->scope, text, {{"object", model->name()}}, nullptr, "bool"));
    if (!of_pack) TRY(check_asked(*model, rule, access));
    ASSIGN(Condition made, condition(*model, rule));
    conditions.push_back(std::move(made));
    return {};
  };
  if (!asked.view.empty()) {
    const pack::Part* view = view_of(*model, asked.view);
    if (!view) return fail(Code::not_found, "record.view_unknown", "{}", asked.view);
    if (const std::string where = text_in(view->source->root, "where"); !where.empty())
      TRY(demand(where, true));
    if (sort.empty()) {
      sort = text_in(view->source->root, "newest");
      descending = true;
    }
  }
  if (!asked.where.empty()) TRY(demand(asked.where, false));
  const auto may_ask = [&](const std::string& field) -> Status {
    ASSIGN(const auto rule, compile_rule(*model->scope, "has(it." + field + ")", {{"object", model->name()}},
                                         nullptr, "bool"));
    return check_asked(*model, rule, access);
  };
  for (const auto& [field, text] : asked.equal) {
    const Column* column = model->layout.column(field);
    if (!column || column->digest.empty())
      return fail(Code::invalid_argument, "record.search_unknown", "{}", field);
    TRY(may_ask(field));
    const Digest digest = means_.vault.digest(model->name() + "." + field, text);
    conditions.push_back({fmt::format("t.{} = ?", column->digest), {sql::Value(to_bytes(digest))}});
  }
  std::string key = "t.created_ms";
  if (sort == "number" && !model->number.empty()) {
    key = "t.number";
  } else if (!sort.empty()) {
    const Column* column = model->layout.column(sort);
    if (!column || column->storage == Storage::sealed)
      return fail(Code::invalid_argument, "record.sort", "{}", sort);
    TRY(may_ask(sort));
    key = sort_key(*column, "t.");
  } else {
    descending = true;
  }

  std::string id = "t.id";
  if (!asked.search.empty()) {
    bool few = false;
    ASSIGN(Condition found, searched(*model, access, asked, few));
    conditions.push_back(std::move(found));
    if (few) {  // not by the index of the order
      key = fmt::format("coalesce({0}, {0})", key);
      id = "coalesce(t.id, t.id)";
    }
  }

  const Rows rows = this->rows(*model);
  std::string select = fmt::format("select {}, t.id", key), any;
  std::vector<sql::Value> values;
  for (const Condition& each : access.conditions) {
    select += fmt::format(", case when {} then 1 else 0 end", each.text);
    any += (any.empty() ? "(" : " or (") + each.text + ")";
    values.insert(values.end(), each.values.begin(), each.values.end());
  }
  sql::Query query(fmt::format("{}, {} from {} t", select, rows.columns(), model->layout.table), values);
  query.where("t.deleted_ms is null");
  // Said once more, that a role sees all would keep SQLite from the index of the order.
  const bool all = std::any_of(access.roles.begin(), access.roles.end(), [](const RoleAccess* each) {
    return std::holds_alternative<All>(*each->read);
  });
  if (!all) query.where_values(any, values);
  for (const Condition& each : conditions) query.where_values(each.text, each.values);
  query.keys({key, id}, descending ? sql::Order::descending : sql::Order::ascending);
  ASSIGN(const sql::Page page,
         session_.page(query, asked.cursor, std::clamp<size_t>(asked.limit, 1, kMostRows)));

  std::vector<Stored> found;
  for (const sql::Row& row : page.rows) {
    ASSIGN(Stored record, rows.take(row, 2 + access.roles.size()));
    found.push_back(std::move(record));
  }
  TRY(rows.fill_lists(found));
  Listing out{{}, page.next};
  for (size_t i = 0; i < found.size(); ++i) {
    Views views;
    for (size_t role = 0; role < access.roles.size(); ++role)
      if (page.rows[i].truth(2 + role)) views.push_back(access.roles[role]);
    out.records.push_back(shown(*model, std::move(found[i]), views));
  }
  return out;
}

Result<Json> Work::reveal(std::string_view entity, const std::string& id,
                          const std::vector<std::string>& fields, const std::string& purpose) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::read));
  for (const std::string& field : fields) {
    if (!model->entity->find(field)) return fail(Code::invalid_argument, "record.field_unknown", "{}", field);
    if (!is_shown(field, found.views)) return fail(Code::forbidden, "record.field_hidden", "{}", field);
  }
  TRY(look(*model, id, fields, purpose));
  return shown(*model, found.record, found.views, fields);
}

// Notes who looked at what is sensitive, and what for.
Status Work::look(const Model& model, const std::string& id, const std::vector<std::string>& fields,
                  const std::string& purpose) {
  if (purpose.empty() || purpose.size() > 600) return fail(Code::invalid_argument, "record.purpose");
  TRY(
      session_.run("insert into record_look (entity, record, reader, purpose, fields, time_ms) "
                   "values (?, ?, ?, ?, ?, ?)",
                   model.name(), id, person_.id, purpose, Json(fields).dump(), means_.now_ms));
  return {};
}

Result<Work::Disclosed> Work::disclose(std::string_view entity, const std::string& id, int64_t version,
                                       const std::vector<std::string>& fields, const std::string& purpose) {
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const Seen found, seen(*model, id, Verb::read));
  std::set<std::string> names(kBuiltInFacts.begin(), kBuiltInFacts.end());
  std::vector<std::string> sensitive;
  for (const std::string& name : fields) {
    const Field* field = model->entity->find(name);
    if (!field) return fail(Code::invalid_argument, "record.field_unknown", "{}", name);
    if (!is_shown(name, found.views)) return fail(Code::forbidden, "record.field_hidden", "{}", name);
    if (is_sensitive(*model->entity, *field)) sensitive.push_back(name);
    names.insert(committed_name(name));
  }
  if (!sensitive.empty()) TRY(look(*model, id, sensitive, purpose));
  ASSIGN(
      const auto row,
      session_.row("select v.action, v.content, a.root, a.salts, a.evidence from record_version v left join "
                   "record_anchor a on a.entity = v.entity and a.record = v.record and a.version = "
                   "v.version where v.entity = ? and v.record = ? and v.version = ?",
                   entity, id, version));
  if (!row) return fail(Code::not_found, "record.version_unknown", "{} {} {}", entity, id, version);
  if (row->is_null(2) || row->is_null(3))
    return fail(Code::not_found, "record.not_committed", "{} {} {}", entity, id, version);
  Facts facts{std::string(entity), id, {}, {}, row->text(0), version, Json::object()};
  std::string fault;
  TRY(open_content(means_.vault, row->text(1), facts, fault));
  ASSIGN(const Commitment commitment, Commitment::open(means_.vault, facts, row->blob(3)));
  for (const std::string& name : fields)
    if (!commitment.leaves().contains(committed_name(name)))
      return fail(Code::not_found, "record.not_committed", "{}", name);
  ASSIGN(const Digest root, row->digest(2));
  Disclosed out{root, row->text(4), commitment.disclose(facts, names)};
  for (const std::string& each : commitment.changed(facts))
    if (names.contains(each)) return fail(Code::data_loss, "record.damaged", "{} {}", id, field_named(each));
  if (commitment.root() != root) return fail(Code::data_loss, "record.damaged", "{} {}", id, version);
  return out;
}

}  // namespace chengxin::record
