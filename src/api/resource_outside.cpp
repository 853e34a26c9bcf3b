#include "api/resource_outside.h"

#include "access/service.h"
#include "api/authorise.h"
#include "api/describe.h"
#include "api/resource_sessions.h"
#include "base/clock.h"
#include "base/percent.h"
#include "net/form.h"
#include "oidc/relying_party.h"

// Signing in by outside identity providers (docs/access.md): a browser is sent to the provider and comes back
// with a code; a page gets its session then, a program a ticket that it changes for one.
namespace chengxin::api {
namespace {

constexpr std::string_view kPage = "/docs";  // where a page goes that has signed in

access::Service& service_of(const Call& call) { return *call.app.services.access; }
oidc::RelyingParty& party_of(const Call& call) { return *call.app.services.oidc; }

// Providers take their time, and must not take that of others.
template <typename Work>
auto waiting(Call& call, Work work) {
  return call.app.provider_work.run(std::move(work));
}

std::string flow_cookie_name(const App& app) {
  return app.options.tls ? "__Host-chengxin-outside" : "chengxin-outside";
}

// Lax: it has to come along when the provider sends the browser back.
std::string flow_cookie(const App& app, const std::string& value) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{}", flow_cookie_name(app), value,
                     value.empty() ? 0 : oidc::kFlowMs / 1000, app.options.tls ? "; Secure" : "");
}

Response go_to(const std::string& address) {
  Response out{303, "", "", {}, {}};
  out.headers.emplace_back("Location", address);
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("Referrer-Policy", "no-referrer");
  return out;
}

// What is a GET for browsers' sake, and changes something.
Status note_change(Call& call) {
  TRY(call.app.trail.allows_changes());
  call.changes = true;
  return {};
}

access::OutsideIdentity vouched(const oidc::Identity& one) {
  return {one.account,
          one.name,
          one.provider,
          one.sub,
          one.sid,
          [&claims = one.claims](std::string_view claim, std::string_view value) {
            return oidc::claim_has(claims, claim, value);
          },
          one.asked_ms};
}

Task<Result<Response>> list(Call& call) {
  Json items = Json::array();
  for (const auto& one : party_of(call).providers()) {
    const auto& settings = one->settings();
    CO_ASSIGN(std::string redirect, party_of(call).redirect_of(settings.name));
    items.push_back({{"name", settings.name},
                     {"title", settings.title},
                     {"title_en", settings.title_en},
                     {"issuer", settings.issuer},
                     {"begin", redirect.substr(0, redirect.rfind('/')) + "/begin"},
                     {"redirect", redirect}});
  }
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> begin(Call& call) {
  const oidc::RelyingParty::Return back{call.query.text("challenge"), call.query.number("port", 0)};
  if (back.port && back.challenge.empty())
    co_return fail(Code::invalid_argument, "api.missing_parameter", "query parameter challenge");
  auto begun = co_await waiting(
      call, [&] { return party_of(call).begin(call.path.text("provider"), back, now_ms()); });
  if (!begun) co_return tl::unexpected(begun.error());
  Response out = go_to(begun->address);
  out.headers.emplace_back("Set-Cookie", flow_cookie(call.app, begun->cookie));
  co_return out;
}

// Of the person's own machine or of this platform, never of anybody else.
std::string place_for_ticket(const oidc::RelyingParty::Return& back, const std::string& ticket) {
  if (back.port) return fmt::format("http://127.0.0.1:{}/?ticket={}", back.port, ticket);
  return fmt::format("{}#ticket={}", kPage, ticket);
}

// His session. Who it is stands in the audit log, also when he is refused.
Result<access::Sessions::Opened> enter(Call& call, const oidc::Identity& identity) {
  call.audit_detail = identity.account;
  ASSIGN(auto opened, service_of(call).sign_in_outside(vouched(identity), std::string(call.agent),
                                                       std::string(call.peer), now_ms()));
  call.principal.id = "user:" + opened.session.user;
  return opened;
}

Result<Response> arrived(Call& call, oidc::RelyingParty::Come come) {
  if (!come.back.challenge.empty()) {
    ASSIGN(const std::string ticket,
           party_of(call).keep(std::move(come.identity), come.back.challenge, now_ms()));
    return go_to(place_for_ticket(come.back, ticket));
  }
  ASSIGN(const auto opened, enter(call, come.identity));
  Response out = go_to(std::string(kPage));
  out.headers.emplace_back("Set-Cookie", set_cookie(call.app, opened.secret));
  return out;
}

Task<Result<Response>> callback(Call& call) {
  CO_TRY(note_change(call));
  const oidc::RelyingParty::Answer answer{call.query.text("code"), call.query.text("state"),
                                          call.query.text("iss"), call.query.text("error")};
  const std::string cookie(find_cookie(call.cookie, flow_cookie_name(call.app)));
  auto done = co_await waiting(call, [&]() -> Result<Response> {
    ASSIGN(auto come, party_of(call).come_back(call.path.text("provider"), cookie, answer, now_ms()));
    return arrived(call, std::move(come));
  });
  if (done) done->headers.emplace_back("Set-Cookie", flow_cookie(call.app, ""));
  co_return done;
}

Result<oidc::Identity> take_ticket(Call& call) {
  return party_of(call).take(call.json["ticket"], call.json["verifier"].get_ref<const std::string&>(),
                             now_ms());
}

Task<Result<Response>> sign_in(Call& call) {
  auto done = co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(const auto identity, take_ticket(call));
    ASSIGN(const auto opened, enter(call, identity));
    return opened_session(call, opened, call.json.value("cookie", false), 201);
  });
  co_return done;
}

