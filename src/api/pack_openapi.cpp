#include "api/pack_openapi.h"

#include "api/describe.h"
#include "api/openapi.h"
#include "api/resource_records.h"
#include "pack/describe.h"

namespace chengxin::api {
namespace {

using pack::Field;
using record::Model;

bool may_be_masked(const Model& model, const Field& field) {
  if (!pack::sensitivity_of(*model.entity, field).empty()) return true;
  return std::any_of(model.access.begin(), model.access.end(),
                     [&](const auto& role) { return role.mask.contains(field.name); });
}

// As it is read: what is empty is null, what is masked has no form.
Json read_schema(const Model& model, const std::vector<Field>& fields, const Json& strict) {
  Json properties = Json::object();
  for (const Field& field : fields) {
    const Json& of = strict.at("properties").at(field.name);
    Json& out = properties[field.name];
    if (field.type == pack::Type::table)
      out = {{"type", "array"}, {"items", read_schema(model, field.columns, of.at("items"))}};
    else if (!may_be_masked(model, field))
      out = {{"anyOf", {of, {{"type", "null"}}}}};
    else
      out = Json::object();
    if (of.contains("title")) out["title"] = of["title"];
  }
  return object_schema(std::move(properties));
}

// As it is written: without what is computed; what has an initial value may be left out.
Json written_schema(const std::vector<Field>& fields, const Json& strict, bool all) {
  Json properties = Json::object();
  std::vector<std::string> required;
  for (const Field& field : fields) {
    if (field.computed) continue;
    Json of = strict.at("properties").at(field.name);
    if (field.type == pack::Type::table) of["items"] = written_schema(field.columns, of.at("items"), true);
    properties[field.name] = std::move(of);
    if (all && field.required && !field.node->find("default")) required.push_back(field.name);
  }
  return object_schema(std::move(properties), std::move(required));
}

std::string own_name(std::string_view schema, const Model& model) {
  return fmt::format("{}.{}", model.name(), schema);
}

// Names of schemas become those of the entity.
void rename(Json& json, const Model& model) {
  if (json.is_object() && json.contains("$ref")) {
    const std::string at = json["$ref"];
    json = reference(own_name(at.substr(at.rfind('/') + 1), model));
    return;
  }
  if (json.is_structured())
    for (Json& each : json) rename(each, model);
}

bool concerns(const Route& route, const Model& model) {
  const auto& fields = model.entity->fields;
  if (route.id == "moveRecord") return !model.states.empty();
  if (route.id == "deleteRecord") return model.on_delete != Model::Delete::never;
  if (route.id == "revealRecord")
    return std::any_of(fields.begin(), fields.end(),
                       [&](const Field& each) { return !pack::sensitivity_of(*model.entity, each).empty(); });
  return true;
}

Route of_entity(Route route, const Model& model) {
  constexpr std::string_view kEntity = "{entity}";
  const pack::Titles& title = model.entity->title;
  route.path.replace(route.path.find(kEntity), kEntity.size(), model.name());
  route.id += "_" + model.name();
  route.tag = model.name();
  route.summary = {fmt::format("{}：{}", title.zh, route.summary.zh),
                   fmt::format("{}: {}", title.en.empty() ? title.zh : title.en, route.summary.en)};
  for (Media& each : route.body) rename(each.schema, model);
  for (Answer& each : route.answers) rename(each.schema, model);
  return route;
}

void add_entity(const Model& model, const Resource& any, Resource& out) {
  for (const Route& route : any.routes)
    if (concerns(route, model)) out.routes.push_back(of_entity(route, model));
  for (const auto& [name, schema] : any.schemas) {
    Json own = schema;
    rename(own, model);
    out.schemas[own_name(name, model)] = std::move(own);
  }
  const std::vector<Field>& fields = model.entity->fields;
  const Json strict = pack::entity_schema(*model.entity);
  out.schemas[own_name("NewRecordFields", model)] = written_schema(fields, strict, true);
  out.schemas[own_name("ChangedRecordFields", model)] = written_schema(fields, strict, false);
  out.schemas[own_name("RecordFields", model)] = read_schema(model, fields, strict);
  std::vector<std::string> states;
  for (const record::StateModel& each : model.states) states.push_back(each.name);
  if (!states.empty()) out.schemas[own_name("RecordState", model)] = enum_schema(std::move(states));
}

}  // namespace

Json pack_openapi(const record::Catalogue& catalogue, const pack::Pack& pack) {
  const Resource any = records_resource();
  Resource own;
  for (const auto& [name, model] : catalogue.models())
    if (model.pack == &pack) add_entity(model, any, own);
  const pack::Node* title = pack.file->root.find("title");
  const auto text = [&](const char* language) {
    const pack::Node* found = title ? title->find(language) : nullptr;
    return found ? found->text : pack.name;
  };
  Json out = openapi_document(own.routes, own.schemas, fmt::format("{}", fmt::join(pack.version, ".")));
  out["info"] = {{"title", text("zh")}, {"x-title-en", text("en")}, {"version", out["info"]["version"]}};
  return out;
}

}  // namespace chengxin::api
