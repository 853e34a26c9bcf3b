#include <algorithm>

#include "record/work.h"

// Whether a record may be as it is.
namespace chengxin::record {

using pack::Field;
using pack::Type;

namespace {

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

bool is_missing(const Json& value) { return value.is_null() || (value.is_array() && value.empty()); }

// What is new in a field: of several values those that were not there before.
std::vector<std::string> chosen(const Json* before, const Field& field, const Json& value) {
  std::vector<std::string> out;
  const Json former = before ? before->value(field.name, Json()) : Json();
  const Json list = field.many ? value : value.is_null() ? Json::array() : Json::array({value});
  for (const Json& each : list) {
    const bool known =
        field.many ? std::find(former.begin(), former.end(), each) != former.end() : former == each;
    if (!known) out.push_back(each.get<std::string>());
  }
  return out;
}

bool has_choice(Type type) {
  return type == Type::ref || type == Type::dictionary || type == Type::tree || type == Type::attachment;
}

}  // namespace

void Work::wrong(std::string field, std::string_view reason, std::string detail) {
  wrongs_.push_back({std::move(field), std::string(reason), std::move(detail)});
}

tl::unexpected<Error> Work::invalid() const {
  std::string detail;
  for (const Wrong& each : wrongs_)
    if (detail.size() < 1000)
      detail += fmt::format("{}{}: {}{}{}", detail.empty() ? "" : "; ", each.field.empty() ? "*" : each.field,
                            each.reason, each.detail.empty() ? "" : " ", each.detail);
  return fail(Code::invalid_argument, "record.invalid", "{}", detail);
}

// A record that is named is there, and one that may be chosen.
Status Work::judge_reference(const Model& model, const Stored& record, const Holder& holder,
                             const Field& field, const std::string& id, const Json* row, const Field* table,
                             const std::string& path) {
  ASSIGN(const Model* target, this->model(field.option));
  sql::Query query(fmt::format("select t.id from {} t", target->layout.table));
  query.where("t.id = ?", id).where("t.deleted_ms is null");
  ASSIGN(const auto there, session_.rows(query));
  if (there.empty()) {
    wrong(path, "record.reference_unknown", fmt::format("{} {}", field.option, id));
    return {};
  }
  const auto rule = holder.rules.choice.find(&field);
  if (rule == holder.rules.choice.end()) return {};
  Json seen;
  if (row) {
    ASSIGN(seen,
           object(*model.scope, holder.object, table->columns, *row, rule->second, rule->second.steps()));
  } else {
    ASSIGN(seen, seen_by_rule(model, record, rule->second));
  }
  ASSIGN(const Condition chooses, condition(model, rule->second, seen));
  query.where_values(chooses.text, chooses.values);
  ASSIGN(const auto fits, session_.rows(query));
  if (fits.empty()) wrong(path, "record.reference_choice", fmt::format("{} {}", field.option, id));
  return {};
}

Status Work::judge_fields(const Model& model, const Stored& record, const Holder& holder, const Json* before,
                          const Json& after, const Json* row, const Field* table) {
  for (const Field& field : holder.fields) {
    const Json value = after.value(field.name, Json());
    const std::string path = below(holder.path, field.name);
    if (field.required && is_missing(value)) wrong(path, "record.required");
    if (!has_choice(field.type) || field.computed) continue;
    const auto rule = holder.rules.choice.find(&field);
    for (const std::string& each : chosen(before, field, value)) {
      if (field.type == Type::ref) {
        TRY(judge_reference(model, record, holder, field, each, row, table, path));
      } else if (field.type == Type::attachment) {
        wrong(path, "record.file_unknown", each);
      } else if (rule != holder.rules.choice.end()) {
        Json given = variables();
        given["it"] = each;
        if (row) {
          ASSIGN(given["record"], object(*model.scope, holder.object, table->columns, *row, rule->second,
                                         rule->second.steps()));
        } else {
          ASSIGN(given["record"], seen_by_rule(model, record, rule->second));
        }
        ASSIGN(const Json fits, rule->second.evaluate(given));
        if (!fits.get<bool>()) wrong(path, "record.code_choice", each);
      }
    }
  }
  return {};
}

Status Work::judge_unique(const Model& model, const Stored& record) {
  const auto look = [&](const std::vector<std::string>& fields) -> Status {
    ASSIGN(const bool twin, rows(model).has_twin(record, fields));
    if (twin) wrong(fields.front(), "record.not_unique", fmt::format("{}", fmt::join(fields, ", ")));
    return {};
  };
  for (const Field& field : model.entity->fields)
    if (const pack::Node* unique = field.node->find("unique"); unique && unique->text == "true")
      TRY(look({field.name}));
  if (const pack::Node* keys = model.entity->node().find("unique"))
    for (const pack::Node& key : keys->items) {
      std::vector<std::string> fields;
      for (const pack::Node& name : key.items) fields.push_back(name.text);
      TRY(look(fields));
    }
  return {};
}

Status Work::judge(const Model& model, const Stored* before, const Stored& after) {
  const Json* former = before ? &before->fields : nullptr;
  TRY(judge_fields(model, after, {model.entity->fields, model.rules, model.name(), ""}, former, after.fields,
                   nullptr, nullptr));
  for (const Field& field : model.entity->fields) {
    if (field.type != Type::table) continue;
    const Json list = after.fields.value(field.name, Json::array());
    const Json old = former ? former->value(field.name, Json::array()) : Json::array();
    const auto rules = model.table_rules.find(&field);
    for (size_t i = 0; i < list.size(); ++i) {
      const Json* same = i < old.size() ? &old[i] : nullptr;
      TRY(judge_fields(model, after,
                       {field.columns, rules->second, model.name() + "." + field.name,
                        fmt::format("{}[{}]", field.name, i)},
                       same, list[i], &list[i], &field));
    }
  }
  TRY(judge_unique(model, after));
  if (!wrongs_.empty()) return invalid();  // checks may rely on what is required
  for (const Check& check : model.checks) {
    ASSIGN(const bool good, holds(model, after, check.rule));
    if (!good)
      wrong(check.at, check.reason, check.en.empty() ? check.zh : fmt::format("{} · {}", check.zh, check.en));
  }
  return wrongs_.empty() ? Status() : Status(invalid());
}

}  // namespace chengxin::record
