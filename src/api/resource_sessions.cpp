#include "api/resource_sessions.h"

#include "access/service.h"
#include "api/authorise.h"
#include "api/describe.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

using access::Service;

Service& service_of(const Call& call) { return *call.app.services.access; }

Status need_session(const Call& call) {
  if (call.principal.kind == Principal::Kind::session) return {};
  return fail(Code::forbidden, "access.session_required");
}

tl::unexpected<Error> too_many_waiting() {
  return tl::unexpected(Error{Code::busy, "api.busy", "too many sign-ins are waiting", 1000});
}

// Work that hashes passwords has threads of its own: it takes its time, and must not take that of others. Of
// who has signed in, they are not those that strangers keep busy, and nobody takes more than his share of
// them.
template <typename Work>
Task<std::invoke_result_t<Work>> hashing(Call& call, Work work) {
  const auto place = call.app.own_sign_in_places.take(call.principal.user);
  if (!place) co_return too_many_waiting();
  co_return co_await call.app.known_sign_ins.run(std::move(work));
}

Result<access::Proofs> proofs_of(const Json& json) {
  access::Proofs out;
  if (const auto password = json.find("password"); password != json.end())
    out.password = crypto::to_secret(view(password->get_ref<const std::string&>()));
  out.code = json.value("code", "");
  out.certificate_pem = json.value("certificate", "");
  out.challenge = json.value("challenge", "");
  ASSIGN(out.signature, unhex(json.value("signature", "")));
  return out;
}

Json factors_of(int factors) {
  Json out = Json::array();
  for (auto [bit, name] :
       {std::pair(access::kPassword, "password"), std::pair(access::kOneTimeCode, "code"),
        std::pair(access::kCertificate, "certificate"), std::pair(access::kOutside, "outside")})
    if (factors & bit) out.push_back(name);
  return out;
}

Json describe(const access::Session& session) {
  Json out = {{"id", session.id},
              {"factors", factors_of(session.factors)},
              {"must_change", session.must_change},
              {"agent", session.agent},
              {"address", session.address},
              {"created_ms", session.created_ms},
              {"used_ms", session.used_ms}};
  if (session.must_prove) out["must_prove"] = true;
  if (!session.outside.provider.empty()) out["provider"] = session.outside.provider;
  return out;
}

}  // namespace

Response opened_session(Call& call, const access::Sessions::Opened& opened, bool cookie, int status) {
  Json body = describe(opened.session);
  body["user"] = opened.session.user;
  if (cookie)
    body["page_token"] = access::Sessions::page_token(opened.secret);
  else
    body["token"] = opened.secret;
  Response response = json_response(body, status);
  if (cookie) response.headers.emplace_back("Set-Cookie", set_cookie(call.app, opened.secret));
  return response;
}

