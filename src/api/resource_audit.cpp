#include "api/resource_audit.h"

#include "api/describe.h"
#include "audit/anchoring.h"
#include "audit/search.h"
#include "audit/verify.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

Result<audit::Query> query_of(const Call& call) {
  audit::Query query;
  if (call.query.find("from_ms")) query.from_ms = call.query.number("from_ms");
  if (call.query.find("to_ms")) query.to_ms = call.query.number("to_ms");
  query.subject = call.query.text("subject");
  query.action = call.query.text("action");
  query.outcome = call.query.text("outcome");
  query.source = call.query.text("source");
  query.object = call.query.text("object");
  query.limit = size_t(page_limit(call));
  if (auto* cursor = call.query.find("cursor")) {
    ASSIGN(Json before,
           parse_parameter(cursor->get<std::string>(), integer_schema(), "query parameter cursor"));
    query.before = before.get<uint64_t>();
  }
  return query;
}

const fs::path& folder_of(const Call& call) { return call.app.services.audit->options().folder; }

Task<Result<Response>> list(Call& call) {
  CO_ASSIGN(const auto query, query_of(call));
  auto found = co_await blocking(call.app, [&] { return audit::search(folder_of(call), query); });
  if (!found) co_return tl::unexpected(found.error());
  Json items = Json::array();
  for (const auto& one : found->items) items.push_back(audit::describe(one));
  co_return page(call, std::move(items), found->next ? std::to_string(found->next) : "");
}

Task<Result<Response>> show(Call& call) {
  const auto sequence = uint64_t(call.path.number("sequence"));
  auto found = co_await blocking(call.app, [&] { return audit::find_entry(folder_of(call), sequence); });
  if (!found) co_return tl::unexpected(found.error());
  Json body = audit::describe(*found);
  body["segment"] = found->segment;
  body["offset"] = found->offset;
  co_return json_response(body);
}

Task<Result<Response>> head(Call& call) {
  const auto standing = call.app.services.audit->standing();
  Json body = {{"sequence", standing.sequence}, {"segment", standing.segment}, {"head", hex(standing.head)},
               {"head_ms", standing.head_ms},   {"waiting", standing.waiting}, {"lost", standing.lost},
               {"running", !standing.stopped}};
  if (standing.stopped)
    body["stopped"] = {{"since_ms", standing.stopped_ms},
                       {"reason", standing.stopped->reason},
                       {"detail", standing.stopped->detail}};
  if (call.app.services.anchoring) {
    const auto anchor = call.app.services.anchoring->state();
    body["anchor"] = {{"sequence", anchor.sequence}, {"time_ms", anchor.time_ms}};
    if (anchor.error) body["anchor"]["error"] = anchor.error->reason;
  }
  co_return json_response(body);
}

Task<Result<Response>> verification(Call& call) {
  const auto& options = call.app.services.audit->options();
  auto report = co_await call.app.verifying.run([&] {
    return audit::verify(
        {options.folder, options.marker, options.key.public_key(), call.query.flag("anchors", true), {}});
  });
  if (!report) co_return tl::unexpected(report.error());
  co_return json_response(audit::describe(*report));
}

Task<Result<Response>> export_some(Call& call) {
  CO_ASSIGN(auto query, query_of(call));
  const auto& options = call.app.services.audit->options();
  const auto format =
      call.query.text("format", "ndjson") == "csv" ? audit::ExportFormat::csv : audit::ExportFormat::ndjson;
  auto made = co_await blocking(
      call.app, [&] { return audit::export_entries(options.folder, query, format, options.key, now_ms()); });
  if (!made) co_return tl::unexpected(made.error());
  Json body = {{"content", std::move(made->content)},
               {"manifest", std::move(made->manifest)},
               {"signature", hex(made->signature)}};
  if (made->next) body["next"] = std::to_string(made->next);
  co_return json_response(body);
}

