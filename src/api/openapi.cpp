#include "api/openapi.h"

#include <boost/algorithm/string/case_conv.hpp>
#include <set>

#include "api/problem.h"
#include "texts/texts.h"

namespace chengxin::api {
namespace {

Json text_or(const std::string& text, std::string_view fallback) {
  return text.empty() ? Json(fallback) : Json(text);
}

Json parameter(const std::string& name, const char* in, const Json& schema, const Words& words,
               bool required) {
  Json out = {{"name", name},
              {"in", in},
              {"required", required},
              {"schema", schema},
              {"description", words.zh},
              {"x-description-en", words.en}};
  if (schema.value("type", "") == "array") {
    out["style"] = "form";
    out["explode"] = false;
  }
  return out;
}

Json content(const std::string& type, const Json& schema) {
  if (type.empty()) return Json::object();
  Json media = Json::object();
  if (!schema.is_null()) media["schema"] = schema;
  return {{type, media}};
}

Json problem_response(int status, const std::vector<std::string>& reasons) {
  Json out = {{"description", status_text(status).zh},
              {"x-description-en", status_text(status).en},
              {"content", content("application/problem+json", reference("Problem"))}};
  for (const auto& reason : reasons) out["x-reasons"][reason] = texts::reason(reason, texts::Language::zh);
  return out;
}

// Reasons that every call, or every call of its kind, may give; with their codes for the status.
std::map<int, std::vector<std::string>> common_problems(const Route& route) {
  std::map<int, std::vector<std::string>> out;
  out[400] = {"api.malformed", "api.bad_path"};
  if (!route.query.empty())
    out[400].insert(out[400].end(), {"api.unknown_parameter", "api.wrong_type", "api.out_of_range"});
  if (route.access != Access::open) out[401] = {"auth.missing", "auth.invalid"};
  out[403] = {"api.host_refused", "api.origin_refused"};
  if (route.access == Access::owner) out[403].push_back("auth.owner_only");
  if (!route.body.empty()) {
    out[411] = {"api.length_required"};
    out[413] = {"api.body_too_large"};
    out[415] = {"api.media_type"};
  }
  if (route.idempotent)
    out[409] = {"idempotency.key_reused", "idempotency.in_progress", "idempotency.outcome_unknown"};
  out[429] = {"api.busy"};
  return out;
}

Json operation(const Route& route) {
  Json out = {{"operationId", route.id}, {"summary", route.summary.zh}, {"x-summary-en", route.summary.en},
              {"tags", {route.tag}},     {"parameters", Json::array()}, {"responses", Json::object()}};
  for (const auto& name : Router::parameter_names(route.path)) {
    const auto& known = path_parameters().find(name)->second;
    out["parameters"].push_back(parameter(name, "path", known.schema, known.words, true));
  }
  for (const auto& one : route.query)
    out["parameters"].push_back(parameter(one.name, "query", one.schema, one.words, one.required));
  if (route.idempotent)
    out["parameters"].push_back(
        parameter("Idempotency-Key", "header", {{"type", "string"}, {"maxLength", 128}},
                  {"重复提交同一请求时只执行一次，保留二十四小时",
                   "A repeated request with this key is executed once; kept for 24 h"},
                  false));
  if (!route.body.empty()) {
    Json body = {{"required", true}, {"content", Json::object()}};
    for (const auto& media : route.body) body["content"].update(content(media.type, media.schema));
    out["requestBody"] = std::move(body);
  }
  for (const auto& answer : route.answers)
    out["responses"][std::to_string(answer.status)] = {
        {"description", text_or(answer.words.zh, status_text(answer.status).zh)},
        {"x-description-en", text_or(answer.words.en, status_text(answer.status).en)},
        {"content", content(answer.type, answer.schema)}};
  for (auto& [status, reasons] : common_problems(route))
    out["responses"][std::to_string(status)] = problem_response(status, reasons);
  out["responses"]["default"] = problem_response(500, route.reasons);
  out["responses"]["default"]["description"] = "其余错误见 reason";
  out["responses"]["default"]["x-description-en"] = "Other errors: see reason";
  out["security"] = route.access == Access::open ? Json::array() : Json::array({{{"bearer", Json::array()}}});
  if (route.access == Access::owner) out["x-owner-only"] = true;
  return out;
}

}  // namespace

Json problem_schema() {
  auto text = [](const char* words) { return Json{{"type", "string"}, {"description", words}}; };
  return {{"type", "object"},
          {"required", {"type", "title", "status", "reason", "request_id"}},
          {"properties",
           {{"type", text("URI reference: /problems/{reason}")},
            {"title", text("原因（中文）")},
            {"title_en", text("Reason in English")},
            {"status", {{"type", "integer"}}},
            {"reason", text("稳定的原因键 stable reason key")},
            {"detail", text("细节；请求体错误以 JSON Pointer 开头")},
            {"errors",
             {{"type", "array"},
              {"description", "record.invalid：每处一项 one for each field that is wrong"},
              {"items",
               {{"type", "object"},
                {"required", {"field", "reason", "zh", "en"}},
                {"properties",
                 {{"field", text("lines[2].quantity; \"\": the whole")},
                  {"reason", text("稳定的原因键 stable reason key")},
                  {"detail", text("细节")},
                  {"zh", text("原因（中文）")},
                  {"en", text("Reason in English")}}}}}}},
            {"request_id", text("also in X-Request-Id")}}}};
}

const std::map<std::string, PathParameter, std::less<>>& path_parameters() {
  static const Json text = {{"type", "string"}, {"minLength", 1}, {"maxLength", 128}};
  static const Json sm3 = {{"type", "string"}, {"format", "sm3"}};
  static const std::map<std::string, PathParameter, std::less<>> table = {
      {"chain", {text, {"链名或十六进制链标识", "Name or hexadecimal id of a chain"}}},
      {"height", {{{"type", "integer"}, {"minimum", 0}}, {"区块高度", "Height of a block"}}},
      {"hash", {sm3, {"交易哈希（SM3，十六进制）", "Transaction hash (SM3, hexadecimal)"}}},
      {"digest", {sm3, {"内容摘要（SM3，十六进制）", "Digest of the content (SM3, hexadecimal)"}}},
      {"key",
       {{{"type", "string"}, {"format", "hex"}, {"minLength", 2}, {"maxLength", 2048}},
        {"状态键（十六进制）", "State key (hexadecimal)"}}},
      {"id", {text, {"标识", "Identifier"}}},
      {"contract", {text, {"合约名", "Name of a contract"}}},
      {"version", {{{"type", "integer"}, {"minimum", 1}, {"maximum", UINT32_MAX}}, {"版本", "Version"}}},
      {"function",
       {{{"type", "string"}, {"minLength", 1}, {"maxLength", 4096}},
        {"函数名；重载时为其签名", "A function's name; its signature where that is overloaded"}}},
      {"request",
       {{{"type", "string"}, {"minLength", 1}, {"maxLength", 16 << 10}},
        {"base64 编码的请求", "A request in base64"}}},
      {"sequence",
       {{{"type", "integer"}, {"minimum", 1}}, {"审计日志条目号", "Number of an entry of the audit log"}}},
      {"user", {text, {"用户标识", "Identifier of a user"}}},
      {"provider", {text, {"外部身份提供方的名称", "Name of an outside identity provider"}}},
      {"session", {text, {"会话标识，或 current", "Identifier of a session, or current"}}},
      {"proposal", {text, {"提案标识", "Identifier of a proposal"}}},
      {"record", {text, {"记录标识", "Identifier of a record"}}},
      {"identity",
       {{{"type", "string"}, {"format", "hex"}, {"minLength", 40}, {"maxLength", 40}},
        {"身份标识（40 位十六进制）", "Id of an identity (40 hexadecimal digits)"}}},
      {"act", {text, {"身份合约的方法", "A method of the contract identity"}}},
      {"list", {text, {"状态列表名", "Name of a status list"}}},
      {"scene", {text, {"场景名", "Name of a scene"}}},
      {"did", {{{"type", "string"}, {"minLength", 5}, {"maxLength", 512}}, {"分布式标识", "A DID"}}},
      {"purpose",
       {{{"type", "string"}, {"enum", {"revocation", "suspension"}}},
        {"用途：撤销或暂停", "Revocation or suspension"}}},
      {"number", {{{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000}}, {"编号", "Number"}}},
      {"original", {text, {"原件标识", "Identifier of an original"}}},
      {"pack", {text, {"场景包名", "Name of a pack"}}},
      {"entity", {text, {"实体名", "Name of an entity"}}},
      {"case", {{{"type", "integer"}, {"minimum", 1}}, {"流程实例号", "Number of a case"}}},
      {"task", {text, {"待办：流程实例号.序号", "A task: CASE.NUMBER"}}},
      {"message", {text, {"消息号", "Id of a message"}}},
  };
  return table;
}

Json openapi_document(const std::vector<Route>& routes, const Schemas& schemas, const std::string& version) {
  Json document = {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "城信 Chengxin API"},
        {"version", version},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", {{{"url", "/"}}}},
      {"paths", Json::object()},
      {"components",
       {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}, {"schemas", schemas}}}};
  document["components"]["schemas"]["Problem"] = problem_schema();
  std::set<std::string> tags;
  for (const auto& route : routes) {
    std::string method(method_name(route.method));
    boost::algorithm::to_lower(method);
    document["paths"][route.path][method] = operation(route);
    tags.insert(route.tag);
  }
  for (const auto& tag : tags) document["tags"].push_back({{"name", tag}});
  return document;
}

}  // namespace chengxin::api
