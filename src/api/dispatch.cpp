#include "api/dispatch.h"

#include <boost/beast/core/string.hpp>

#include "api/authorise.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "crypto/sm3.h"

namespace chengxin::api {
namespace {

// Without its port: "[::1]:8080" → "[::1]".
std::string_view host_name(std::string_view field) {
  size_t end = field.starts_with('[') ? field.find(']') : field.find(':');
  if (end == field.npos) return field;
  return field.substr(0, field.starts_with('[') ? end + 1 : end);
}

bool is_ours(const Options& options, std::string_view name) {
  for (std::string_view local : {"localhost", "127.0.0.1", "[::1]"})
    if (beast::iequals(name, local)) return true;
  if (beast::iequals(name, options.address)) return true;
  for (const auto& host : options.hosts)
    if (beast::iequals(name, host)) return true;
  return false;
}

// A page of another site that a user's browser has open must not reach us: neither by its own name that it
// made resolve to this address (DNS rebinding: Host), nor by a request from its own origin (Origin).
Status check_host(const Options& options, const Head& head) {
  if (head.count("Host") != 1 && (head.http11 || head.count("Host") > 1))
    return fail(Code::invalid_argument, "api.malformed", "exactly one Host field is needed");
  std::string_view host = head.field("Host");
  if (!host.empty() && !is_ours(options, host_name(host)))
    return fail(Code::forbidden, "api.host_refused", "this name is not configured for this server");
  std::string_view origin = head.field("Origin");
  if (size_t authority = origin.find("://");
      !origin.empty() && (authority == origin.npos || origin.substr(authority + 3) != host))
    return fail(Code::forbidden, "api.origin_refused", "requests from pages of other origins are refused");
  return {};
}

std::optional<Method> parse_method(std::string_view name) {
  if (name == "GET" || name == "HEAD") return Method::get;
  if (name == "POST") return Method::post;
  if (name == "PUT") return Method::put;
  if (name == "DELETE") return Method::del;
  return std::nullopt;
}

Status check_query(const Route& route, const Target& target, Values& into) {
  for (const auto& [name, text] : target.query) {
    const Parameter* known = nullptr;
    for (const auto& parameter : route.query)
      if (parameter.name == name) known = &parameter;
    if (!known && route.any_query) continue;
    if (!known) return fail(Code::invalid_argument, "api.unknown_parameter", "query parameter {}", name);
    if (into.find(name))
      return fail(Code::invalid_argument, "api.repeated_parameter", "query parameter {}", name);
    ASSIGN(Json value, parse_parameter(text, known->schema, "query parameter " + name));
    into.set(known->name, std::move(value));
  }
  for (const auto& parameter : route.query)
    if (parameter.required && !into.find(parameter.name))
      return fail(Code::invalid_argument, "api.missing_parameter", "query parameter {}", parameter.name);
  return {};
}

Status check_path(const Route& route, std::vector<std::string>& texts, Values& into) {
  size_t i = 0;
  for (const auto& name : Router::parameter_names(route.path)) {
    auto known = path_parameters().find(name);
    CHECK(known != path_parameters().end());
    ASSIGN(Json value, parse_parameter(texts[i++], known->second.schema, "path parameter " + name));
    into.set(known->first, std::move(value));
  }
  return {};
}

// Empty: the path names none.
std::string_view chain_named(const Route& route, const std::vector<std::string>& values) {
  const auto names = Router::parameter_names(route.path);
  const auto at = std::find(names.begin(), names.end(), "chain");
  return at == names.end() ? std::string_view() : std::string_view(values[size_t(at - names.begin())]);
}

// Finds the body's row; checks what the header says about the body before any of it is read.
Result<const Media*> check_body_header(const App& app, const Route& route, const Head& head,
                                       std::string& media) {
  bool has_body = head.chunked || head.content_length.value_or(0) > 0;
  if (route.body.empty()) {
    if (has_body) return fail(Code::invalid_argument, "api.body_refused", "this call takes no body");
    return nullptr;
  }
  if (!head.chunked && !head.content_length) return fail(Code::invalid_argument, "api.length_required");
  std::string_view type = head.field("Content-Type");
  type = type.substr(0, type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  if (!head.field("Content-Encoding").empty())
    return fail(Code::unsupported, "api.media_type", "no Content-Encoding is taken");
  const Media* found = nullptr;
  for (const auto& row : route.body)
    if (beast::iequals(type, row.type)) found = &row;
  if (!found)
    return fail(Code::unsupported, "api.media_type", "Content-Type must be {}", route.body.front().type);
  size_t limit = route.streamed ? app.options.max_upload_bytes : route.max_body_bytes;
  if (head.content_length.value_or(0) > limit)
    return fail(Code::too_large, "api.body_too_large", "{} bytes, the limit is {}", *head.content_length,
                limit);
  media = found->type;
  return found;
}

Task<Status> read_whole(Incoming& incoming, size_t limit) {
  for (;;) {
    auto chunk = co_await incoming.source.next();
    if (!chunk) co_return tl::unexpected(chunk.error());
    if (chunk->empty()) co_return Status();
    if (incoming.body.size() + chunk->size() > limit)
      co_return fail(Code::too_large, "api.body_too_large", "the limit is {} bytes", limit);
    CO_TRY(incoming.share.take(chunk->size()));
    incoming.body.append(*chunk);
  }
}

Result<const Route*> find_route(const App& app, const Head& head, std::string& allow, Target& target,
                                std::vector<std::string>& values) {
  if (head.target.size() > app.options.max_target_bytes)
    return fail(Code::invalid_argument, "api.uri_too_long");
  auto method = parse_method(head.method);
  ASSIGN(auto taker, app.router.find_rest(method.value_or(Method::put), head.target));
  if (taker.route) {
    values = std::move(taker.values);
    return taker.route;
  }
  ASSIGN(target, parse_target(head.target));
  auto match = app.router.find(method.value_or(Method::get), target.segments);
  if (match.route && !method) match.allowed = {match.route->method};
  if (match.route && method) {
    values = std::move(match.values);
    return match.route;
  }
  if (match.allowed.empty()) return fail(Code::not_found, "api.no_route");
  for (Method one : match.allowed) allow += (allow.empty() ? "" : ", ") + std::string(method_name(one));
  return fail(Code::invalid_argument, "api.method_not_allowed", "allowed: {}", allow);
}

// A request with an Idempotency-Key.
Task<Result<Response>> run_once(Call& call, const std::string& target) {
  App& app = call.app;
  const std::string key(call.idempotency_key), principal = call.principal.id;
  if (key.empty() || key.size() > 128 ||
      std::any_of(key.begin(), key.end(), [](char c) { return c <= ' ' || c > '~'; }))
    co_return fail(Code::invalid_argument, "idempotency.bad_key", "1 to 128 printable ASCII characters");
  const std::string_view end("\0", 1);
  Digest request = crypto::sm3({view(method_name(call.route.method)), view(end), view(target), view(end),
                                view(call.media), view(end), view(call.body)});
  auto begun =
      co_await blocking(app, [&] { return app.idempotency.begin(principal, key, request, now_ms()); });
  if (!begun) co_return tl::unexpected(begun.error());
  if (*begun) co_return std::move(**begun);

  auto answer = co_await call.route.handler(call);
  // A key is free again only when the call is known to have done nothing; else a retry is told that the
  // outcome is not known.
  auto settle = [&]() -> Status {
    if (answer && !answer->refusal.empty()) return app.idempotency.abandon(principal, key);
    if (answer) return app.idempotency.finish(principal, key, *answer);
    Code code = answer.error().code;
    if (code == Code::unavailable || code == Code::internal || code == Code::data_loss) {
      app.idempotency.leave_unknown(principal, key);
      return {};
    }
    return app.idempotency.abandon(principal, key);
  };
  auto settled = co_await blocking(app, settle, Workers::When::always);
  if (!settled)
    log::error("api.idempotency", {{"request_id", call.request_id}, {"error", settled.error().to_string()}});
  co_return answer;
}

Task<Result<Response>> serve(App& app, Incoming& incoming, Outgoing& out, std::optional<Call>& made,
                             std::string& allow) {
  const Head& head = incoming.head;
  CO_TRY(check_host(app.options, head));
  Target target;
  std::vector<std::string> path_values;
  CO_ASSIGN(const Route* route, find_route(app, head, allow, target, path_values));
  out.route = route;

  Call& call = made.emplace(Call{.app = app, .route = *route, .request_id = incoming.request_id});
  if (route->access != Access::open) {
    auto allowed = co_await authorise(app, head, *route, chain_named(*route, path_values), incoming.caller,
                                      call.principal);
    CO_TRY(allowed);
  }
  if (incoming.exposed) CO_TRY(check_exposed(*route, call.principal));
  call.changes = route->method != Method::get && !route->reads;
  if (call.changes) CO_TRY(app.trail.allows_changes());
  CO_TRY(check_path(*route, path_values, call.path));
  CO_TRY(check_query(*route, target, call.query));
  CO_TRY(check_conditions(call));
  CO_ASSIGN(const Media* media, check_body_header(app, *route, head, call.media));
  call.target = head.target;
  call.head = head.method == "HEAD";
  call.last_event_id = head.field("Last-Event-ID");
  call.idempotency_key = head.field("Idempotency-Key");
  call.cookie = head.field("Cookie");
  call.agent = head.field("User-Agent");
  call.peer = incoming.peer;
  auto seen = co_await check_record(call);
  CO_TRY(seen);
  call.authorization = head.field("Authorization");
  call.stream = &incoming.source;
  if (media && !route->streamed) {
    auto read = co_await read_whole(incoming, route->max_body_bytes);
    CO_TRY(read);
    CO_TRY(check_body(call.principal, head, view(incoming.body)));
    if (media->type == "application/json" && !route->raw) {
      CO_ASSIGN(call.json, parse_json(incoming.body, {.max_bytes = route->max_body_bytes}));
      CO_TRY(validate(call.json, media->schema, app.schemas));
    }
    call.body.swap(incoming.body);
  }
  if (!media) CO_TRY(check_body(call.principal, head, {}));
  const bool keyed = route->idempotent && head.count("Idempotency-Key") > 0 && app.services.database;
  Result<Response> answer = fail(Code::internal, "api.internal");
  if (keyed) {  // not as one expression: gcc 12 destroys what co_await gives in a conditional one twice
    answer = co_await run_once(call, head.target);
  } else {
    answer = co_await route->handler(call);
    incoming.body.swap(call.body);  // gives its memory back to the connection
  }
  if (answer) {
    auto filtered = co_await filter(call, *answer);
    CO_TRY(filtered);
  }
  co_return answer;
}

// For the audit log: without query, header fields and body, where secrets may be.
audit::Entry entry_of(const Incoming& incoming, const Route* route, const Call* call) {
  audit::Entry entry;
  const std::string_view target = incoming.head.target;
  entry.subject = call ? call->principal.id : "";
  entry.action = route ? route->id : fmt::format("unrouted {}", incoming.head.method);
  entry.object = target.substr(0, target.find('?'));
  entry.source = incoming.peer;
  entry.request_id = incoming.request_id;
  if (call) entry.detail = call->audit_detail;
  return entry;
}

// The answer may leave when this has come back: with another answer when the log has stopped meanwhile.
Task<Result<Response>> audited(App& app, Incoming& incoming, const Route* route, const Call* call,
                               Result<Response> answer) {
  const bool reads =
      incoming.head.method == "GET" || incoming.head.method == "HEAD" || (route && route->reads);
  const bool changes = !reads || (call && call->changes);
  if (route && route->access == Access::open && !changes && answer) co_return answer;  // pages and probes
  audit::Entry entry = entry_of(incoming, route, call);
  if (!answer) entry.outcome = answer.error().reason;
  if (answer && !answer->refusal.empty()) entry.outcome = answer->refusal;
  entry.status = answer ? answer->status : problem(answer.error(), "").status;
  auto recorded = co_await app.trail.record(std::move(entry), changes);
  if (recorded || !answer) co_return answer;
  recorded.error().detail += "; what was asked for may have been done";
  co_return tl::unexpected(recorded.error());
}

void wipe_strings(Json& value) {
  if (value.is_string()) wipe(value.get_ref<std::string&>());
  if (value.is_structured())
    for (Json& member : value) wipe_strings(member);
}

}  // namespace

void wipe(std::string& text) {
  text.resize(text.capacity());
  crypto::secure_zero(text.data(), text.size());
  text.clear();
}

Task<Outgoing> dispatch(App& app, Incoming& incoming) {
  Outgoing out;
  std::string allow;
  std::optional<Call> call;
  Result<Response> answer = fail(Code::internal, "api.internal");
  try {
    answer = co_await serve(app, incoming, out, call, allow);
  } catch (const std::exception& thrown) {  // a library's; ours throws nothing
    log::error("api.exception", {{"request_id", incoming.request_id}, {"what", thrown.what()}});
  }
  if (call && call->route.secret) {
    wipe_strings(call->json);
    wipe(call->body);
  }
  answer = co_await audited(app, incoming, out.route, call ? &*call : nullptr, std::move(answer));
  if (answer) {
    out.response = std::move(*answer);
  } else {
    out.response = problem(answer.error(), incoming.request_id);
    if (!allow.empty()) out.response.headers.emplace_back("Allow", allow);
    if (out.response.status >= 500)
      log::warn("api.failed", {{"request_id", incoming.request_id},
                               {"reason", answer.error().reason},
                               {"detail", answer.error().detail}});
  }
  co_return out;
}

}  // namespace chengxin::api
