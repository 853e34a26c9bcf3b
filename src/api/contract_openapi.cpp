#include "api/contract_openapi.h"

#include <algorithm>

#include "api/contract_values.h"
#include "api/describe.h"
#include "api/openapi.h"

namespace chengxin::api {
namespace {

using contract::Entry;
using contract::Parameter;
using contract::Type;
using Kind = Type::Kind;

constexpr size_t kMostDigits = 78;  // of 256 bits

Json text_of(std::string pattern) { return {{"type", "string"}, {"pattern", std::move(pattern)}}; }

Json number_schema(const Type& type) {
  Json out = text_of(type.kind == Kind::uint ? "^(0|[1-9][0-9]*)$" : "^(0|-?[1-9][0-9]*)$");
  out["maxLength"] = kMostDigits;
  return out;
}

Json list_of(const std::vector<Parameter>& parameters, Json& components) {
  Json out = {{"type", "array"}, {"minItems", parameters.size()}, {"maxItems", parameters.size()}};
  if (parameters.empty()) return out;
  out["prefixItems"] = Json::array();
  for (const Parameter& each : parameters) out["prefixItems"].push_back(value_schema(each.type, components));
  return out;
}

Json object_of(const std::vector<Parameter>& parameters, Json& components) {
  Json properties = Json::object();
  std::vector<std::string> required;
  for (const Parameter& each : parameters) {
    properties[each.name] = value_schema(each.type, components);
    required.push_back(each.name);
  }
  return object_schema(std::move(properties), std::move(required));
}

Json parameters_schema(const std::vector<Parameter>& parameters, Json& components) {
  return have_names(parameters) ? object_of(parameters, components) : list_of(parameters, components);
}

Json result_schema(const std::vector<Parameter>& outputs, Json& components) {
  if (outputs.empty()) return {{"type", "null"}};
  if (outputs.size() == 1) return value_schema(outputs[0].type, components);
  return parameters_schema(outputs, components);
}

bool reads_only(const Entry& entry) { return entry.mutability == "view" || entry.mutability == "pure"; }

bool is_overloaded(const contract::Interface& interface, const Entry& entry) {
  return std::count_if(interface.entries.begin(), interface.entries.end(), [&](const Entry& other) {
           return other.kind == Entry::Kind::function && other.name == entry.name;
         }) > 1;
}

// Letters, digits and _ of a name that is like no other.
std::string identifier(const contract::Interface& interface, const Entry& entry) {
  if (!is_overloaded(interface, entry)) return entry.name;
  std::string out = entry.signature();
  for (char& c : out)
    if (c == '(' || c == ')' || c == ',' || c == '[' || c == ']') c = '_';
  return out;
}

Json response(std::string_view zh, std::string_view en, std::string_view type, Json schema) {
  return {{"description", zh},
          {"x-description-en", en},
          {"content", {{std::string(type), {{"schema", std::move(schema)}}}}}};
}

// What the errors that the interface declares look like in a problem document.
Json errors_schema(const contract::Interface& interface, Json& components) {
  Json any = Json::array();
  const auto add = [&](const std::string& name, Json arguments, const std::string& notice) {
    Json one = object_schema({{"name", {{"const", name}}}, {"arguments", std::move(arguments)}},
                             {"name", "arguments"});
    if (!notice.empty()) one["description"] = notice;
    any.push_back(std::move(one));
  };
  for (const Entry& entry : interface.entries)
    if (entry.kind == Entry::Kind::error)
      add(entry.name, parameters_schema(entry.inputs, components), entry.notice);
  any.push_back(object_schema({{"name", {{"enum", {"Error", "Panic"}}}}, {"arguments", {{"type", "object"}}}},
                              {"name", "arguments"}));
  any.push_back(object_schema({{"data", text_of("^0x[0-9a-f]*$")}}, {"data"}));
  return {{"anyOf", std::move(any)}};
}

Json events_schema(const contract::Interface& interface, Json& components) {
  Json any = Json::array();
  const Json address = text_of("^0x[0-9a-f]{40}$");
  for (const Entry& entry : interface.entries) {
    if (entry.kind != Entry::Kind::event || entry.anonymous) continue;
    std::vector<Parameter> shown = entry.inputs;
    for (Parameter& each : shown)
      if (each.indexed &&
          (contract::is_dynamic(each.type) || each.type.kind == Kind::array || each.type.kind == Kind::tuple))
        each.type = Type{.kind = Kind::fixed_bytes, .size = 32};  // its hash
    Json one = object_schema({{"contract", address},
                              {"name", {{"const", entry.name}}},
                              {"arguments", parameters_schema(shown, components)}},
                             {"contract", "name", "arguments"});
    if (!entry.notice.empty()) one["description"] = entry.notice;
    any.push_back(std::move(one));
  }
  any.push_back(
      object_schema({{"contract", address}, {"topics", list_schema(text_schema())}, {"data", text_schema()}},
                    {"contract", "topics", "data"}));
  return list_schema({{"anyOf", std::move(any)}});
}

Json operation(const contract::Interface& interface, const Entry& entry, Json& components) {
  const bool query = reads_only(entry);
  Json out = {
      {"operationId", identifier(interface, entry)},
      {"summary", entry.notice.empty() ? entry.signature() : entry.notice.substr(0, entry.notice.find('\n'))},
      {"x-signature", entry.signature()},
      {"tags", {query ? "query" : "call"}},
      {"security", Json::array({{{"bearer", Json::array()}}})},
      {"requestBody",
       {{"required", true},
        {"content", {{"application/json", {{"schema", parameters_schema(entry.inputs, components)}}}}}}}};
  if (!entry.notice.empty()) out["description"] = entry.notice;
  Json answer = {{"result", result_schema(entry.outputs, components)},
                 {"values", list_of(entry.outputs, components)},
                 {"gas", integer_schema()},
                 {"height", integer_schema()}};
  std::vector<std::string> required = {"gas", "height"};
  Json& responses = out["responses"];
  if (query) {
    responses["200"] = response("结果", "The result", "application/json", object_schema(answer, required));
  } else {
    answer.update(
        {{"transaction", sm3_schema()}, {"time_ms", integer_schema()}, {"events", reference("Events")}});
    required.push_back("transaction");
    responses["201"] =
        response("已入块并落盘", "In a block, durably", "application/json", object_schema(answer, required));
    responses["202"] = response("已接受，尚无回执", "Accepted, no receipt yet", "application/json",
                                object_schema({{"transaction", sm3_schema()}}, {"transaction"}));
    out["parameters"] = {{{"name", "Idempotency-Key"},
                          {"in", "header"},
                          {"required", false},
                          {"schema", {{"type", "string"}, {"maxLength", 128}}}}};
  }
  responses["default"] =
      response("出错：见 reason；合约自身的错误见 error", "An error: see reason; error is the contract's own",
               "application/problem+json", reference("Problem"));
  return out;
}

}  // namespace

Json value_schema(const Type& type, Json& components) {
  Json out;
  switch (type.kind) {
    case Kind::uint:
    case Kind::integer:
      out = number_schema(type);
      break;
    case Kind::address:
      out = text_of("^0x[0-9a-fA-F]{40}$");
      break;
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::string:
      return {{"type", "string"}};
    case Kind::bytes:
      out = text_of("^0x([0-9a-fA-F]{2})*$");
      break;
    case Kind::fixed_bytes:
      out = text_of(fmt::format("^0x[0-9a-fA-F]{{{}}}$", 2 * type.size));
      break;
    case Kind::array:
      out = list_schema(value_schema(type.element[0], components));
      if (type.size) out["minItems"] = out["maxItems"] = type.size;
      return out;
    case Kind::tuple: {
      Json own = parameters_schema(type.members, components);
      if (type.name.empty() || components.contains(type.name)) {
        return !type.name.empty() && components[type.name] == own ? reference(type.name) : own;
      }
      components[type.name] = std::move(own);
      return reference(type.name);
    }
  }
  out["x-abi-type"] = contract::type_name(type);
  return out;
}

std::string path_segment(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.,()").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", uint8_t(c));
  }
  return out;
}

