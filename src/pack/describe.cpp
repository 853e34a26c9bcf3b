#include "pack/describe.h"

namespace chengxin::pack {
namespace {

Json word_or(std::string_view word, bool optional) {
  if (!optional) return std::string(word);
  return {{"type", std::string(word)}, {"optional", true}};
}

Json exact_number(int digits) {
  return {
      {"type", "string"},
      {"pattern", digits == 0 ? "^-?[0-9]{1,18}$"
                              : fmt::format("^-?[0-9]{{1,{}}}(\\.[0-9]{{1,{}}})?$", 18 - digits, digits)}};
}

std::string_view text_pattern(std::string_view kind) {
  if (kind == "phone") return "^\\+?[0-9 ()-]{5,20}$";
  if (kind == "id_card") return "^[0-9]{17}[0-9X]$";
  if (kind == "credit_code") return "^[0-9A-HJ-NPQRTUWXY]{18}$";
  if (kind == "postcode") return "^[0-9]{6}$";
  return {};
}

int64_t whole_of(const Node* node, int64_t otherwise) {
  const auto value = node ? parse_decimal(node->text) : std::nullopt;
  return value && value->digits == 0 ? value->scaled : otherwise;
}

Json text_schema(const Field& field) {
  const int64_t longest = field.option == "long" ? 20'000 : 200;
  Json out = {{"type", "string"}, {"maxLength", whole_of(field.node->find("longest"), longest)}};
  if (const int64_t least = whole_of(field.node->find("shortest"), 0); least > 0) out["minLength"] = least;
  if (const Node* own = field.node->find("pattern"))
    out["pattern"] = own->text;
  else if (const auto pattern = text_pattern(field.option); !pattern.empty())
    out["pattern"] = std::string(pattern);
  if (field.option == "email") out["format"] = "email";
  if (field.option == "url") out["format"] = "uri";
  return out;
}

Json whole_schema(const Field& field) {
  constexpr int64_t kMost = (int64_t(1) << 53) - 1;
  return {{"type", "integer"},
          {"minimum", whole_of(field.node->find("min"), -kMost)},
          {"maximum", whole_of(field.node->find("max"), kMost)}};
}

Json fields_schema(const std::vector<Field>& fields);

Json one_schema(const Field& field) {
  switch (field.type) {
    case Type::text:
      return text_schema(field);
    case Type::whole:
      return whole_schema(field);
    case Type::decimal:
      return exact_number(field.digits);
    case Type::money:
      return exact_number(2);
    case Type::flag:
      return {{"type", "boolean"}};
    case Type::date:
      return {{"type", "string"}, {"format", "date"}};
    case Type::time:
      return {{"type", "string"}, {"pattern", "^[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?$"}};
    case Type::instant:
      return {{"type", "string"}, {"format", "date-time"}};
    case Type::table:
      return {{"type", "array"}, {"maxItems", 1000}, {"items", fields_schema(field.columns)}};
    case Type::geometry:
      return {{"type", "object"}, {"required", {"type", "coordinates"}}};
    case Type::json:
      return Json::object();
    case Type::dictionary:
    case Type::tree:
    case Type::ref:
    case Type::attachment:
      break;
  }
  return {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}};
}

std::string shown(const Titles& title) { return title.en.empty() ? title.zh : title.zh + " · " + title.en; }

Json field_schema(const Field& field) {
  Json out = one_schema(field);
  if (field.many)
    out = {{"type", "array"}, {"items", std::move(out)}, {"uniqueItems", true}, {"maxItems", 1000}};
  if (!field.title.zh.empty()) out["title"] = shown(field.title);
  if (field.computed) out["readOnly"] = true;
  return out;
}

Json fields_schema(const std::vector<Field>& fields) {
  Json properties = Json::object(), required = Json::array();
  for (const Field& field : fields) {
    properties[field.name] = field_schema(field);
    if (field.required) required.push_back(field.name);
  }
  Json out = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Json object_of(const Entity& entity, const std::vector<Field>& fields, const Json& known) {
  Json out = Json::object();
  for (const Field& field : fields) {
    const bool refers = field.type == Type::ref || field.type == Type::dictionary || field.type == Type::tree;
    const char* among = field.type == Type::ref ? "objects" : "dictionaries";
    if (field.type != Type::json && (!refers || known.at(among).contains(field.option)))
      out[field.name] = type_of(entity, field);
  }
  return out;
}

// The states of an entity are codes of a dictionary of its own.
std::string states_of(const Entity& entity) { return entity.name + ".state"; }

// With what every record has.
Json record_of(const Entity& entity, const Json& known) {
  Json out = object_of(entity, entity.fields, known);
  out["id"] = "text";
  if (entity.node().find("number")) out["number"] = "text";
  if (entity.node().find("states")) out["state"] = {{"dictionary", states_of(entity)}};
  return out;
}

Json person() {
  return {{"fields",
           {{"id", "text"},
            {"name", "text"},
            {"organisation", "text"},
            {"region", "text"},
            {"roles", {{"list", "text"}}}}}};
}

}  // namespace

Json entity_schema(const Entity& entity) {
  Json out = fields_schema(entity.fields);
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["$id"] = fmt::format("urn:chengxin:entity:{}:{}", entity.pack, entity.name);
  out["title"] = shown(entity.title);
  return out;
}

Json type_of(const Entity& entity, const Field& field) {
  const bool optional = !field.required && !field.computed && !field.many && field.type != Type::table;
  const auto list_or = [&](Json one) -> Json {
    if (field.many) return {{"list", std::move(one)}};
    if (optional) one["optional"] = true;
    return one;
  };
  switch (field.type) {
    case Type::whole:
      return word_or("int", optional);
    case Type::decimal:
    case Type::money: {
      Json out = {{"decimal", field.type == Type::money ? 2 : field.digits}};
      const std::string unit = field.type == Type::money ? field.option : field.unit;
      if (!unit.empty()) out["unit"] = unit;
      return list_or(std::move(out));
    }
    case Type::flag:
      return word_or("bool", optional);
    case Type::dictionary:
    case Type::tree:
      return list_or({{"dictionary", field.option}});
    case Type::ref:
      return list_or({{"ref", field.option}});
    case Type::attachment:
      return list_or({{"object", "@file"}});
    case Type::table:
      return {{"list", {{"object", fmt::format("{}.{}", entity.name, field.name)}}}};
    default:
      return word_or(name_of(field.type), optional);
  }
}

Json environment(std::span<const Entity* const> entities, std::span<const Dictionary* const> dictionaries) {
  Json out = {{"me", {{"object", "@person"}}},
              {"today", "date"},
              {"now", "instant"},
              {"objects",
               {{"@person", person()},
                {"@file", {{"fields", {{"name", "text"}, {"size", "int"}, {"type", "text"}}}}}}},
              {"dictionaries", Json::object()}};
  for (const Dictionary* each : dictionaries) {
    Json codes = Json::array();
    for (const auto& [code, place] : each->codes) codes.push_back(code);
    out["dictionaries"][each->name] = std::move(codes);
  }
  for (const Entity* each : entities) out["objects"][each->name] = Json::object();  // they name one another
  for (const Entity* each : entities) {
    if (const Node* states = each->node().find("states")) {
      Json& names = out["dictionaries"][states_of(*each)] = Json::array();
      for (const Member& state : states->members) names.push_back(state.name);
    }
    out["objects"][each->name]["fields"] = record_of(*each, out);
    for (const Field& field : each->fields)
      if (field.type == Type::table)
        out["objects"][each->name + "." + field.name]["fields"] = object_of(*each, field.columns, out);
  }
  return out;
}

}  // namespace chengxin::pack