namespace {

Task<Result<Response>> challenge(Call& call) {
  const std::string user = call.json["name"];
  const std::string value = service_of(call).challenge(now_ms());
  co_return json_response({{"challenge", value}, {"message", service_of(call).login_message(user, value)}},
                          201);
}

Task<Result<Response>> sign_in(Call& call) {
  access::SignIn request{call.json["name"], {}, std::string(call.agent), std::string(call.peer)};
  call.audit_detail = "account " + request.name;
  CO_ASSIGN(request.proofs, proofs_of(call.json));
  // A wrong certificate is refused before anything is hashed, so those tries take little from each other.
  const bool certified = !request.proofs.certificate_pem.empty();
  Places& places = certified ? call.app.known_sign_in_places : call.app.sign_in_places;
  Workers& workers = certified ? call.app.known_sign_ins : call.app.sign_ins;
  const auto place = places.take(request.address);
  if (!place) co_return too_many_waiting();
  auto done = co_await workers.run([&] { return service_of(call).sign_in(request, now_ms()); });
  if (!done) co_return tl::unexpected(done.error());
  call.principal.id = "user:" + done->session.user;  // for the audit log
  co_return opened_session(call, *done, call.json.value("cookie", false), 201);
}

Task<Result<Response>> step_up(Call& call) {
  CO_TRY(need_session(call));
  CO_ASSIGN(auto proofs, proofs_of(call.json));
  auto done = co_await hashing(
      call, [&] { return service_of(call).step_up(call.principal.secret, proofs, now_ms()); });
  if (!done) co_return tl::unexpected(done.error());
  co_return opened_session(call, *done, call.principal.cookie, 200);
}

Task<Result<Response>> list(Call& call) {
  CO_TRY(need_session(call));
  Json items = Json::array();
  for (const auto& one : service_of(call).sessions().list(call.principal.user, now_ms())) {
    items.push_back(describe(one));
    items.back()["current"] = one.id == call.principal.session.id;
  }
  co_return json_response({{"items", std::move(items)}});
}

Response gone(Call& call, bool own) {
  Response response{204, "", "", {}, {}};
  if (own && call.principal.cookie) response.headers.emplace_back("Set-Cookie", set_cookie(call.app, ""));
  return response;
}

Task<Result<Response>> end(Call& call) {
  CO_TRY(need_session(call));
  const std::string asked = call.path.text("session");
  const std::string id = asked == "current" ? call.principal.session.id : asked;
  auto done =
      co_await blocking(call.app, [&] { return service_of(call).sessions().end(call.principal.user, id); });
  CO_TRY(done);
  co_return gone(call, id == call.principal.session.id);
}

Task<Result<Response>> end_all(Call& call) {
  CO_TRY(need_session(call));
  auto done = co_await blocking(call.app, [&] { return service_of(call).sign_out(call.principal.user); });
  CO_TRY(done);
  co_return gone(call, true);
}

// What somebody may call, for pages that show no buttons which would be refused.
Json actions_of(const Call& call) {
  Json out = Json::array();
  for (const Route& route : call.app.routes)
    if (route.access != Access::open && decide(call.app, call.principal, action_of(route), route.access))
      out.push_back(route.id);
  return out;
}

Task<Result<Response>> me(Call& call) {
  constexpr std::string_view kinds[] = {"nobody", "owner", "token", "session", "service"};
  const Principal& who = call.principal;
  Json body = {{"kind", kinds[int(who.kind)]}, {"id", who.id}, {"actions", actions_of(call)}};
  if (who.kind == Principal::Kind::token) body["roles"] = {who.role};
  if (who.user.empty()) co_return json_response(body);
  auto user = co_await blocking(call.app, [&] { return service_of(call).users().get(who.user); });
  if (!user) co_return tl::unexpected(user.error());
  body["name"] = user->name;
  body["user"] = who.user;
  body["organisation"] = who.organisation;
  const auto policy = service_of(call).policies().current();
  auto roles = policy->roles_of(who.user, now_ms());
  for (const auto* rule : policy->rules_for(who.user, who.session.outside)) roles.insert(rule->role);
  body["roles"] = roles;
  if (const auto limited = policy->chains_of(who.user, now_ms()); !limited.empty()) body["chains"] = limited;
  if (!user->outside.empty()) body["outside"] = user->outside;
  body["code_device"] = user->code_confirmed;
  if (who.kind == Principal::Kind::session) {
    body["session"] = describe(who.session);
    if (who.cookie) body["page_token"] = access::Sessions::page_token(who.secret);
  }
  co_return json_response(body);
}

Task<Result<Response>> change_password(Call& call) {
  CO_TRY(need_session(call));
  const auto &before = call.json["old"].get_ref<const std::string&>(),
             &after = call.json["new"].get_ref<const std::string&>();
  auto done = co_await hashing(
      call, [&] { return service_of(call).change_password(call.principal.secret, before, after, now_ms()); });
  if (!done) co_return tl::unexpected(done.error());
  co_return opened_session(call, *done, call.principal.cookie, 200);
}

Task<Result<Response>> begin_code(Call& call) {
  CO_TRY(need_session(call));
  const auto algorithm = *access::algorithm_of(call.json["algorithm"].get<std::string>());
  auto address = co_await blocking(
      call.app, [&] { return service_of(call).begin_code(call.principal.user, algorithm); });
  if (!address) co_return tl::unexpected(address.error());
  co_return json_response({{"address", *address}}, 201);
}

Task<Result<Response>> confirm_code(Call& call) {
  CO_TRY(need_session(call));
  const std::string code = call.json["code"];
  auto done = co_await blocking(
      call.app, [&] { return service_of(call).confirm_code(call.principal.user, code, now_ms()); });
  CO_TRY(done);
  co_return Response{204, "", "", {}, {}};
}

Json bounded(size_t least, size_t most) {
  return {{"type", "string"}, {"minLength", least}, {"maxLength", most}};
}

Schemas schemas() {
  const Json proofs = {{"password", bounded(1, 128)},
                       {"code", bounded(6, 8)},
                       {"certificate", bounded(1, 64 << 10)},
                       {"challenge", bounded(1, 128)},
                       {"signature", hex_schema()}};
  Json whole = proofs;
  whole["name"] = bounded(1, 64);
  whole["cookie"] = {{"type", "boolean"}};
  Schemas out;
  out["SignIn"] = object_schema(whole, {"name"});
  out["Proofs"] = object_schema(proofs);
  out["ChallengeFor"] = object_schema({{"name", bounded(1, 64)}}, {"name"});
  out["Challenge"] =
      object_schema({{"challenge", text_schema()}, {"message", text_schema()}}, {"challenge", "message"});
  out["Session"] = {{"type", "object"}};
  out["SessionList"] = object_schema({{"items", list_schema(reference("Session"))}}, {"items"});
  out["Me"] = {{"type", "object"}};
  out["PasswordChange"] = object_schema({{"old", bounded(1, 128)}, {"new", bounded(1, 128)}}, {"old", "new"});
  out["CodeDevice"] = object_schema({{"algorithm", enum_schema({"sm3", "sha1", "sha256"})}}, {"algorithm"});
  out["CodeAddress"] = object_schema({{"address", text_schema()}}, {"address"});
  out["OneTimeCode"] = object_schema({{"code", bounded(6, 8)}}, {"code"});
  return out;
}

const std::vector<std::string> kSignInReasons = {"access.login_failed",
                                                 "access.locked",
                                                 "access.disabled",
                                                 "access.nothing_shown",
                                                 "access.second_factor_required",
                                                 "access.ended_meanwhile",
                                                 "access.certificate_required",
                                                 "access.certificate_signature",
                                                 "access.certificate_other",
                                                 "access.challenge",
                                                 "access.code_wrong",
                                                 "access.code_used",
                                                 "access.code_clock",
                                                 "access.no_code_device",
                                                 "access.no_roots",
                                                 "access.row_bent"};

Route row(Method method, std::string path, std::string id, Words summary, Handler handler) {
  return {.method = method,
          .path = "/api/v1/" + path,
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "sessions",
          .access = Access::self,
          .answers = {{204, "", {}, {}}},
          .handler = std::move(handler)};
}

Route with(Route route, std::string_view body, int status, std::string_view answer,
           std::vector<std::string> reasons = {}) {
  if (!body.empty()) route.body = {{"application/json", reference(body)}};
  if (!answer.empty()) route.answers = {{status, "application/json", reference(answer), {}}};
  route.reasons = std::move(reasons);
  return route;
}

}  // namespace

