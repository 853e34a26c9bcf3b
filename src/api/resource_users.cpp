#include "api/resource_users.h"

#include "access/service.h"
#include "api/app.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

using access::Service;

Service& service_of(const Call& call) { return *call.app.services.access; }

Json describe(const Service& service, const access::User& user) {
  auto policy = service.policies().current();
  Json out = {{"id", user.id},
              {"name", user.name},
              {"service", user.service},
              {"disabled", user.disabled},
              {"must_change", user.must_change},
              {"code_device", user.code_confirmed},
              {"created_ms", user.created_ms},
              {"roles", policy->roles_of(user.id, now_ms())}};
  if (const auto limited = policy->chains_of(user.id, now_ms()); !limited.empty()) out["chains"] = limited;
  if (user.signed_in_ms) out["signed_in_ms"] = user.signed_in_ms;
  if (const int64_t until = user.failures.locked_until_ms; until > now_ms()) out["locked_until_ms"] = until;
  if (const int64_t until = user.certified_failures.locked_until_ms; until > now_ms())
    out["certified_locked_until_ms"] = until;
  if (!user.outside.empty()) out["outside"] = user.outside;
  if (const auto* known = policy->user(user.id)) out["organisation"] = known->organisation;
  if (user.certificate.empty()) return out;
  if (auto certificate = crypto::Certificate::from_der(user.certificate))
    out["certificate"] = {{"subject", certificate->subject_text()},
                          {"issuer", certificate->issuer_text()},
                          {"serial", hex(certificate->serial)},
                          {"not_after_ms", certificate->not_after_ms},
                          {"key", hex(certificate->public_key->point())}};
  return out;
}

Task<Result<Response>> list(Call& call) {
  const auto limit = size_t(page_limit(call));
  auto users = co_await blocking(
      call.app, [&] { return service_of(call).users().list(call.query.text("cursor"), limit); });
  if (!users) co_return tl::unexpected(users.error());
  Json items = Json::array();
  for (const auto& user : *users) items.push_back(describe(service_of(call), user));
  co_return page(call, std::move(items), users->size() == limit ? users->back().id : "");
}

Task<Result<Response>> get(Call& call) {
  auto user =
      co_await blocking(call.app, [&] { return service_of(call).users().get(call.path.text("user")); });
  if (!user) co_return tl::unexpected(user.error());
  co_return json_response(describe(service_of(call), *user));
}

Task<Result<Response>> add(Call& call) {
  const Json& json = call.json;
  const auto password = json.find("password");
  const access::NewUser request{
      json["name"], password == json.end() ? std::string_view() : password->get_ref<const std::string&>(),
      json.value("certificate", ""), json.value("outside", ""), json.value("service", false)};
  const std::string role = json.value("role", "");
  if (!role.empty() && !call.principal.owner)
    co_return fail(Code::forbidden, "access.not_beginning",
                   "roles are proposed: POST /api/v1/access/proposals");
  auto added = co_await call.app.known_sign_ins.run([&]() -> Result<Service::Added> {
    return role.empty() ? service_of(call).add_user(request, now_ms())
                        : service_of(call).add_first(request, role, now_ms());
  });
  if (!added) co_return tl::unexpected(added.error());
  Json body = describe(service_of(call), added->user);
  if (!added->password.empty()) body["password"] = added->password;
  Response response = json_response(body, 201);
  response.headers.emplace_back("Location", "/api/v1/users/" + added->user.id);
  co_return response;
}

Task<Result<Response>> lock(Call& call) {
  auto done = co_await blocking(call.app, [&] { return service_of(call).lock(call.path.text("user")); });
  CO_TRY(done);
  co_return co_await get(call);
}

Task<Result<Response>> unlock(Call& call) {
  auto done = co_await blocking(call.app, [&] { return service_of(call).unlock(call.path.text("user")); });
  CO_TRY(done);
  co_return co_await get(call);
}