std::vector<Parameter> conditions() {
  const Json time = {{"type", "integer"}, {"minimum", 0}};
  const Json text = {{"type", "string"}, {"minLength", 1}, {"maxLength", 512}};
  return {
      {"from_ms", time, {"起始时间（毫秒）", "Not before, ms"}, false, "time_ms"},
      {"to_ms", time, {"截止时间（毫秒）", "Not after, ms"}, false, "time_ms"},
      {"subject", text, {"主体：owner、token:编号 等", "Who: owner, token:ID and so on"}, false, "subject"},
      {"action", text, {"操作（operationId）", "The operation's id"}, false, "action"},
      {"outcome",
       text,
       {"ok、原因键,或 refused（全部被拒）", "ok, a reason key, or refused: any but ok"},
       false,
       "outcome"},
      {"source", text, {"来源地址", "Address of the peer"}, false, "source"},
      {"object", text, {"对象中包含的文字", "Text contained in the object"}, false, "object"}};
}

Route get_route(std::string path, std::string id, Words summary, std::string_view schema, Handler handler) {
  Route route;
  route.path = "/api/v1/audit/" + path;
  route.id = std::move(id);
  route.summary = std::move(summary);
  route.tag = "audit";
  route.access = Access::owner;
  route.answers = {{200, "application/json", reference(std::string(schema)), {}}};
  route.handler = std::move(handler);
  return route;
}

}  // namespace

Resource audit_resource() {
  Resource resource;
  const Json entry = object_schema({{"sequence", integer_schema()},
                                    {"time_ms", integer_schema()},
                                    {"time", text_schema()},
                                    {"subject", text_schema()},
                                    {"action", text_schema()},
                                    {"object", text_schema()},
                                    {"outcome", text_schema()},
                                    {"status", integer_schema()},
                                    {"source", text_schema()},
                                    {"request_id", text_schema()},
                                    {"detail", text_schema()},
                                    {"digest", sm3_schema()},
                                    {"count", integer_schema()},
                                    {"segment", integer_schema()},
                                    {"offset", integer_schema()}},
                                   {"sequence", "time_ms", "subject", "action", "object", "outcome"});
  const Json any = {{"type", "object"}};
  resource.schemas["AuditEntry"] = entry;
  resource.schemas["AuditEntryPage"] = page_schema("AuditEntry");
  resource.schemas["AuditHead"] = object_schema({{"sequence", integer_schema()},
                                                 {"segment", integer_schema()},
                                                 {"head", sm3_schema()},
                                                 {"head_ms", integer_schema()},
                                                 {"waiting", integer_schema()},
                                                 {"lost", integer_schema()},
                                                 {"running", {{"type", "boolean"}}},
                                                 {"stopped", any},
                                                 {"anchor", any}},
                                                {"sequence", "head", "running"});
  resource.schemas["AuditVerification"] = {{"type", "object"}, {"required", {"verified", "findings"}}};
  resource.schemas["AuditExport"] = object_schema({{"content", text_schema()},
                                                   {"manifest", text_schema()},
                                                   {"signature", hex_schema()},
                                                   {"next", text_schema()}},
                                                  {"content", "manifest", "signature"});
  Route entries =
      get_route("entries", "listAuditEntries",
                {"查询审计日志（新的在前）", "Search the audit log, newest first"}, "AuditEntryPage", list);
  entries.query = page_parameters(conditions());
  Route one = get_route("entries/{sequence}", "getAuditEntry",
                        {"查看一条审计日志", "One entry of the audit log"}, "AuditEntry", show);
  one.reasons = {"audit.not_found"};
  Route exported = get_route("export", "exportAuditEntries",
                             {"导出审计日志与签名清单（每次至多十万条，旧的在前）",
                              "Entries with a signed manifest, oldest first, up to 100,000"},
                             "AuditExport", export_some);
  exported.query = conditions();
  exported.query.push_back({"format", enum_schema({"ndjson", "csv"}), {"格式", "Format"}});
  exported.query.push_back({"cursor",
                            {{"type", "string"}, {"minLength", 1}, {"maxLength", 20}},
                            {"上一次的 next", "`next` of the export before"}});
  Route verified =
      get_route("verification", "verifyAuditLog",
                {"校验整个审计日志,指出问题位置", "Verify the whole log; names the place of what is wrong"},
                "AuditVerification", verification);
  verified.query = {
      {"anchors", {{"type", "boolean"}}, {"也校验上链证明", "Check the proofs of the chain too"}}};
  resource.routes = {
      std::move(entries), std::move(one), std::move(exported), std::move(verified),
      get_route("head", "getAuditHead", {"审计日志末端、状态与上链情况", "End, state and anchor of the log"},
                "AuditHead", head)};
  return resource;
}

}  // namespace chengxin::api
