#include "record/work.h"

// What rules are given, and what they say.
namespace chengxin::record {

using pack::Field;
using pack::Type;

Json Work::variables() const {
  return {{"me",
           {{"id", person_.id},
            {"name", person_.name},
            {"organisation", person_.organisation},
            {"region", person_.region},
            {"roles", person_.roles}}},
          {"today", today_},
          {"now", means_.now_ms}};
}

// Of a value what a rule sees: records that it names with the fields that the rule reads of them.
Result<Json> Work::read_value(const pack::Scope& scope, const std::string& object, const Field& field,
                              const Json& value, const rules::Typed& rule, size_t steps) {
  if (field.type == Type::table) {
    Json out = Json::array();
    for (const Json& row : value) {
      ASSIGN(Json seen, this->object(scope, object + "." + field.name, field.columns, row, rule, steps));
      out.push_back(std::move(seen));
    }
    return out;
  }
  const bool refers = field.type == Type::ref;
  if (!refers && field.type != Type::attachment) return value;
  const auto one = [&](const Json& id) -> Result<Json> {
    if (refers) return referred(scope, field.option, id.get<std::string>(), rule, steps);
    return Json{{"name", id}, {"size", 0}, {"type", ""}};
  };
  if (!field.many) return one(value);
  Json out = Json::array();
  for (const Json& each : value) {
    ASSIGN(Json seen, one(each));
    out.push_back(std::move(seen));
  }
  return out;
}

Result<Json> Work::object(const pack::Scope& scope, const std::string& name, const std::vector<Field>& fields,
                          const Json& values, const rules::Typed& rule, size_t steps) {
  Json out = Json::object();
  for (const Field& field : fields) {
    const auto value = values.find(field.name);
    if (value == values.end() || value->is_null() || !rule.reads().contains({name, field.name})) continue;
    ASSIGN(out[field.name], read_value(scope, name, field, *value, rule, steps));
  }
  return out;
}

Result<Json> Work::referred(const pack::Scope& scope, const std::string& entity, const std::string& id,
                            const rules::Typed& rule, size_t steps) {
  Json out = {{"id", id}};
  const auto first = rule.reads().lower_bound({entity, ""});
  bool read = false;
  for (auto each = first; each != rule.reads().end() && each->first == entity; ++each)
    read |= each->second != "id";
  if (!read || steps == 0) return out;
  ASSIGN(const Model* model, this->model(entity));
  ASSIGN(const auto record, rows(*model).load(id));
  if (!record) return out;
  ASSIGN(out, object(scope, entity, model->entity->fields, record->fields, rule, steps - 1));
  out["id"] = id;
  if (!record->number.empty()) out["number"] = record->number;
  if (!record->state.empty()) out["state"] = record->state;
  return out;
}

Result<Json> Work::seen_by_rule(const Model& model, const Stored& record, const rules::Typed& rule) {
  ASSIGN(Json out,
         object(*model.scope, model.name(), model.entity->fields, record.fields, rule, rule.steps()));
  out["id"] = record.id;
  if (!record.number.empty()) out["number"] = record.number;
  if (!record.state.empty()) out["state"] = record.state;
  return out;
}

// Of a rule about a record, or about a row of a table in it.
Result<Json> Work::worth(const Model& model, const Stored& record, const Json* row, const Field* table,
                         const rules::Typed& rule) {
  Json given = variables();
  ASSIGN(Json whole, seen_by_rule(model, record, rule));
  if (row) {
    ASSIGN(given["it"],
           object(*model.scope, model.name() + "." + table->name, table->columns, *row, rule, rule.steps()));
    given["record"] = std::move(whole);
  } else {
    given["it"] = std::move(whole);
  }
  return rule.evaluate(given);
}

Result<bool> Work::holds(const Model& model, const Stored& record, const rules::Typed& rule) {
  ASSIGN(const Json value, worth(model, record, nullptr, nullptr, rule));
  if (!value.is_boolean()) return fail(Code::conflict, "rule.type", "{}", model.name());
  return value.get<bool>();
}

Result<Work::Condition> Work::condition(const Model& model, const rules::Typed& rule,
                                        const Json& record) const {
  const auto& columns = model.scope->columns();
  if (!columns) return tl::unexpected(columns.error());
  Json given = variables();
  if (!record.is_null()) given["record"] = record;
  const auto dialect =
      session_.dialect() == sql::Dialect::sqlite ? rules::SqlDialect::sqlite : rules::SqlDialect::postgresql;
  ASSIGN(auto made, rule.sql(dialect, *columns, given));
  Condition out{std::move(made.text), {}};
  for (auto& value : made.values)
    std::visit([&](auto& each) { out.values.emplace_back(std::move(each)); }, value);
  return out;
}

Result<Work::Condition> Work::condition(const Model& model, const Filter& filter) const {
  if (const auto* rule = std::get_if<rules::Typed>(&filter)) return condition(model, *rule);
  if (std::holds_alternative<All>(filter)) return Condition{"1 = 1", {}};
  if (model.owner == "creator") return Condition{"t.created_by = ?", {sql::Value(person_.id)}};
  const pack::Column* column = model.layout.column(model.owner);
  if (!column || column->storage == pack::Storage::sealed || person_.organisations.empty())
    return Condition{"1 = 0", {}};
  Condition out{fmt::format("t.{} in (", column->name), {}};
  for (const std::string& each : person_.organisations) {
    out.text += out.values.empty() ? "?" : ", ?";
    out.values.emplace_back(each);
  }
  out.text += ")";
  return out;
}

// What comes out is judged as if it had been handed in: a column holds nothing else.
Status Work::compute(const Model& model, Stored& record) {
  const Form form(*model.scope, model.patterns, "");
  const auto put = [&](const Field& field, const Json& value, const std::string& path, Json& into) -> Status {
    auto made = form.value(field, value, path, wrongs_);
    if (!made) return invalid();
    into[field.name] = std::move(*made);
    return {};
  };
  for (const auto& [table, rules] : model.table_rules) {
    size_t at = 0;
    for (Json& row : record.fields[table->name]) {
      const std::string path = fmt::format("{}[{}].", table->name, at++);
      for (const auto& [field, rule] : rules.computed) {
        ASSIGN(const Json value, worth(model, record, &row, table, rule));
        TRY(put(*field, value, path + field->name, row));
      }
    }
  }
  for (const auto& [field, rule] : model.rules.computed) {
    ASSIGN(const Json value, worth(model, record, nullptr, nullptr, rule));
    TRY(put(*field, value, field->name, record.fields));
  }
  return {};
}

}  // namespace chengxin::record