Resource sessions_resource() {
  Resource resource;
  resource.schemas = schemas();
  Route asking = with(row(Method::post, "sessions/challenge", "askChallenge",
                          {"获取证书登录的挑战", "A challenge to sign in with a certificate"}, challenge),
                      "ChallengeFor", 201, "Challenge");
  Route entering = with(row(Method::post, "sessions", "signIn", {"登录", "Sign in"}, sign_in), "SignIn", 201,
                        "Session", kSignInReasons);
  asking.access = entering.access = Access::open;
  Route proving =
      with(row(Method::post, "sessions/step-up", "stepUp", {"补充鉴别方式", "Show one more factor"}, step_up),
           "Proofs", 200, "Session", kSignInReasons);
  Route changing = with(
      row(Method::put, "me/password", "changePassword", {"修改口令", "Change the password"}, change_password),
      "PasswordChange", 200, "Session",
      {"access.login_failed", "access.locked", "access.password_short", "access.password_long",
       "access.password_classes", "access.password_name", "access.password_history"});
  entering.secret = proving.secret = changing.secret = true;
  asking.reads = true;  // nothing is kept of a challenge before its use
  resource.routes = {
      asking,
      entering,
      proving,
      with(row(Method::get, "sessions", "listSessions", {"我的登录设备", "Where one is signed in"}, list), "",
           200, "SessionList"),
      with(row(Method::del, "sessions/{session}", "endSession",
               {"退出一处登录（current：本次）", "Sign out of one (current: this)"}, end),
           "", 204, "", {"access.no_session"}),
      row(Method::del, "sessions", "endAllSessions", {"退出全部登录", "Sign out everywhere"}, end_all),
      with(row(Method::get, "me", "getMe", {"我是谁，能做什么", "Who one is and what one may do"}, me), "",
           200, "Me"),
      changing,
      with(row(Method::post, "me/code", "beginCode", {"绑定动态口令设备", "Begin with a code device"},
               begin_code),
           "CodeDevice", 201, "CodeAddress", {"access.code_device"}),
      with(row(Method::put, "me/code", "confirmCode", {"确认动态口令设备", "Confirm the code device"},
               confirm_code),
           "OneTimeCode", 204, "",
           {"access.code_device", "access.code_wrong", "access.code_used", "access.code_clock"}),
  };
  return resource;
}

}  // namespace chengxin::api