Task<Result<Response>> link(Call& call) {
  if (call.principal.kind != Principal::Kind::session)
    co_return fail(Code::forbidden, "access.session_required");
  auto done = co_await blocking(call.app, [&]() -> Result<Response> {
    ASSIGN(const auto identity, take_ticket(call));
    call.audit_detail = identity.account;
    TRY(service_of(call).link_outside(call.principal.user, identity.account));
    return json_response({{"outside", identity.account}});
  });
  co_return done;
}

Task<Result<Response>> unlink(Call& call) {
  if (call.principal.kind != Principal::Kind::session)
    co_return fail(Code::forbidden, "access.session_required");
  auto done =
      co_await blocking(call.app, [&] { return service_of(call).unlink_outside(call.principal.user); });
  CO_TRY(done);
  co_return Response{204, "", "", {}, {}};
}

// OpenID Connect Back-Channel Logout 1.0 section 2.5 to 2.8: errors are answered with 400.
Task<Result<Response>> end(Call& call) {
  const std::string name = call.path.text("provider");
  auto done = co_await waiting(call, [&]() -> Result<size_t> {
    ASSIGN(auto* provider, party_of(call).find(name));
    ASSIGN(const auto form, net::parse_form(call.body));
    const auto token = form.find("logout_token");
    if (token == form.end()) return fail(Code::invalid_argument, "oidc.token_form", "no logout_token");
    ASSIGN(const auto logout, provider->check_logout(token->second, now_ms()));
    return service_of(call).sessions().end_outside(name, logout.sub, logout.sid, now_ms());
  });
  if (!done && done.error().code == Code::forbidden)
    co_return fail(Code::invalid_argument, done.error().reason, "{}", done.error().detail);
  if (!done) co_return tl::unexpected(done.error());
  call.audit_detail = fmt::format("{} sessions", *done);
  Response out{200, "application/json", "{}", {}, {}};
  out.headers.emplace_back("Cache-Control", "no-store");
  co_return out;
}

// RP-Initiated Logout 1.0: ends the session at the provider, when the one here has ended.
Task<Result<Response>> leave(Call& call) {
  auto address = co_await waiting(call, [&]() -> Result<std::string> {
    ASSIGN(auto* provider, party_of(call).find(call.path.text("provider")));
    ASSIGN(const auto metadata, provider->metadata(now_ms()));
    if (metadata.end_session.empty()) return fail(Code::unsupported, "oidc.no_logout");
    return net::with_query(metadata.end_session,
                           "client_id=" + percent_encode(provider->settings().client_id));
  });
  if (!address) co_return tl::unexpected(address.error());
  co_return go_to(*address);
}

Json bounded(size_t most) { return {{"type", "string"}, {"maxLength", most}}; }

Schemas schemas() {
  const Json ticket = {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}},
             verifier = {{"type", "string"}, {"minLength", 43}, {"maxLength", 128}};
  Schemas out;
  out["SignInProvider"] = {{"type", "object"}};
  out["SignInProviderList"] = object_schema({{"items", list_schema(reference("SignInProvider"))}}, {"items"});
  out["OutsideTicket"] = object_schema({{"ticket", ticket}, {"verifier", verifier}}, {"ticket", "verifier"});
  out["OutsideSignIn"] =
      object_schema({{"ticket", ticket}, {"verifier", verifier}, {"cookie", {{"type", "boolean"}}}},
                    {"ticket", "verifier"});
  out["OutsideAccount"] = object_schema({{"outside", text_schema()}}, {"outside"});
  return out;
}

const std::vector<std::string> kProviderReasons = {
    "oidc.no_provider", "oidc.not_ready",  "oidc.discovery", "oidc.unreachable",      "oidc.timeout",
    "oidc.too_large",   "oidc.plain_http", "oidc.url",       "oidc.address_forbidden"};