Task<Result<Response>> reset(Call& call) {
  const bool code = call.json.value("code", false);
  auto password = co_await call.app.known_sign_ins.run(
      [&] { return service_of(call).reset(call.path.text("user"), code, now_ms()); });
  if (!password) co_return tl::unexpected(password.error());
  co_return json_response({{"password", *password}});
}

Task<Result<Response>> set_certificate(Call& call) {
  const std::string pem = call.json["certificate"];
  auto done = co_await blocking(
      call.app, [&] { return service_of(call).set_certificate(call.path.text("user"), pem, now_ms()); });
  CO_TRY(done);
  co_return co_await get(call);
}

Task<Result<Response>> end_sessions(Call& call) {
  auto done = co_await blocking(call.app, [&] { return service_of(call).sign_out(call.path.text("user")); });
  CO_TRY(done);
  co_return Response{204, "", "", {}, {}};
}

Schemas schemas() {
  const auto text = [](size_t most) {
    return Json{{"type", "string"}, {"minLength", 1}, {"maxLength", most}};
  };
  const Json flag = {{"type", "boolean"}};
  Schemas out;
  out["User"] = {{"type", "object"}};
  out["UserPage"] = page_schema("User");
  out["NewUser"] = object_schema({{"name", text(64)},
                                  {"password", text(128)},
                                  {"certificate", text(64 << 10)},
                                  {"outside", text(400)},
                                  {"service", flag},
                                  {"role", text(64)}},
                                 {"name"});
  out["UserReset"] = object_schema({{"code", flag}});
  out["TemporaryPassword"] = object_schema({{"password", text_schema()}}, {"password"});
  out["UserCertificate"] = object_schema({{"certificate", text(64 << 10)}}, {"certificate"});
  return out;
}

Route row(Method method, const std::string& path, std::string id, Words summary, std::string_view body,
          int status, std::string_view answer, Handler handler) {
  Route out;
  out.method = method;
  out.path = "/api/v1/users" + path;
  out.id = std::move(id);
  out.summary = std::move(summary);
  out.tag = "users";
  out.access = Access::owner;
  if (!body.empty()) out.body = {{"application/json", reference(body)}};
  if (answer.empty())
    out.answers = {{204, "", {}, {}}};
  else
    out.answers = {{status, "application/json", reference(answer), {}}};
  out.reasons = {"access.no_user", "access.row_bent"};
  out.handler = std::move(handler);
  return out;
}

}  // namespace

Resource users_resource() {
  Resource resource;
  resource.schemas = schemas();
  Route listing =
      row(Method::get, "", "listUsers", {"列出用户", "List the users"}, "", 200, "UserPage", list);
  listing.query = page_parameters();
  Route adding = row(Method::post, "", "addUser", {"新建用户", "Add a user"}, "NewUser", 201, "User", add);
  adding.reasons = {"access.user_name",      "access.shared_name",      "access.user_exists",
                    "access.too_many_users", "access.password_name",    "access.password_short",
                    "access.password_long",  "access.password_classes", "access.no_roots",
                    "access.not_beginning",  "access.role_unknown",     "access.key_missing",
                    "access.duties_overlap"};
  adding.secret = true;
  resource.routes = {
      listing,
      adding,
      row(Method::get, "/{user}", "getUser", {"一个用户", "One user"}, "", 200, "User", get),
      row(Method::post, "/{user}/lock", "lockUser", {"停用用户", "Lock a user out"}, "", 200, "User", lock),
      row(Method::post, "/{user}/unlock", "unlockUser", {"解锁用户", "Unlock a user"}, "", 200, "User",
          unlock),
      row(Method::post, "/{user}/reset", "resetUser", {"重置口令", "Give a temporary password"}, "UserReset",
          200, "TemporaryPassword", reset),
      row(Method::put, "/{user}/certificate", "setUserCertificate", {"登记证书", "Register a certificate"},
          "UserCertificate", 200, "User", set_certificate),
      row(Method::del, "/{user}/sessions", "endUserSessions", {"强制退出", "Sign a user out everywhere"}, "",
          204, "", end_sessions),
  };
  return resource;
}

}  // namespace chengxin::api
