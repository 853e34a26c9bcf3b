#include "api/resource_packs.h"

#include "api/describe.h"
#include "api/pack_openapi.h"
#include "record/installation.h"

namespace chengxin::api {
namespace {

using record::Installation;

using Act = std::function<Result<Response>(Call&, Installation&)>;

Handler handler(Act act) {
  return [act = std::move(act)](Call& call) -> Task<Result<Response>> {
    co_return co_await blocking(call.app, [&] { return act(call, *call.app.services.packs); });
  };
}

std::string name_of(const Call& call) { return call.path.text("pack"); }

Installation::Change change_of(const Call& call) {
  Installation::Change out{.by = call.principal.id, .dry = call.query.flag("dry")};
  if (const Json* lose = call.query.find("lose"))
    for (const Json& each : *lose) out.lose.insert(each.get<std::string>());
  return out;
}

Result<Response> reported(Call& call, const Result<record::Report>& report) {
  if (!report) return tl::unexpected(report.error());
  call.audit_detail = fmt::format("{}{} {} > {}", call.query.flag("dry") ? "dry: " : "", report->pack,
                                  report->before, report->after);
  return json_response(to_json(*report));
}

Status check_signer(const Call& call, ByteView archive) {
  if (!call.app.services.pack_signers) return {};
  ASSIGN(const auto signers, call.app.services.pack_signers());
  if (signers.empty()) return {};
  ASSIGN(const pack::Packed packed, pack::open_packed(archive));
  return pack::demand_signer(packed, signers);
}

Result<Response> apply(Call& call, Installation& packs) {
  TRY(check_signer(call, view(call.body)));
  return reported(call, packs.apply(view(call.body), change_of(call)));
}

Result<Response> roll_back(Call& call, Installation& packs) {
  return reported(call, packs.roll_back(name_of(call), change_of(call)));
}

Result<Response> remove(Call& call, Installation& packs) {
  return reported(call, packs.remove(name_of(call), change_of(call)));
}

Json describe(const record::Installed& each) {
  return {{"pack", each.pack},
          {"version", each.version},
          {"applied_ms", each.applied_ms},
          {"applied_by", each.applied_by}};
}

Result<Response> list(Call&, Installation& packs) {
  ASSIGN(const auto all, packs.list());
  Json items = Json::array();
  for (const auto& each : all) items.push_back(describe(each));
  return json_response({{"items", std::move(items)}});
}

tl::unexpected<Error> unknown(const std::string& name) {
  return fail(Code::not_found, "record.pack_unknown", "{}", name);
}

// What is removed is still known by its changes.
Result<Response> get(Call& call, Installation& packs) {
  const std::string name = name_of(call);
  ASSIGN(const auto all, packs.list());
  ASSIGN(const auto changes, packs.changes(name));
  if (changes.empty()) return unknown(name);
  Json out = {{"pack", name}};
  for (const auto& each : all)
    if (each.pack == name) out = describe(each);
  const auto catalogue = packs.current();
  if (const pack::Pack* pack = catalogue->pack(name)) {
    out["entities"] = out["roles"] = Json::array();
    for (const pack::Entity& each : pack->entities) out["entities"].push_back(each.name);
    for (const std::string& each : pack->roles) out["roles"].push_back(name + "-" + each);
  }
  out["changes"] = Json::array();
  for (const auto& each : changes)
    out["changes"].push_back({{"before", each.before},
                              {"after", each.after},
                              {"action", each.action},
                              {"at_ms", each.at_ms},
                              {"by", each.by}});
  return json_response(out);
}

Result<Response> archive(Call& call, Installation& packs) {
  ASSIGN(const Bytes bytes, packs.archive(name_of(call)));
  return Response{200, "application/octet-stream", to_string(bytes), {}, {}};
}

Result<Response> document(Call& call, Installation& packs) {
  const auto catalogue = packs.current();
  const pack::Pack* pack = catalogue->pack(name_of(call));
  if (!pack) return unknown(name_of(call));
  return json_response(pack_openapi(*catalogue, *pack));
}

void add_schemas(Resource& resource) {
  const Json text = text_schema(), number = integer_schema(), names = list_schema(text),
             flag = {{"type", "boolean"}};
  const Json change =
      object_schema({{"before", text}, {"after", text}, {"action", text}, {"at_ms", number}, {"by", text}},
                    {"action", "at_ms"});
  resource.schemas["Pack"] = object_schema({{"pack", text},
                                            {"version", text},
                                            {"applied_ms", number},
                                            {"applied_by", text},
                                            {"entities", names},
                                            {"roles", names},
                                            {"changes", list_schema(change)}},
                                           {"pack"});
  resource.schemas["PackList"] = object_schema({{"items", list_schema(reference("Pack"))}}, {"items"});
  const Json step = object_schema({{"kind", text},
                                   {"object", text},
                                   {"member", text},
                                   {"rows", number},
                                   {"loss", flag},
                                   {"reason", text},
                                   {"examples", names}},
                                  {"kind", "object", "rows", "loss"});
  resource.schemas["PackReport"] = object_schema({{"pack", text},
                                                  {"before", text},
                                                  {"after", text},
                                                  {"changes", list_schema({{"type", "object"}})},
                                                  {"steps", list_schema(step)},
                                                  {"losses", names},
                                                  {"possible", flag}},
                                                 {"pack", "before", "after", "steps", "losses", "possible"});
}

const std::string kAll = "/api/v1/packs", kOne = kAll + "/{pack}";

// What changes which packs there are, or shows what doing so would do.
Route changing(Method method, std::string path, std::string id, Words summary, Act act) {
  return {
      .method = method,
      .path = std::move(path),
      .id = std::move(id),
      .summary = std::move(summary),
      .tag = "packs",
      .access = Access::owner,
      .query = {{"dry",
                 {{"type", "boolean"}},
                 {"只给出会做什么，不留下任何改变", "Only say what would be done, and leave nothing of it"}},
                {"lose",
                 list_schema(text_schema()),
                 {"同意其数据不再可及的实体或字段", "Entities or fields whose data may become unreachable"}}},
      .answers = {{200, "application/json", reference("PackReport"), {}}},
      .reasons = {"record.pack", "record.pack_unknown", "record.would_lose", "record.in_the_way"},
      .handler = handler(std::move(act))};
}

Route applying() {
  Route out = changing(
      Method::post, kAll, "applyPack",
      {"安装场景包或其新版本，不需重启", "Apply a pack or a newer version of it; nothing is restarted"},
      apply);
  out.body = {{"application/octet-stream", {{"type", "string"}, {"format", "binary"}}}};
  out.max_body_bytes = pack::kMostBytes + 1024 * pack::kMostFiles;  // with the headers of the archive
  for (const char* reason :
       {"pack.packed", "pack.signature", "pack.unsigned", "pack.signer", "pack.downgrade"})
    out.reasons.push_back(reason);
  return out;
}

Route rolling_back() {
  Route out = changing(Method::post, kOne + "/rollback", "rollBackPack",
                       {"退回到此前的版本", "Go back to the version before"}, roll_back);
  out.reasons.push_back("record.nothing_before");
  return out;
}

Route reading(std::string path, std::string id, Words summary, Answer answer, Act act) {
  return {.path = std::move(path),
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "packs",
          .access = Access::owner,
          .answers = {std::move(answer)},
          .reasons = {"record.pack_unknown"},
          .handler = handler(std::move(act))};
}

// For whoever works with the application.
Route documenting() {
  Route out = reading(kOne + "/openapi.json", "getPackOpenapi",
                      {"该应用的 OpenAPI 文档", "The OpenAPI document of the application"},
                      {200, "application/json", {{"type", "object"}}, {}}, document);
  out.tag = "records";
  out.access = Access::token;
  return out;
}

}  // namespace

Resource packs_resource() {
  Resource out{
      {reading(kAll, "listPacks", {"列出已安装的场景包", "List the packs that are installed"},
               {200, "application/json", reference("PackList"), {}}, list),
       applying(),
       reading(kOne, "getPack", {"场景包的版本、角色和变更", "Versions, roles and changes of a pack"},
               {200, "application/json", reference("Pack"), {}}, get),
       changing(Method::del, kOne, "removePack", {"移除场景包", "Remove a pack"}, remove), rolling_back(),
       reading(kOne + "/archive", "getPackArchive",
               {"安装时的文件（.cxpack）", "The .cxpack as it was applied"},
               {200, "application/octet-stream", {{"type", "string"}, {"format", "binary"}}, {}}, archive),
       documenting()},
      {}};
  add_schemas(out);
  return out;
}

}  // namespace chengxin::api