Json contract_openapi(const ContractPlace& place, const contract::Interface& interface) {
  // Names of ours that no struct may take.
  Json components = {{"Problem", nullptr}, {"Events", nullptr}};
  Json paths = Json::object();
  const std::string base =
      "/api/v1/chains/" + path_segment(place.chain) + "/contracts/" + path_segment(place.name);
  for (const Entry& entry : interface.entries) {
    if (entry.kind != Entry::Kind::function) continue;
    const std::string function =
        path_segment(is_overloaded(interface, entry) ? entry.signature() : entry.name);
    paths[base + (reads_only(entry) ? "/query/" : "/call/") + function]["post"] =
        operation(interface, entry, components);
  }
  components["Events"] = events_schema(interface, components);
  Json problem = problem_schema();
  problem["properties"]["error"] = errors_schema(interface, components);
  components["Problem"] = std::move(problem);
  return {{"openapi", "3.1.0"},
          {"info", {{"title", place.name}, {"version", std::to_string(place.version)}}},
          {"servers", {{{"url", "/"}}}},
          {"tags",
           {{{"name", "call"}, {"description", "调用：产生交易 · calls, which make a transaction"}},
            {{"name", "query"}, {"description", "查询：不产生交易 · queries, which make none"}}}},
          {"paths", std::move(paths)},
          {"components",
           {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}},
            {"schemas", std::move(components)}}}};
}

}  // namespace chengxin::api
