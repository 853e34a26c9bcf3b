#include "api/resource_tokens.h"

#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

Json describe(const Tokens::Info& info) {
  Json out = {{"id", info.id}, {"name", info.name}, {"role", info.role}, {"created_ms", info.created_ms}};
  if (info.expires_ms) out["expires_ms"] = *info.expires_ms;
  if (info.last_used_ms) out["last_used_ms"] = *info.last_used_ms;
  return out;
}

Task<Result<Response>> list(Call& call) {
  Json items = Json::array();
  for (const auto& info : call.app.tokens.list()) items.push_back(describe(info));
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> create(Call& call) {
  std::optional<int64_t> expires_ms;
  if (call.json.contains("expires_ms")) expires_ms = call.json["expires_ms"].get<int64_t>();
  const std::string role = call.json.value("role", "integrator");
  // Nobody approves a token: an administrator would give himself alone what takes four eyes, roles of his
  // own making that permit this call too.
  if (!call.principal.owner) co_return fail(Code::forbidden, "access.token_owner_only");
  auto created = co_await blocking(
      call.app, [&] { return call.app.tokens.create(call.json["name"], role, expires_ms, now_ms()); });
  if (!created) co_return tl::unexpected(created.error());
  call.audit_detail = created->info.id;
  Json body = describe(created->info);
  body["token"] = created->token;
  co_return json_response(body, 201);
}

Task<Result<Response>> remove(Call& call) {
  auto status = co_await blocking(call.app, [&] { return call.app.tokens.remove(call.path.text("id")); });
  CO_TRY(status);
  co_return Response{204, "", "", {}, {}};
}

}  // namespace

Resource tokens_resource() {
  const Json text = {{"type", "string"}}, time = {{"type", "integer"}, {"minimum", 0}};
  Resource resource;
  resource.schemas["Token"] = {{"type", "object"},
                               {"required", {"id", "name", "role", "created_ms"}},
                               {"properties",
                                {{"id", text},
                                 {"name", text},
                                 {"role", text},
                                 {"created_ms", time},
                                 {"expires_ms", time},
                                 {"last_used_ms", time},
                                 {"token", text}}}};
  resource.schemas["TokenList"] = {
      {"type", "object"},
      {"required", {"items"}},
      {"properties", {{"items", {{"type", "array"}, {"items", reference("Token")}}}}}};
  resource.schemas["NewToken"] =
      object_schema({{"name", {{"type", "string"}, {"minLength", 1}, {"maxLength", 100}}},
                     {"role", {{"type", "string"}, {"enum", {"integrator", "reader", "regulator"}}}},
                     {"expires_ms", time}},
                    {"name"});
  resource.routes = {
      {.path = "/api/v1/tokens",
       .id = "listTokens",
       .summary = {"列出访问令牌", "List the tokens"},
       .tag = "tokens",
       .access = Access::owner,
       .answers = {{200, "application/json", reference("TokenList"), {}}},
       .handler = list},
      {.method = Method::post,
       .path = "/api/v1/tokens",
       .id = "createToken",
       .summary = {"新建访问令牌（只显示一次）", "Make a token (shown once)"},
       .tag = "tokens",
       .access = Access::owner,
       .body = {{"application/json", reference("NewToken")}},
       .answers = {{201, "application/json", reference("Token"), {}}},
       .reasons = {"auth.expiry", "auth.too_many_tokens", "access.token_owner_only"},
       .handler = create},
      {.method = Method::del,
       .path = "/api/v1/tokens/{id}",
       .id = "removeToken",
       .summary = {"作废访问令牌", "Revoke a token"},
       .tag = "tokens",
       .access = Access::owner,
       .answers = {{204, "", {}, {}}},
       .reasons = {"auth.no_token"},
       .handler = remove},
  };
  return resource;
}

}  // namespace chengxin::api
