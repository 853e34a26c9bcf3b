#include "api/resource_gateway.h"

#include "api/describe.h"
#include "gateway/gateway.h"

namespace chengxin::api {
namespace {

using gateway::Gateway;

constexpr std::string_view kPrefix = "/api/v1/gateway/to/";
constexpr size_t kMaxPassedBytes = 8 << 20;

// What a handler does with the gateway, on threads of its own: what stands behind may take its time.
using Work = std::function<Result<Response>(Call&, Gateway&)>;

Handler handler(Work work) {
  return [work = std::move(work)](Call& call) -> Task<Result<Response>> {
    co_return co_await call.app.gateway_work.run(
        [&]() -> Result<Response> { return work(call, *call.app.services.gateway); });
  };
}

// "ROUTE/path?query"
Result<Response> pass(Call& call, Gateway& gateway) {
  // As it came: what is in it is the business of who stands behind.
  const std::string rest(call.target.substr(kPrefix.size()));
  const size_t slash = rest.find('/');
  gateway::Request request;
  request.application = call.principal.id;
  request.method = method_name(call.route.method);
  request.path = slash == rest.npos ? "" : rest.substr(slash);
  request.type = call.media;
  request.body = to_bytes(view(call.body));
  request.key = std::string(call.idempotency_key);
  request.request_id = call.request_id;
  ASSIGN(auto answer, gateway.pass(rest.substr(0, slash), std::move(request)));
  Response out{answer.status, answer.type, std::move(answer.body), {}, {}};
  if (!answer.ticket.empty())
    out.headers.emplace_back("Location", "/api/v1/gateway/tickets/" + answer.ticket);
  return out;
}

Json describe(const gateway::Route& route) {
  return {{"name", route.name},
          {"upstream", route.upstream},
          {"applications", route.applications},
          {"paths", route.paths},
          {"writes", route.writes},
          {"buffered", route.buffered},
          {"per_second", route.per_second},
          {"burst", route.burst},
          {"most_waiting", route.most_waiting}};
}

Json describe(const gateway::Write& write) {
  Json out = {{"ticket", write.ticket},     {"application", write.application},
              {"route", write.route},       {"method", write.method},
              {"path", write.path},         {"state", gateway::state_name(write.state)},
              {"attempts", write.attempts}, {"accepted_ms", write.accepted_ms}};
  if (write.settled_ms) out["settled_ms"] = write.settled_ms;
  if (write.failures) out["failures"] = write.failures;
  if (write.first_ms) out["first_ms"] = write.first_ms;
  if (write.last_ms) out["last_ms"] = write.last_ms;
  if (write.status) out["status"] = write.status;
  if (write.state == gateway::WriteState::done) out["answer"] = write.answer;
  if (!write.error.reason.empty())
    out["error"] = {{"reason", write.error.reason}, {"detail", write.error.detail}};
  return out;
}

Result<Response> put(Call& call, Gateway& gateway) {
  const Json& in = call.json;
  gateway::Route route;
  route.name = call.path.text("id");
  route.upstream = in["upstream"];
  route.root_pem = in.value("root_pem", "");
  route.token = in.value("token", "");
  route.applications = in["applications"].get<std::vector<std::string>>();
  route.paths = in["paths"].get<std::vector<std::string>>();
  route.writes = in.value("writes", false);
  route.buffered = in.value("buffered", false);
  route.per_second = in.value("per_second", route.per_second);
  route.burst = in.value("burst", route.burst);
  route.most_waiting = in.value("most_waiting", route.most_waiting);
  TRY(gateway.put(route));
  return json_response(describe(route));
}

Result<Response> list(Call&, Gateway& gateway) {
  Json items = Json::array();
  for (const auto& route : gateway.routes()) {
    items.push_back(describe(route));
    items.back()["waiting"] = gateway.waiting(route.name);
    items.back()["parked"] = gateway.parked(route.name);
  }
  return json_response({{"items", std::move(items)}});
}

Result<Response> remove(Call& call, Gateway& gateway) {
  TRY(gateway.remove(call.path.text("id")));
  return Response{204, "", "", {}, {}};
}

Result<Response> writes(Call& call, Gateway& gateway) {
  gateway::WriteFilter filter{.route = call.path.text("id"), .limit = page_limit(call)};
  const std::string wanted = call.query.text("state");
  for (const auto each : gateway::kWriteStates)
    if (wanted == gateway::state_name(each)) filter.state = each;
  ASSIGN(const auto found, gateway.writes(filter));
  Json items = Json::array();
  for (const auto& write : found) items.push_back(describe(write));
  return json_response({{"items", std::move(items)}});
}

Result<Response> parked(Call& call, Gateway& gateway) {
  gateway::WriteFilter filter{.route = call.query.text("route"),
                              .application = call.query.text("application"),
                              .state = gateway::WriteState::parked,
                              .limit = page_limit(call)};
  ASSIGN(const auto found, gateway.writes(filter));
  Json items = Json::array();
  for (const auto& write : found) {
    items.push_back(describe(write));
    items.back()["waiting"] = gateway.waiting(write.route, write.application);
  }
  ASSIGN(const int64_t total, gateway.count_parked(filter.route, filter.application));
  return json_response({{"items", std::move(items)}, {"total", total}});
}

Result<Response> retry(Call& call, Gateway& gateway) {
  call.audit_detail = call.json["why"];
  ASSIGN(const auto write, gateway.retry(call.path.text("id")));
  call.audit_detail = fmt::format("{} of {}: {}", write.route, write.application, call.audit_detail);
  return json_response(describe(write));
}

Result<Response> discard(Call& call, Gateway& gateway) {
  const std::string why = call.json["why"];
  call.audit_detail = why;
  ASSIGN(const auto done, gateway.discard(call.path.text("id"), why, call.json.value("behind", false)));
  call.audit_detail =
      fmt::format("{} writes on {} of {}: {}", done.writes, done.write.route, done.write.application, why);
  return json_response({{"discarded", done.writes}});
}

Result<Response> ticket(Call& call, Gateway& gateway) {
  ASSIGN(const auto write, gateway.write(call.principal.id, call.path.text("id")));
  return json_response(describe(write));
}

Result<Response> traffic(Call& call, Gateway& gateway) {
  gateway::TrafficFilter filter;
  filter.application = call.query.text("application");
  filter.route = call.query.text("route");
  filter.from_ms = call.query.number("from_ms", 0);
  filter.to_ms = call.query.number("to_ms", INT64_MAX);
  filter.by_minute = call.query.flag("by_minute");
  filter.limit = page_limit(call);
  ASSIGN(const auto rows, gateway.traffic(filter));
  Json items = Json::array();
  for (const auto& row : rows) {
    items.push_back({{"application", row.application},
                     {"route", row.route},
                     {"requests", row.counts.requests},
                     {"refused", row.counts.refused},
                     {"failed", row.counts.failed},
                     {"bytes_in", row.counts.bytes_in},
                     {"bytes_out", row.counts.bytes_out},
                     {"latency", row.counts.latency}});
    if (row.minute_ms) items.back()["minute_ms"] = row.minute_ms;
  }
  return json_response({{"latency_ms", gateway::kLatencyMs}, {"items", std::move(items)}});
}

Json write_states() {
  std::vector<std::string> names;
  for (const auto each : gateway::kWriteStates) names.emplace_back(gateway::state_name(each));
  return enum_schema(std::move(names));
}

void add_schemas(Resource& resource) {
  const Json text = text_schema(), number = integer_schema(), names = list_schema(text),
             flag = {{"type", "boolean"}};
  const Json limit = {{"type", "integer"}, {"minimum", 1}, {"maximum", 1'000'000}};
  resource.schemas["NewGatewayRoute"] = object_schema({{"upstream", text},
                                                       {"root_pem", text},
                                                       {"token", text},
                                                       {"applications", names},
                                                       {"paths", names},
                                                       {"writes", flag},
                                                       {"buffered", flag},
                                                       {"per_second", limit},
                                                       {"burst", limit},
                                                       {"most_waiting", limit}},
                                                      {"upstream", "applications", "paths"});
  resource.schemas["GatewayRoute"] = object_schema({{"name", text},
                                                    {"upstream", text},
                                                    {"applications", names},
                                                    {"paths", names},
                                                    {"writes", flag},
                                                    {"buffered", flag},
                                                    {"per_second", limit},
                                                    {"burst", limit},
                                                    {"most_waiting", limit},
                                                    {"waiting", number},
                                                    {"parked", number}},
                                                   {"name", "upstream"});
  resource.schemas["GatewayRouteList"] =
      object_schema({{"items", list_schema(reference("GatewayRoute"))}}, {"items"});
  resource.schemas["GatewayWrite"] = object_schema({{"ticket", text},
                                                    {"application", text},
                                                    {"route", text},
                                                    {"method", text},
                                                    {"path", text},
                                                    {"state", write_states()},
                                                    {"attempts", number},
                                                    {"failures", number},
                                                    {"accepted_ms", number},
                                                    {"first_ms", number},
                                                    {"last_ms", number},
                                                    {"settled_ms", number},
                                                    {"status", number},
                                                    {"answer", text},
                                                    {"waiting", number},
                                                    {"error", {{"type", "object"}}}},
                                                   {"ticket", "state"});
  const Json why = {{"type", "string"}, {"minLength", 1}, {"maxLength", 300}};
  resource.schemas["GatewayRetry"] = object_schema({{"why", why}}, {"why"});
  resource.schemas["GatewayDiscard"] = object_schema({{"why", why}, {"behind", flag}}, {"why"});
  resource.schemas["GatewayDiscarded"] = object_schema({{"discarded", number}}, {"discarded"});
  resource.schemas["GatewayWriteList"] =
      object_schema({{"items", list_schema(reference("GatewayWrite"))}}, {"items"});
  resource.schemas["GatewayParkedList"] = object_schema(
      {{"items", list_schema(reference("GatewayWrite"))}, {"total", number}}, {"items", "total"});
  Json counts = object_schema({{"application", text},
                               {"route", text},
                               {"minute_ms", number},
                               {"requests", number},
                               {"refused", number},
                               {"failed", number},
                               {"bytes_in", number},
                               {"bytes_out", number},
                               {"latency", list_schema(number)}},
                              {"application", "route"});
  resource.schemas["GatewayTraffic"] = object_schema(
      {{"latency_ms", list_schema(number)}, {"items", list_schema(std::move(counts))}}, {"items"});
}

Route passing(Method method, std::string id, Words summary) {
  Route out;
  out.method = method;
  out.path = std::string(kPrefix) + "{request}";
  out.id = std::move(id);
  out.summary = std::move(summary);
  out.tag = "gateway";
  if (method == Method::post || method == Method::put)
    out.body = {{"application/json", Json::object()}, {"application/octet-stream", Json::object()}};
  out.answers = {
      {200, "application/json", Json::object(), {"后端的应答", "What answered behind it"}},
      {202, "application/json", Json::object(), {"已缓存,凭票查询", "Kept; the ticket says how it went"}}};
  out.reasons = {"gateway.no_route",   "gateway.application", "gateway.method",       "gateway.path",
                 "gateway.rate",       "gateway.buffer_full", "gateway.buffer_total", "gateway.discarded",
                 "gateway.key_reused", "client.unreachable"};
  out.handler = handler(pass);
  out.max_body_bytes = kMaxPassedBytes;
  out.raw = true;
  out.takes_rest = true;
  return out;
}

// What operators do about writes that could not be delivered.
std::vector<Route> parked_routes() {
  return {
      {.path = "/api/v1/gateway/parked",
       .id = "listGatewayParked",
       .summary = {"列出无法送达而搁置的写入", "Writes that are parked: they could not be delivered"},
       .tag = "gateway",
       .access = Access::owner,
       .query = {{"route", text_schema(), {"路由", "Route"}},
                 {"application", text_schema(), {"应用", "Application"}},
                 {"limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 500}}, {"条数", "How many"}}},
       .answers = {{200, "application/json", reference("GatewayParkedList"), {}}},
       .handler = handler(parked)},
      {.method = Method::post,
       .path = "/api/v1/gateway/parked/{id}/retry",
       .id = "retryGatewayWrite",
       .summary = {"重试搁置的写入", "Have a parked write tried again"},
       .tag = "gateway",
       .access = Access::owner,
       .body = {{"application/json", reference("GatewayRetry")}},
       .answers = {{200, "application/json", reference("GatewayWrite"), {}}},
       .reasons = {"gateway.no_ticket", "gateway.not_parked", "gateway.no_route"},
       .handler = handler(retry)},
      {.method = Method::post,
       .path = "/api/v1/gateway/parked/{id}/discard",
       .id = "discardGatewayWrite",
       .summary = {"放弃搁置的写入(behind:连同同一应用排在其后的写入)",
                   "Discard a parked write; with `behind`, also what its application has waiting behind it"},
       .tag = "gateway",
       .access = Access::owner,
       .body = {{"application/json", reference("GatewayDiscard")}},
       .answers = {{200, "application/json", reference("GatewayDiscarded"), {}}},
       .reasons = {"gateway.no_ticket", "gateway.not_parked"},
       .handler = handler(discard)},
  };
}

std::vector<Route> managing_routes() {
  const Json text = text_schema(), time = {{"type", "integer"}, {"minimum", 0}};
  return {
      {.path = "/api/v1/gateway/routes",
       .id = "listGatewayRoutes",
       .summary = {"列出网关路由", "Routes of the gateway"},
       .tag = "gateway",
       .access = Access::owner,
       .answers = {{200, "application/json", reference("GatewayRouteList"), {}}},
       .handler = handler(list)},
      {.method = Method::put,
       .path = "/api/v1/gateway/routes/{id}",
       .id = "putGatewayRoute",
       .summary = {"新建或替换网关路由", "Make or replace a route"},
       .tag = "gateway",
       .access = Access::owner,
       .body = {{"application/json", reference("NewGatewayRoute")}},
       .answers = {{200, "application/json", reference("GatewayRoute"), {}}},
       .reasons = {"gateway.route_invalid"},
       .handler = handler(put)},
      {.method = Method::del,
       .path = "/api/v1/gateway/routes/{id}",
       .id = "removeGatewayRoute",
       .summary = {"删除网关路由", "Remove a route"},
       .tag = "gateway",
       .access = Access::owner,
       .answers = {{204, "", {}, {}}},
       .reasons = {"gateway.no_route", "gateway.writes_wait"},
       .handler = handler(remove)},
      {.path = "/api/v1/gateway/routes/{id}/writes",
       .id = "listGatewayWrites",
       .summary = {"列出路由缓存的写入", "Writes that a route keeps"},
       .tag = "gateway",
       .access = Access::owner,
       .query = {{"state", write_states(), {"状态", "State"}},
                 {"limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 500}}, {"条数", "How many"}}},
       .answers = {{200, "application/json", reference("GatewayWriteList"), {}}},
       .handler = handler(writes)},
      {.path = "/api/v1/gateway/tickets/{id}",
       .id = "getGatewayTicket",
       .summary = {"凭票查询写入结果", "How a write that was kept went"},
       .tag = "gateway",
       .answers = {{200, "application/json", reference("GatewayWrite"), {}}},
       .reasons = {"gateway.no_ticket"},
       .handler = handler(ticket)},
      {.path = "/api/v1/gateway/traffic",
       .id = "getGatewayTraffic",
       .summary = {"查询各应用的流量", "Traffic of each application"},
       .tag = "gateway",
       .access = Access::owner,
       .query = {{"application", text, {"应用", "Application"}},
                 {"route", text, {"路由", "Route"}},
                 {"from_ms", time, {"起", "From"}, false, "minute_ms"},
                 {"to_ms", time, {"止", "Before"}, false, "minute_ms"},
                 {"by_minute", {{"type", "boolean"}}, {"逐分钟", "A row for each minute"}},
                 {"limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 500}}, {"条数", "How many"}}},
       .answers = {{200, "application/json", reference("GatewayTraffic"), {}}},
       .handler = handler(traffic)},
  };
}

}  // namespace

Resource gateway_resource() {
  Resource resource;
  add_schemas(resource);
  resource.routes = managing_routes();
  for (Route& each : parked_routes()) resource.routes.push_back(std::move(each));
  resource.routes.push_back(passing(Method::get, "passGet", {"经网关读取", "Read through the gateway"}));
  resource.routes.push_back(passing(Method::post, "passPost", {"经网关提交", "Post through the gateway"}));
  resource.routes.push_back(passing(Method::put, "passPut", {"经网关写入", "Put through the gateway"}));
  resource.routes.push_back(passing(Method::del, "passDelete", {"经网关删除", "Delete through the gateway"}));
  return resource;
}

}  // namespace chengxin::api
