#include "api/resource_jobs.h"

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

Task<Result<Response>> start(Call& call) {
  Json arguments = call.json.value("arguments", Json::object());
  call.audit_detail = call.json["kind"].get<std::string>();
  CO_ASSIGN(auto job, call.app.services.jobs->start(call.json["kind"], std::move(arguments)));
  co_return job_response(job);
}

Task<Result<Response>> list(Call& call) {
  Json items = Json::array();
  for (const auto& job : call.app.services.jobs->list()) items.push_back(describe(job));
  co_return json_response({{"items", std::move(items)}});
}

Task<Result<Response>> show(Call& call) {
  CO_ASSIGN(auto job, call.app.services.jobs->get(call.path.text("id")));
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
       .reasons = {"jobs.unknown_kind", "jobs.too_many"},
       .handler = start},
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
