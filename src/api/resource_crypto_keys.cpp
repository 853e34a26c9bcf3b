#include "api/resource_crypto_keys.h"

#include "api/app.h"
#include "api/crypto_service.h"
#include "api/crypto_uses.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

using Keys = keys::Service;

template <typename Work>
auto work(Call& call, Work what) {
  return blocking(call.app, [&call, what] { return what(call.app.services.crypto->keys); });
}

Result<Response> answer(Result<keys::NamedKey> key, int status = 200) {
  if (!key) return tl::unexpected(key.error());
  return json_response(keys::describe(*key), status);
}

Task<Result<Response>> list(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    Json items = Json::array();
    for (const auto& key : service.visible(caller_of(call))) items.push_back(keys::describe(key));
    return json_response({{"items", std::move(items)}});
  });
}

Task<Result<Response>> show(Call& call) {
  co_return co_await work(
      call, [&](Keys& service) { return answer(service.visible(caller_of(call), call.path.text("id"))); });
}

Task<Result<Response>> create(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    const Json policy = call.json.value("policy", Json::object());
    TRY(keys::check_policy(policy));
    const auto kind = keys::kind_of(call.json.value("algorithm", "sm2"));
    return answer(service.ring().generate(call.json["name"], *kind, {call.principal.id}, policy), 201);
  });
}

Task<Result<Response>> set_policy(Call& call) {
  co_return co_await work(call, [&](Keys& service) {
    return answer(service.set_policy(call.path.text("id"), call.json, call.principal.id));
  });
}

Task<Result<Response>> rotate(Call& call) {
  co_return co_await work(call, [&](Keys& service) {
    return answer(service.ring().rotate(call.path.text("id"), {call.principal.id}));
  });
}

Task<Result<Response>> revoke(Call& call) {
  co_return co_await work(call, [&](Keys& service) {
    return answer(service.ring().revoke(call.path.text("id"), uint64_t(call.path.number("version")),
                                        call.json["why"], {call.principal.id}));
  });
}

Task<Result<Response>> destroy(Call& call) {
  co_return co_await work(call, [&](Keys& service) {
    return answer(service.ring().destroy(call.path.text("id"), uint64_t(call.path.number("version")),
                                         {call.principal.id}));
  });
}

Task<Result<Response>> settings(Call& call) {
  co_return json_response(call.app.services.crypto->keys.settings());
}

Task<Result<Response>> change_settings(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    TRY(service.configure(call.json, call.principal.id));
    return json_response(service.settings());
  });
}

Task<Result<Response>> journal(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(Json records, service.ring().journal());
    return json_response({{"journal_key", hex(service.ring().journal_key())},
                          {"head", hex(service.ring().head())},
                          {"items", std::move(records)}});
  });
}

Task<Result<Response>> provider(Call& call) {
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    ASSIGN(const keys::Info info, service.ring().provider().info());
    Json algorithms = Json::array();
    for (auto each : info.algorithms) algorithms.push_back(keys::algorithm_name(each));
    return json_response({{"kind", info.kind},
                          {"name", info.name},
                          {"maker", info.maker},
                          {"serial", info.serial},
                          {"version", info.version},
                          {"algorithms", algorithms},
                          {"generates", info.generates},
                          {"decrypts", info.decrypts}});
  });
}

Task<Result<Response>> uses(Call& call) {
  UseFilter filter{call.query.text("caller"),
                   call.query.text("key"),
                   call.query.text("operation"),
                   call.query.text("outcome"),
                   {},
                   {}};
  if (call.query.find("from_ms")) filter.from_ms = call.query.number("from_ms");
  if (call.query.find("until_ms")) filter.until_ms = call.query.number("until_ms");
  co_return co_await work(call, [&](Keys& service) -> Result<Response> {
    auto& database = *call.app.services.database;
    TRY(keep_crypto_uses(database, service.uses()));
    ASSIGN(const auto found,
           crypto_uses(database, filter, call.query.text("cursor"), size_t(page_limit(call))));
    ASSIGN(const auto totals, crypto_use_totals(database, filter));
    Json items = Json::array();
    for (const auto& row : found.rows) {
      const keys::Use use = use_of(row);
      items.push_back({{"hour_ms", use.hour_ms},
                       {"caller", use.what.caller},
                       {"key", use.what.key},
                       {"operation", use.what.operation},
                       {"outcome", use.what.outcome},
                       {"calls", use.calls},
                       {"items", use.items},
                       {"last_ms", use.last_ms}});
    }
    Response response = page(call, std::move(items), found.next);
    Json body = Json::parse(response.body);
    body["totals"] = {{"calls", totals.calls}, {"items", totals.items}, {"refused", totals.refused}};
    response.body = body.dump();
    return response;
  });
}

