#include "api/resource_records.h"

#include "api/describe.h"
#include "api/pack_forms.h"
#include "api/pack_people.h"
#include "record/proofs.h"

namespace chengxin::api {
namespace {

using record::Work;

using Act = std::function<Result<Response>(Call&, Work&)>;

Result<Response> perform(Call& call, bool writes, const Act& act) {
  Result<Response> out = fail(Code::internal, "api.internal");
  const auto task = [&](sql::Session& session, const Work::Means& means) -> Status {
    const record::Person person = person_of(call, means.catalogue);
    Work work(session, means, person);
    out = act(call, work);
    if (out) return {};
    const Error error = out.error();
    if (error.reason == kInvalidForm) {
      const auto model = means.catalogue.model(call.path.text("entity"));
      out = refused_form(call, error, work.wrongs(), model ? *model : nullptr);
    }
    return tl::unexpected(error);  // nothing of it stays
  };
  record::Installation& packs = *call.app.services.packs;
  const Status done = writes ? packs.work(task) : packs.read(task);
  if (!done && done.error().reason != kInvalidForm) return tl::unexpected(done.error());
  return out;
}

Handler handler(bool writes, Act act) {
  return [writes, act = std::move(act)](Call& call) -> Task<Result<Response>> {
    co_return co_await blocking(call.app, [&] { return perform(call, writes, act); });
  };
}
Handler reads(Act act) { return handler(false, std::move(act)); }
Handler changes(Act act) { return handler(true, std::move(act)); }

std::string entity_of(const Call& call) { return call.path.text("entity"); }
std::string id_of(const Call& call) { return call.path.text("id"); }

Result<Response> create(Call& call, Work& work) {
  ASSIGN(const Json made, work.create(entity_of(call), call.json));
  const std::string id = made.at("id");
  call.audit_detail = id;
  Response out = json_response(made, 201);
  out.headers.emplace_back("Location", fmt::format("/api/v1/records/{}/{}", entity_of(call), id));
  return out;
}

// What a role of the policy masks is not asked about either.
Status check_masks(const Call& call, const record::ListQuery& query) {
  for (const std::string& mask : call.principal.grant.any_masks()) {
    bool named = query.sort == mask || query.where.find(mask) != std::string::npos;
    for (const auto& [field, text] : query.equal) named |= field == mask;
    named |= !query.search.empty();
    if (named) return fail(Code::forbidden, "access.not_allowed", "{} is masked", mask);
  }
  return {};
}

Result<record::ListQuery> query_of(const Call& call) {
  record::ListQuery out;
  out.view = call.query.text("view");
  out.where = call.query.text("where");
  out.search = call.query.text("search");
  out.sort = call.query.text("sort");
  out.descending = call.query.flag("descending");
  out.cursor = call.query.text("cursor");
  out.limit = size_t(page_limit(call));
  if (const Json* equal = call.query.find("equal"))
    for (const std::string each : *equal) {
      const size_t colon = each.find(':');
      if (colon == each.npos) return fail(Code::invalid_argument, "record.equal", "{}", each);
      out.equal.emplace_back(each.substr(0, colon), each.substr(colon + 1));
    }
  TRY(check_masks(call, out));
  return out;
}

Result<Response> list(Call& call, Work& work) {
  ASSIGN(const auto query, query_of(call));
  ASSIGN(auto found, work.list(entity_of(call), query));
  return page(call, Json(std::move(found.records)), found.next);
}

Result<Response> get(Call& call, Work& work) {
  ASSIGN(const Json record, work.get(entity_of(call), id_of(call)));
  return json_response(record);
}

Result<Response> change(Call& call, Work& work) {
  ASSIGN(const Json record,
         work.change(entity_of(call), id_of(call), call.json["fields"], call.json["version"]));
  return json_response(record);
}

Result<Response> remove(Call& call, Work& work) {
  TRY(work.remove(entity_of(call), id_of(call), call.query.number("version")));
  return Response{204, "", "", {}, {}};
}

Result<Response> move(Call& call, Work& work) {
  const std::string state = call.json["state"];
  call.audit_detail = state;
  ASSIGN(const Json record, work.move(entity_of(call), id_of(call), state, call.json["version"]));
  return json_response(record);
}

Result<Response> history(Call& call, Work& work) {
  ASSIGN(const auto versions, work.history(entity_of(call), id_of(call)));
  Json items = Json::array();
  for (const record::Version& each : versions)
    items.push_back({{"version", each.version},
                     {"at_ms", each.at_ms},
                     {"by", each.by},
                     {"action", each.action},
                     {"record", each.record}});
  return page(call, std::move(items), "");
}

Result<Response> reveal(Call& call, Work& work) {
  const auto fields = call.json["fields"].get<std::vector<std::string>>();
  const std::string purpose = call.json["purpose"];
  call.audit_detail = fmt::format("{}: {}", fmt::join(fields, ", "), purpose);
  ASSIGN(const Json record, work.reveal(entity_of(call), id_of(call), fields, purpose));
  return json_response(record);
}

// What evidence has of a version of a record, with the fields that are asked for.
Result<Response> prove(Call& call) {
  const Services& services = call.app.services;
  const auto catalogue = services.packs->current();
  record::Proofs::Asked asked{entity_of(call), id_of(call), call.json["version"], {}, "", true};
  asked.fields = call.json["fields"].get<std::vector<std::string>>();
  asked.purpose = call.json.value("purpose", "");
  asked.timestamp = call.json.value("timestamp", true);
  for (const std::string& mask : call.principal.grant.any_masks())
    if (std::find(asked.fields.begin(), asked.fields.end(), mask) != asked.fields.end())
      return fail(Code::forbidden, "access.not_allowed", "{} is masked", mask);
  call.audit_detail = fmt::format("{}: {}", fmt::join(asked.fields, ", "), asked.purpose);
  record::Proofs proofs(*services.packs, *services.evidence);
  ASSIGN(const Bytes bundle, proofs.bundle(person_of(call, *catalogue), asked));
  Response out{200, "application/x-cxproof", to_string(bundle), {}, {}};
  out.headers.emplace_back("Content-Disposition", "attachment; filename=\"record.cxproof\"");
  return out;
}

// Of fields, any: the document of an application has those of its entities instead (pack_openapi.h).
void add_schemas(Resource& resource) {
  const Json text = text_schema(), number = integer_schema(), any = {{"type", "object"}};
  for (const char* fields : {"RecordFields", "NewRecordFields", "ChangedRecordFields"})
    resource.schemas[fields] = any;
  resource.schemas["RecordState"] = text;
  resource.schemas["NewRecord"] =
      object_schema({{"id", text}, {"fields", reference("NewRecordFields")}}, {"fields"});
  resource.schemas["RecordChange"] = object_schema(
      {{"fields", reference("ChangedRecordFields")}, {"version", number}}, {"fields", "version"});
  resource.schemas["RecordMove"] =
      object_schema({{"state", reference("RecordState")}, {"version", number}}, {"state", "version"});
  resource.schemas["RecordReveal"] =
      object_schema({{"fields", list_schema(text)}, {"purpose", text}}, {"fields", "purpose"});
  resource.schemas["RecordProof"] = object_schema({{"version", number},
                                                   {"fields", list_schema(text)},
                                                   {"purpose", text},
                                                   {"timestamp", {{"type", "boolean"}}}},
                                                  {"version", "fields"});
  resource.schemas["Record"] = object_schema(
      {{"id", text},
       {"entity", text},
       {"version", number},
       {"number", text},
       {"state", reference("RecordState")},
       {"created_ms", number},
       {"created_by", text},
       {"changed_ms", number},
       {"changed_by", text},
       {"fields", reference("RecordFields")},
       {"masked", list_schema(text)}},
      {"id", "entity", "version", "created_ms", "created_by", "changed_ms", "changed_by", "fields"});
  resource.schemas["RecordPage"] = page_schema("Record");
  resource.schemas["RecordVersion"] = object_schema({{"version", number},
                                                     {"at_ms", number},
                                                     {"by", text},
                                                     {"action", text},
                                                     {"record", reference("Record")}},
                                                    {"version", "at_ms", "by", "action", "record"});
  resource.schemas["RecordVersionPage"] = page_schema("RecordVersion");
}

const std::string kAll = "/api/v1/records/{entity}", kOne = kAll + "/{id}";
const std::vector<std::string> kSeen = {"record.entity_unknown", "record.not_allowed", "record.not_found"};

std::vector<std::string> besides_seen(std::vector<std::string> more) {
  more.insert(more.begin(), kSeen.begin(), kSeen.end());
  return more;
}

Route creating() {
  return {.method = Method::post,
          .path = kAll,
          .id = "createRecord",
          .summary = {"新建记录", "Create a record"},
          .tag = "records",
          .body = {{"application/json", reference("NewRecord")}},
          .answers = {{201, "application/json", reference("Record"), {}}},
          .reasons = {"record.entity_unknown", "record.not_allowed", "record.invalid", "record.id",
                      "record.id_taken", "record.out_of_sight"},
          .handler = changes(create),
          .idempotent = true};
}

Route listing() {
  Route out{
      .path = kAll,
      .id = "listRecords",
      .summary = {"列出可见的记录", "List the records that the caller sees"},
      .tag = "records",
      .query = page_parameters(
          {{"view",
            text_schema(),
            {"场景包的列表：其条件和次序同样适用", "A list of the pack: its condition and order hold too"}},
           {"where",
            text_schema(),
            {"CEL 条件，如 it.state == 'draft'", "A condition in CEL: it.state == 'draft'"}},
           {"search",
            text_schema(),
            {"全文检索的词，须同时给出带检索的 view；中文两字即可",
             "Words to look for, with a view that says where; two Chinese characters will do"}},
           {"equal",
            list_schema(text_schema()),
            {"字段:内容，用于可等值检索的加密字段",
             "field:text, of sealed fields that are searched by equality"}},
           {"sort",
            text_schema(),
            {"按此字段或 number 排序；缺省最新在前", "A field, or number; else the newest first"}},
           {"descending", {{"type", "boolean"}}, {"降序", "Descending"}}}),
      .answers = {{200, "application/json", reference("RecordPage"), {}}},
      .reasons = {"record.entity_unknown", "record.not_allowed", "record.view_unknown",
                  "record.field_unknown", "record.field_hidden", "record.sort", "record.search_unknown",
                  "record.equal", "sql.cursor"},
      .handler = reads(list)};
  for (Parameter& each : out.query)
    if (each.name == "cursor") each.schema["maxLength"] = 4096;  // holds the text that it was sorted by
  return out;
}

std::vector<Route> routes() {
  return {
      creating(),
      listing(),
      {.path = kOne,
       .id = "getRecord",
       .summary = {"读取记录", "A record"},
       .tag = "records",
       .answers = {{200, "application/json", reference("Record"), {}}},
       .reasons = kSeen,
       .handler = reads(get)},
      {.method = Method::put,
       .path = kOne,
       .id = "changeRecord",
       .summary = {"修改记录：未给出的字段不变", "Change a record: what is not given stays"},
       .tag = "records",
       .body = {{"application/json", reference("RecordChange")}},
       .answers = {{200, "application/json", reference("Record"), {}}},
       .reasons = besides_seen({"record.invalid", "record.stale", "record.out_of_sight"}),
       .handler = changes(change)},
      {.method = Method::del,
       .path = kOne,
       .id = "deleteRecord",
       .summary = {"删除记录", "Delete a record"},
       .tag = "records",
       .query = {{"version", integer_schema(), {"所见的版本", "The version that was seen"}, true}},
       .answers = {{204, "", {}, {}}},
       .reasons = besides_seen({"record.stale", "record.never_deleted", "record.referenced"}),
       .handler = changes(remove)},
      {.method = Method::post,
       .path = kOne + "/state",
       .id = "moveRecord",
       .summary = {"改变状态", "Move a record to another state"},
       .tag = "records",
       .body = {{"application/json", reference("RecordMove")}},
       .answers = {{200, "application/json", reference("Record"), {}}},
       .reasons = besides_seen({"record.invalid", "record.stale", "record.state_unknown",
                                "record.state_order", "record.state_by", "record.state_when"}),
       .handler = changes(move)},
      {.path = kOne + "/history",
       .id = "getRecordHistory",
       .summary = {"历史版本", "The versions of a record"},
       .tag = "records",
       .answers = {{200, "application/json", reference("RecordVersionPage"), {}}},
       .reasons = kSeen,
       .handler = reads(history)},
      {.method = Method::post,
       .path = kOne + "/reveal",
       .id = "revealRecord",
       .summary = {"查看敏感字段的明文：连同目的记入审计日志",
                   "Sensitive fields in the clear: it stands in the audit log, with the purpose"},
       .tag = "records",
       .body = {{"application/json", reference("RecordReveal")}},
       .answers = {{200, "application/json", reference("Record"), {}}},
       .reasons = besides_seen({"record.purpose", "record.field_unknown", "record.field_hidden"}),
       .handler = changes(reveal)},
      {.method = Method::post,
       .path = kOne + "/proof",
       .id = "proveRecord",
       .summary =
           {"某一版本的证明包，只披露所列字段；任何人可离线验证",
            "A proof of a version that discloses the listed fields alone: anybody verifies it, offline"},
       .tag = "records",
       .body = {{"application/json", reference("RecordProof")}},
       .answers = {{200,
                    "application/x-cxproof",
                    {},
                    {"证明包：docs/formats/cxproof.md", "A proof bundle: docs/formats/cxproof.md"}}},
       .reasons = besides_seen({"record.purpose", "record.field_unknown", "record.field_hidden",
                                "record.version_unknown", "record.not_committed", "evidence.not_anchored",
                                "evidence.refused", "evidence.erased"}),
       .handler = [](Call& call) -> Task<Result<Response>> {
         co_return co_await blocking(call.app, [&] { return prove(call); });
       }},
  };
}

}  // namespace

Resource records_resource() {
  Resource out{routes(), {}};
  add_schemas(out);
  return out;
}

}  // namespace chengxin::api