const std::vector<std::string> kTokenReasons = {"oidc.token_form",  "oidc.issuer",    "oidc.audience",
                                                "oidc.clock",       "oidc.expired",   "jose.malformed",
                                                "jose.jwk",         "jose.algorithm", "jose.signature",
                                                "jose.key_unknown", "jose.critical"};

const std::vector<std::string> kAccountReasons = {
    "access.outside_unknown", "access.outside_name", "access.user_name",
    "access.shared_name",     "access.locked",       "access.disabled",
    "access.service_account", "access.row_bent",     "access.ended_meanwhile"};

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> lists) {
  std::vector<std::string> out;
  for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}

Route row(Method method, std::string path, std::string id, Words summary, Access access, Handler handler,
          std::vector<std::string> reasons) {
  return {.method = method,
          .path = "/api/v1/" + path,
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "sessions",
          .access = access,
          .answers = {{303, "", {}, {}}},
          .reasons = std::move(reasons),
          .handler = std::move(handler)};
}

Route with(Route route, std::string_view body, int status, std::string_view answer) {
  if (!body.empty()) route.body = {{"application/json", reference(body)}};
  if (answer.empty())
    route.answers = {{status, "", {}, {}}};
  else
    route.answers = {{status, "application/json", reference(answer), {}}};
  return route;
}

}  // namespace

Resource outside_resource() {
  const std::string one = "sessions/outside/{provider}/";
  Route beginning = row(Method::get, one + "begin", "beginOutside",
                        {"到外部身份提供方登录", "Go to an outside provider to sign in"}, Access::open, begin,
                        kProviderReasons);
  beginning.query = {
      {"challenge",
       {{"type", "string"}, {"minLength", 43}, {"maxLength", 43}},
       {"程序用：校验值的 SHA-256（base64url）", "Of a program: SHA-256 of its verifier, base64url"}},
      {"port",
       {{"type", "integer"}, {"minimum", 1024}, {"maximum", 65535}},
       {"程序用：票据送到本机的端口", "Of a program: port of one's own machine for the ticket"}}};
  Route coming = row(Method::get, one + "callback", "comeFromOutside",
                     {"从外部身份提供方返回", "Come back from an outside provider"}, Access::open, callback,
                     joined({kProviderReasons,
                             kTokenReasons,
                             {"oidc.no_flow", "oidc.flow_expired", "oidc.state", "oidc.replayed", "oidc.busy",
                              "oidc.mixed_up", "oidc.denied", "oidc.code", "oidc.nonce", "oidc.access_token",
                              "oidc.secret_file", "oidc.account_claim", "oidc.assurance",
                              "oidc.legal_refused", "oidc.legal_agent"},
                             kAccountReasons}));
  for (const char* name : {"code", "state", "iss", "error"})
    coming.query.push_back({name, bounded(4096), {"提供方所给", "As the provider gave it"}});
  coming.any_query = true;
  Route ending = with(row(Method::post, one + "logout", "endOutside",
                          {"外部身份提供方通知退出", "An outside provider ends its sessions"}, Access::open,
                          end, joined({kProviderReasons, kTokenReasons, {"openid.invalid_request"}})),
                      "", 200, "");
  ending.body = {{"application/x-www-form-urlencoded", {}}};
  Resource resource;
  resource.schemas = schemas();
  resource.routes = {
      with(row(Method::get, "sessions/providers", "listSignInProviders",
               {"可用于登录的外部身份提供方", "Outside providers to sign in by"}, Access::open, list,
               {"oidc.not_ready"}),
           "", 200, "SignInProviderList"),
      beginning,
      coming,
      ending,
      row(Method::get, one + "leave", "leaveOutside",
          {"在外部身份提供方也退出", "Sign out at the outside provider too"}, Access::open, leave,
          joined({kProviderReasons, {"oidc.no_logout"}})),
      with(row(Method::post, "sessions/outside", "signInOutside",
               {"以票据换取登录", "Change a ticket for a session"}, Access::open, sign_in,
               joined({{"oidc.ticket"}, kAccountReasons})),
           "OutsideSignIn", 201, "Session"),
      with(row(Method::put, "me/outside", "linkOutside", {"关联外部账户", "Link one's outside account"},
               Access::self, link, {"oidc.ticket", "access.outside_linked", "access.session_required"}),
           "OutsideTicket", 200, "OutsideAccount"),
      with(row(Method::del, "me/outside", "unlinkOutside", {"解除外部账户", "Unlink one's outside account"},
               Access::self, unlink,
               {"access.outside_none", "access.outside_only", "access.session_required"}),
           "", 204, ""),
  };
  return resource;
}

}  // namespace chengxin::api
