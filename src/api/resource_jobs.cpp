#include "api/resource_jobs.h"

#include "access/service.h"
#include "api/app.h"
#include "api/describe.h"
#include "jobs/jobs.h"

namespace chengxin::api {
namespace {

Json describe(const jobs::Job& job) {
  Json out = {{"id", job.id},
              {"kind", job.kind},
              {"arguments", job.arguments},
              {"state", jobs::state_name(job.state)},
              {"done", job.done},
              {"total", job.total},
              {"created_ms", job.created_ms}};
  if (job.ended_ms) out["ended_ms"] = job.ended_ms;
  if (job.state == jobs::State::done) out["result"] = job.result;
  if (job.state == jobs::State::failed)
    out["error"] = {
        {"reason", job.error.reason}, {"code", code_name(job.error.code)}, {"detail", job.error.detail}};
  return out;
}

// Jobs on identities and personal data are no maintenance: they have routes under the chain's identities,
// with their right, and are shown to nobody here.
constexpr std::string_view kIdentities = "identity.";
bool is_on_identities(const jobs::Job& job) { return job.kind.starts_with(kIdentities); }

Task<Result<Response>> start(Call& call) {
  Json arguments = call.json.value("arguments", Json::object());
  call.audit_detail = call.json["kind"].get<std::string>();
  if (call.audit_detail.starts_with(kIdentities))
    co_return fail(Code::forbidden, "api.own_route", "POST /api/v1/chains/{{chain}}/identity/jobs");
  CO_ASSIGN(auto job, call.app.services.jobs->start(call.json["kind"], std::move(arguments)));
  co_return job_response(job);
}

Task<Result<Response>> list(Call& call) {
  Json items = Json::array();
  for (const auto& job : call.app.services.jobs->list())
    if (!is_on_identities(job)) items.push_back(describe(job));
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> show(Call& call) {
  CO_ASSIGN(auto job, call.app.services.jobs->get(call.path.text("id")));
  if (is_on_identities(job)) co_return fail(Code::not_found, "jobs.not_found", "{}", job.id);
  co_return json_response(describe(job));
}

std::string text_in(const Json& object, const char* member) {
  const auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// Personal data are sealed to a key of whom they are read by, or to one that the owner names.
Status check_reader_key(const Call& call, const Json& arguments) {
  if (call.principal.owner || !arguments.contains("public_key")) return {};
  const auto& access = call.app.services.access;
  const auto policy = access ? access->policies().current() : nullptr;
  const auto* user = policy ? policy->user(call.principal.user) : nullptr;
  if (user && user->key && hex(user->key->point()) == text_in(arguments, "public_key")) return {};
  return fail(Code::forbidden, "identity.reader_key");
}

Task<Result<Response>> start_on_identities(Call& call) {
  Json arguments = call.json.value("arguments", Json::object());
  const std::string kind = call.json["kind"];
  call.audit_detail = kind + " " + text_in(arguments, "identity").substr(0, 64);
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_TRY(check_reader_key(call, arguments));
  arguments["chain"] = chain->name;
  arguments["reader"] = call.principal.id;
  CO_ASSIGN(auto job, call.app.services.jobs->start(std::string(kIdentities) + kind, std::move(arguments)));
  Response out = json_response(describe(job), 202);
  out.headers.emplace_back("Location", "/api/v1/chains/" + chain->name + "/identity/jobs/" + job.id);
  co_return out;
}

Task<Result<Response>> show_on_identities(Call& call) {
  CO_ASSIGN(const auto chain, chain_of(call));
  CO_ASSIGN(auto job, call.app.services.jobs->get(call.path.text("id")));
  const bool own = call.principal.owner || text_in(job.arguments, "reader") == call.principal.id;
  if (!is_on_identities(job) || !own || text_in(job.arguments, "chain") != chain->name)
    co_return fail(Code::not_found, "jobs.not_found", "{}", job.id);
  co_return json_response(describe(job));
}

}  // namespace

Response job_response(const jobs::Job& job) {
  Response response = json_response(describe(job), 202);
  response.headers.emplace_back("Location", "/api/v1/jobs/" + job.id);
  return response;
}

Resource jobs_resource() {
  Resource resource;
  const Json any = {{"type", "object"}, {"maxProperties", 32}};
  Json error = object_schema({{"reason", text_schema()}, {"code", text_schema()}, {"detail", text_schema()}});
  resource.schemas["Job"] = object_schema({{"id", text_schema()},
                                           {"kind", text_schema()},
                                           {"arguments", any},
                                           {"state", enum_schema({"waiting", "running", "done", "failed"})},
                                           {"done", integer_schema()},
                                           {"total", integer_schema()},
                                           {"created_ms", integer_schema()},
                                           {"ended_ms", integer_schema()},
                                           {"result", any},
                                           {"error", error}},
                                          {"id", "kind", "state", "done", "total"});
  resource.schemas["JobList"] = object_schema({{"items", list_schema(reference("Job"))}}, {"items"});
  resource.schemas["NewJob"] = object_schema({{"kind", text_schema()}, {"arguments", any}}, {"kind"});
  resource.schemas["NewIdentityJob"] = object_schema(
      {{"kind", enum_schema({"plan", "apply", "personal", "looks", "erase"})}, {"arguments", any}}, {"kind"});
  resource.routes = {
      {.path = "/api/v1/jobs",
       .id = "listJobs",
       .summary = {"列出长任务（新的在前）", "Long jobs, newest first"},
       .tag = "jobs",
       .access = Access::owner,
       .answers = {{200, "application/json", reference("JobList"), {}}},
       .handler = list},
      {.method = Method::post,
       .path = "/api/v1/jobs",
       .id = "startJob",
       .summary = {"启动长任务:校验、裁剪、导出、备份、重建镜像",
                   "Start a long job: verify, prune, export, backup, mirror"},
       .tag = "jobs",
       .access = Access::owner,
       .body = {{"application/json", reference("NewJob")}},
       .answers = {{202, "application/json", reference("Job"), {"已开始", "Begun"}}},
       .reasons = {"jobs.unknown_kind", "jobs.too_many", "api.own_route"},
       .handler = start},
      {.method = Method::post,
       .path = "/api/v1/chains/{chain}/identity/jobs",
       .id = "startIdentityJob",
       .summary = {"目录同步、读取或删除个人数据", "Synchronise a directory; read or erase personal data"},
       .tag = "identities",
       .access = Access::owner,
       .body = {{"application/json", reference("NewIdentityJob")}},
       .answers = {{202, "application/json", reference("Job"), {"已开始", "Begun"}}},
       .reasons = {"chain.not_found", "identity.reader_key", "jobs.unknown_kind", "jobs.too_many"},
       .handler = start_on_identities},
      {.path = "/api/v1/chains/{chain}/identity/jobs/{id}",
       .id = "getIdentityJob",
       .summary = {"查看本人启动的身份任务", "How far a job is that the caller started"},
       .tag = "identities",
       .access = Access::owner,
       .answers = {{200, "application/json", reference("Job"), {}}},
       .reasons = {"chain.not_found", "jobs.not_found"},
       .handler = show_on_identities},
      {.path = "/api/v1/jobs/{id}",
       .id = "getJob",
       .summary = {"查看长任务的进度与结果", "How far a job is, and its result"},
       .tag = "jobs",
       .access = Access::owner,
       .answers = {{200, "application/json", reference("Job"), {}}},
       .reasons = {"jobs.not_found"},
       .handler = show},
  };
  return resource;
}

}  // namespace chengxin::api
