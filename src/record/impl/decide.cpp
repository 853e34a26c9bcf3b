#include <algorithm>

#include "directory/personal.h"
#include "record/work.h"

// What processes ask of records, and do with them.
namespace chengxin::record {
namespace {

bool is_valid(const DecisionRow& row, const std::string& today) {
  return (row.from.empty() || row.from <= today) && (row.until.empty() || today <= row.until);
}

}  // namespace

Result<Json> Work::decide(const Decision& decision, const Stored& record) {
  ASSIGN(const Model* model, this->model(decision.entity));
  Json outcomes = Json::array(), rows = Json::array(), inputs = Json::object();
  for (size_t i = 0; i < decision.rows.size(); ++i) {
    const DecisionRow& row = decision.rows[i];
    if (!is_valid(row, today_)) continue;
    if (!row.when && decision.hit != Decision::Hit::first && !outcomes.empty()) continue;  // otherwise
    if (row.when) {
      for (const auto& [object, name] : row.when->reads()) {
        const pack::Field* field = object == model->name() ? model->entity->find(name) : nullptr;
        if (!field) continue;
        const Json value = record.fields.value(name, Json());
        const bool open = pack::sensitivity_of(*model->entity, *field).empty() || value.is_null();
        inputs[name] = open ? value : Json("***");
      }
      ASSIGN(const bool hit, holds(*model, record, *row.when));
      if (!hit) continue;
    }
    if (std::find(outcomes.begin(), outcomes.end(), Json(row.then)) == outcomes.end())
      outcomes.push_back(row.then);
    rows.push_back({{"row", i + 1}, {"then", row.then}, {"zh", row.zh}, {"en", row.en}});
    if (decision.hit == Decision::Hit::first) break;
  }
  if (outcomes.empty() && decision.hit != Decision::Hit::collect)
    return fail(Code::conflict, "record.no_row", "{}", decision.name);
  if (outcomes.size() > 1 && decision.hit == Decision::Hit::unique)
    return fail(Code::conflict, "record.several_rows", "{}", decision.name);
  return Json{{"outcomes", std::move(outcomes)}, {"rows", std::move(rows)}, {"inputs", std::move(inputs)},
              {"decision", decision.name},       {"pack", decision.pack},   {"version", decision.version}};
}

// Who has a task sees the record by that; what all of his roles hide stays hidden.
RoleAccess Work::for_task(const Model& model) const {
  RoleAccess out;
  out.role = "task";
  out.read = All{};
  std::vector<const RoleAccess*> own;
  for (const RoleAccess& each : model.access)
    if (std::find(person_.roles.begin(), person_.roles.end(), each.role) != person_.roles.end())
      own.push_back(&each);
  for (const pack::Field& field : model.entity->fields) {
    const auto all = [&](const auto& test) {
      return !own.empty() && std::all_of(own.begin(), own.end(), test);
    };
    if (all([&](const RoleAccess* each) { return each->hide.contains(field.name); }))
      out.hide.insert(field.name);
    else if (all([&](const RoleAccess* each) { return !each->shows(field.name); }))
      out.mask.insert(field.name);
  }
  return out;
}

Json Work::shown_for_task(const Model& model, const Stored& record) const {
  const RoleAccess access = for_task(model);
  return shown(model, record, {&access});
}

Result<Json> Work::fill(const Model& model, const std::string& id, const Json& fields,
                        const std::set<std::string>& allowed, int64_t version) {
  ASSIGN(const Stored before, find(model, id));
  if (before.version != version)
    return fail(Code::conflict, "record.stale", "{} {}: {}", model.name(), id, before.version);
  RoleAccess access = for_task(model);
  for (const pack::Field& field : model.entity->fields)
    if (!allowed.contains(field.name)) access.fixed.insert(field.name);
  Stored after = before;
  TRY(take(model, fields, {&access}, after));
  TRY(complete(model, after));
  TRY(compute(model, after));
  TRY(judge(model, &before, after));
  TRY(save(model, before, after, "changed"));
  return shown(model, after, {&access});
}

}  // namespace chengxin::record