Json policy_schema() {
  Json limit = {{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000'000}};
  Json operations = list_schema(enum_schema({"sign", "verify", "encrypt", "decrypt", "hmac"}));
  Json users = list_schema({{"type", "string"}, {"maxLength", 128}});
  users["maxItems"] = 1000;
  return object_schema({{"users", users},
                        {"operations", operations},
                        {"limit_per_minute", limit},
                        {"enabled", {{"type", "boolean"}}}});
}

void add_schemas(Resource& resource) {
  const Json name = {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}};
  const Json free = {{"type", "object"}};
  resource.schemas["CryptoPolicy"] = policy_schema();
  resource.schemas["CryptoSettings"] = object_schema(
      {{"enabled", {{"type", "boolean"}}},
       {"disabled_operations",
        list_schema(enum_schema({"sign", "verify", "encrypt", "decrypt", "hmac", "hash", "random"}))},
       {"limit_per_minute", {{"type", "integer"}, {"minimum", 0}, {"maximum", 1'000'000'000}}}});
  resource.schemas["NewCryptoKey"] = object_schema(
      {{"name", name}, {"algorithm", enum_schema({"sm2", "sm4"})}, {"policy", reference("CryptoPolicy")}},
      {"name"});
  resource.schemas["CryptoKeyVersion"] =
      object_schema({{"version", integer_schema()},
                     {"id", text_schema()},
                     {"state", enum_schema({"current", "retired", "revoked", "destroyed"})},
                     {"created_ms", integer_schema()},
                     {"public_key", hex_schema()},
                     {"why", text_schema()},
                     {"link", free}});
  resource.schemas["CryptoKey"] = object_schema({{"name", name},
                                                 {"algorithm", enum_schema({"sm2", "es256", "sm4"})},
                                                 {"policy", reference("CryptoPolicy")},
                                                 {"versions", list_schema(reference("CryptoKeyVersion"))}});
  resource.schemas["CryptoKeyList"] =
      object_schema({{"items", list_schema(reference("CryptoKey"))}}, {"items"});
  resource.schemas["CryptoJournal"] = object_schema(
      {{"journal_key", hex_schema()}, {"head", sm3_schema()}, {"items", list_schema(free)}}, {"items"});
  resource.schemas["CryptoProvider"] = object_schema({{"kind", text_schema()},
                                                      {"name", text_schema()},
                                                      {"maker", text_schema()},
                                                      {"serial", text_schema()},
                                                      {"version", text_schema()},
                                                      {"algorithms", list_schema(text_schema())},
                                                      {"generates", {{"type", "boolean"}}},
                                                      {"decrypts", {{"type", "boolean"}}}});
  resource.schemas["CryptoUse"] = object_schema({{"hour_ms", integer_schema()},
                                                 {"caller", text_schema()},
                                                 {"key", text_schema()},
                                                 {"operation", text_schema()},
                                                 {"outcome", text_schema()},
                                                 {"calls", integer_schema()},
                                                 {"items", integer_schema()},
                                                 {"last_ms", integer_schema()}});
  Json all = page_schema("CryptoUse");
  all["properties"]["totals"] = object_schema(
      {{"calls", integer_schema()}, {"items", integer_schema()}, {"refused", integer_schema()}});
  resource.schemas["CryptoUses"] = all;
  resource.schemas["CryptoRevocation"] =
      object_schema({{"why", {{"type", "string"}, {"minLength", 1}, {"maxLength", 500}}}}, {"why"});
}

}  // namespace

Resource crypto_keys_resource() {
  Resource resource;
  add_schemas(resource);
  const Answer key = {200, "application/json", reference("CryptoKey"), {}};
  const std::string base = "/api/v1/crypto", one = base + "/keys/{id}";
  const auto row = [&](Method method, std::string path, std::string id, Words summary, Access access,
                       Handler handler, std::vector<Media> body, Answer result,
                       std::vector<std::string> reasons) {
    resource.routes.push_back(
        {.method = method,
         .path = std::move(path),
         .id = std::move(id),
         .summary = std::move(summary),
         .tag = access == Access::owner ? "keys" : "crypto",  // keeping keys, using them
         .access = access,
         .body = std::move(body),
         .answers = {std::move(result)},
         .reasons = std::move(reasons),
         .handler = std::move(handler)});
  };
  const auto media = [](const char* schema) {
    return std::vector<Media>{{"application/json", reference(schema)}};
  };
  row(Method::get, base + "/keys", "listCryptoKeys",
      {"列出可用的密钥", "List the keys that the caller may use"}, Access::token, list, {},
      {200, "application/json", reference("CryptoKeyList"), {}}, {});
  row(Method::post, base + "/keys", "createCryptoKey", {"生成命名密钥", "Make a named key"}, Access::owner,
      create, media("NewCryptoKey"), {201, "application/json", reference("CryptoKey"), {}},
      {"keys.exists", "keys.name", "keys.unsupported", "keys.locked", "crypto.policy"});
  row(Method::get, one, "getCryptoKey", {"查看密钥及其版本", "A key and its versions"}, Access::token, show,
      {}, key, {"keys.not_found"});
  row(Method::put, one + "/policy", "setCryptoKeyPolicy", {"设置密钥策略", "Set a key's policy"},
      Access::owner, set_policy, media("CryptoPolicy"), key, {"keys.not_found", "crypto.policy"});
  row(Method::post, one + "/rotate", "rotateCryptoKey", {"轮换密钥", "Rotate a key"}, Access::owner, rotate,
      {}, key, {"keys.not_found", "keys.revoked", "keys.destroyed", "keys.locked"});
  row(Method::post, one + "/versions/{version}/revoke", "revokeCryptoKey",
      {"吊销密钥版本", "Revoke a version of a key"}, Access::owner, revoke, media("CryptoRevocation"), key,
      {"keys.not_found", "keys.revoked", "keys.destroyed"});
  row(Method::del, one + "/versions/{version}", "destroyCryptoKey",
      {"销毁密钥版本（不可恢复）", "Destroy a version of a key, for good"}, Access::owner, destroy, {}, key,
      {"keys.not_found", "keys.destroyed"});
  row(Method::get, base + "/settings", "getCryptoSettings",
      {"查看密码服务配置", "Settings of the cryptographic service"}, Access::token, settings, {},
      {200, "application/json", reference("CryptoSettings"), {}}, {});
  row(Method::put, base + "/settings", "setCryptoSettings", {"修改密码服务配置", "Change the settings"},
      Access::owner, change_settings, media("CryptoSettings"),
      {200, "application/json", reference("CryptoSettings"), {}}, {"crypto.policy"});
  row(Method::get, base + "/journal", "getCryptoJournal",
      {"密钥操作日志（SM3 链，已签名）", "What was done to keys: chained by SM3, signed"}, Access::owner,
      journal, {}, {200, "application/json", reference("CryptoJournal"), {}}, {});
  row(Method::get, base + "/provider", "getCryptoProvider", {"密码设备信息", "Where the keys are"},
      Access::owner, provider, {}, {200, "application/json", reference("CryptoProvider"), {}},
      {"keys.device", "keys.token_gone", "keys.timeout"});
  row(Method::get, base + "/uses", "listCryptoUses",
      {"密码服务使用审计：按小时、调用方、密钥、操作统计",
       "Uses, counted by hour, caller, key, operation and outcome"},
      Access::owner, uses, {}, {200, "application/json", reference("CryptoUses"), {}}, {"sql.cursor"});
  const Json time = {{"type", "integer"}, {"minimum", 0}};
  resource.routes.back().query =
      page_parameters({{"caller", text_schema(), {"调用方", "Caller"}},
                       {"key", text_schema(), {"密钥名", "Name of a key"}},
                       {"operation", text_schema(), {"操作", "Operation"}},
                       {"outcome", text_schema(), {"结果", "Outcome: ok, or a reason"}},
                       {"from_ms", time, {"起始时间", "From"}, false, "hour_ms"},
                       {"until_ms", time, {"截止时间", "Until"}, false, "hour_ms"}});
  return resource;
}

}  // namespace chengxin::api
