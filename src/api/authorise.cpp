#include "api/authorise.h"

#include <boost/beast/core/string.hpp>

#include "access/service.h"
#include "base/clock.h"
#include "crypto/secret.h"

namespace chengxin::api {
namespace {

constexpr std::string_view kBearer = "Bearer ", kSession = "cxs_";

// Without a database there are no roles but those that are built in.
const access::Policy& policy_without_users() {
  static const access::Policy policy = *access::Policy::read(access::Policy::beginning());
  return policy;
}

Result<Principal> of_session(App& app, std::string_view secret) {
  if (!app.services.access) return fail(Code::unauthenticated, "auth.invalid");
  Principal out;
  out.kind = Principal::Kind::session;
  ASSIGN(out.session, app.services.access->sessions().find(secret, now_ms()));
  out.user = out.session.user;
  out.id = "user:" + out.user;
  out.secret = secret;
  return out;
}

Result<Principal> of_message(App& app, const Head& head, const Route& route) {
  if (!app.services.access) return fail(Code::unauthenticated, "auth.invalid");
  if (route.streamed) return fail(Code::unsupported, "access.message_signature_stream");
  for (const char* name : {"Signature-Input", "Signature", "Content-Digest"})
    if (head.count(name) != 1)
      return fail(Code::unauthenticated, "access.message_signature_form", "one {} field", name);
  auto policy = app.services.access->policies().current();
  const access::MessageParts parts = {head.method, app.options.tls ? "https" : "http", head.field("Host"),
                                      head.target, [&](std::string_view name) -> std::optional<std::string> {
                                        if (head.count(name) != 1) return std::nullopt;
                                        return std::string(head.field(name));
                                      }};
  const auto key_of = [&](const std::string& id) -> std::optional<crypto::Sm2PublicKey> {
    const auto* user = policy->user(id);
    return user && user->service ? user->key : std::nullopt;
  };
  ASSIGN(std::string user, access::check_message(head.field("Signature-Input"), head.field("Signature"),
                                                 parts, key_of, app.services.access->messages(), now_ms()));
  Principal out;
  out.kind = Principal::Kind::service;
  out.user = user;
  out.id = "service:" + user;
  return out;
}

Result<Principal> of_certificate(App& app, const crypto::TlsPeer& caller) {
  auto policy = app.services.access->policies().current();
  const auto id = policy->user_with_key(caller.sign.public_key->point());
  if (!id) return fail(Code::unauthenticated, "access.certificate_nobody", "{}", caller.sign.subject_text());
  if (!policy->user(*id)->service)
    return fail(Code::unauthenticated, "access.certificate_person", "{}", caller.sign.subject_text());
  return Principal{.id = "service:" + *id, .kind = Principal::Kind::service, .user = *id};
}

// A page of this platform shows the token that only it was given; pages of others have the cookie sent at
// best.
Status check_page(const Head& head, const Principal& principal) {
  if (head.method == "GET" || head.method == "HEAD") return {};
  if (crypto::constant_time_equal(view(head.field("X-Page-Token")),
                                  view(access::Sessions::page_token(principal.secret))))
    return {};
  return fail(Code::forbidden, "access.page_token");
}

Result<Principal> authenticate(App& app, const Head& head, const Route& route,
                               const crypto::TlsPeer* caller) {
  const std::string_view authorization = head.field("Authorization");
  if (head.count("Signature-Input") > 0) {
    if (!authorization.empty()) return fail(Code::invalid_argument, "access.two_credentials");
    return of_message(app, head, route);
  }
  if (boost::beast::iequals(authorization.substr(0, kBearer.size()), kBearer) &&
      authorization.substr(kBearer.size()).starts_with(kSession))
    return of_session(app, authorization.substr(kBearer.size()));
  if (authorization.empty()) {
    if (const std::string_view secret = find_cookie(head.field("Cookie"), cookie_name(app));
        !secret.empty()) {
      ASSIGN(Principal out, of_session(app, secret));
      out.cookie = true;
      TRY(check_page(head, out));
      return out;
    }
    if (caller) return of_certificate(app, *caller);
  }
  return app.tokens.authenticate(authorization, now_ms());
}

Status check_owner(const App& app, const access::Action& action) {
  if (!app.options.owner_restricted) return {};
  for (std::string_view tag : {"access", "recovery", "users", "system", "sessions"})
    if (action.tag == tag) return {};
  return fail(Code::forbidden, "access.owner_restricted");
}

// What a connection or a signature cannot know: revoked or disabled meanwhile. Blocks.
Status check_now(const App& app, const crypto::TlsPeer* caller, const Principal& principal) {
  const access::Service& access = *app.services.access;
  if (caller) {
    TRY(access.check_caller(*caller, now_ms()));
    const auto holder = access.policies().current()->user_with_key(caller->sign.public_key->point());
    if (holder && *holder != principal.user)
      return fail(Code::forbidden, "access.certificate_mixed", "{}", caller->sign.subject_text());
  }
  if (principal.kind == Principal::Kind::service && !access.usable(principal.user))
    return fail(Code::forbidden, "access.disabled");
  return {};
}

Status check_session(const App& app, const Principal& principal) {
  const int factors = principal.session.factors;
  if (principal.session.must_change) return fail(Code::forbidden, "access.password_change_required");
  if (principal.session.must_prove) return fail(Code::forbidden, "access.second_factor_required");
  const bool two = access::factor_count(factors) >= 2;
  if (app.services.access->needs_certificate(principal.user, now_ms())) {
    if (!(factors & access::kCertificate))
      return fail(Code::forbidden,
                  factors & access::kOutside ? "access.outside_not_enough" : "access.certificate_required");
    if (!two) return fail(Code::forbidden, "access.second_factor_required");
  }
  return {};
}

}  // namespace

access::Action action_of(const Route& route) {
  return {route.id, route.tag, route.method != Method::get && !route.reads, route.access == Access::token,
          route.by_chain || route.path.find("/{chain}") != route.path.npos};
}

Status check_exposed(const Route& route, const Principal& principal) {
  using Kind = Principal::Kind;
  const bool person = principal.kind == Kind::owner || principal.kind == Kind::session;
  if (!person && route.tag != "sessions" && access::duty_of(action_of(route)) == access::Duty::none)
    return {};
  return fail(Code::forbidden, "access.plain_remote", "set server.tls, or use the loopback of its host");
}

Result<access::Grant> decide(const App& app, const Principal& principal, const access::Action& action,
                             Access access, std::string_view chain) {
  using Kind = Principal::Kind;
  const auto all = access::Grant::everything();
  if (access == Access::open || access == Access::self) return all;
  if (principal.kind == Kind::owner) {
    TRY(check_owner(app, action));
    return all;
  }
  if (principal.kind == Kind::token) {
    auto grant = policy_without_users().decide_role(principal.role, action);
    if (grant) {
      for (access::View& view : grant->views)
        view.all_rows = true;  // it is the installation's, of no organisation
      return *grant;
    }
    if (access == Access::owner)
      return fail(Code::forbidden, "auth.owner_only", "only the installation's own credential may do this");
    return fail(Code::forbidden, "access.not_allowed", "not with a token of the role {}", principal.role);
  }
  const auto& policies = app.services.access->policies();
  if (auto bent = policies.bent()) return tl::unexpected(*bent);
  if (principal.kind == Kind::session) TRY(check_session(app, principal));
  const auto policy = policies.current();
  auto grant = policy->decide(principal.user, action, now_ms(), chain);
  if (!grant) grant = policy->decide_outside(principal.user, principal.session.outside, action);
  if (!grant) return fail(Code::forbidden, "access.not_allowed");
  return *grant;
}

bool may_write(const Call& call) {
  access::Action action = action_of(call.route);
  action.writes = true;
  return decide(call.app, call.principal, action, call.route.access, call.path.text("chain")).has_value();
}

std::optional<access::Grant> grant_on(const Call& call, std::string_view chain) {
  auto grant = decide(call.app, call.principal, action_of(call.route), call.route.access, chain);
  if (!grant) return std::nullopt;
  return *grant;
}

Task<Status> authorise(App& app, const Head& head, const Route& route, std::string_view chain,
                       const crypto::TlsPeer* caller, Principal& principal) {
  CO_ASSIGN(principal, authenticate(app, head, route, caller));
  if (caller || principal.kind == Principal::Kind::service) {
    auto checked = co_await blocking(app, [&] { return check_now(app, caller, principal); });
    CO_TRY(checked);
  }
  CO_ASSIGN(principal.grant, decide(app, principal, action_of(route), route.access, chain));
  if (app.services.access && !principal.user.empty()) {
    const auto policy = app.services.access->policies().current();
    if (const auto* user = policy->user(principal.user))
      principal.organisation = user->organisation;
    else if (const auto rules = policy->rules_for(principal.user, principal.session.outside); !rules.empty())
      principal.organisation = rules.front()->organisation;
  }
  co_return Status();
}

Status check_body(const Principal& principal, const Head& head, ByteView body) {
  if (principal.kind != Principal::Kind::service || head.count("Signature-Input") == 0) return {};
  return access::check_content_digest(head.field("Content-Digest"), body);
}

std::string_view find_cookie(std::string_view rest, std::string_view name) {
  while (!rest.empty()) {
    std::string_view part = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return part.substr(name.size() + 1);
  }
  return {};
}

std::string_view cookie_name(const App& app) { return app.options.tls ? "__Host-chengxin" : "chengxin"; }

std::string set_cookie(const App& app, const std::string& secret) {
  return fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict{}{}", cookie_name(app), secret,
                     app.options.tls ? "; Secure" : "", secret.empty() ? "; Max-Age=0" : "");
}

}  // namespace chengxin::api
