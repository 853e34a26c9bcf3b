#include "api/resource_system.h"

#include "api/app.h"

namespace chengxin::api {
namespace {

Task<Result<Response>> health(Call&) { co_return json_response({{"status", "ok"}}); }

Task<Result<Response>> ready(Call& call) {
  if (call.app.services.ready) {
    auto status = co_await blocking(call.app, [&] { return call.app.services.ready(); });
    CO_TRY(status);
  }
  co_return json_response({{"status", "ready"}});
}

Task<Result<Response>> metrics(Call& call) {
  auto text = co_await blocking(call.app, [&]() -> Result<std::string> { return call.app.metrics.text(); });
  if (!text) co_return tl::unexpected(text.error());
  co_return Response{200, "text/plain; version=0.0.4; charset=utf-8", std::move(*text), {}, {}};
}

Task<Result<Response>> system(Call& call) {
  Json body = {{"product", "chengxin"},
               {"version", call.app.options.version},
               {"default_chain", call.app.options.default_chain}};
  if (call.app.services.doctor) {
    auto findings = co_await blocking(call.app, [&]() -> Result<Json> { return call.app.services.doctor(); });
    if (!findings) co_return tl::unexpected(findings.error());
    body["findings"] = std::move(*findings);
  }
  co_return json_response(body);
}

}  // namespace

Resource system_resource() {
  Resource resource;
  resource.schemas["Health"] = {
      {"type", "object"}, {"required", {"status"}}, {"properties", {{"status", {{"type", "string"}}}}}};
  resource.schemas["System"] = {{"type", "object"},
                                {"required", {"product", "version"}},
                                {"properties",
                                 {{"product", {{"type", "string"}}},
                                  {"version", {{"type", "string"}}},
                                  {"default_chain", {{"type", "string"}}},
                                  {"findings", {{"description", "as of `chengxin doctor`"}}}}}};
  resource.routes = {
      {.path = "/healthz",
       .id = "health",
       .summary = {"进程存活", "The process lives"},
       .tag = "system",
       .access = Access::open,
       .answers = {{200, "application/json", reference("Health"), {}}},
       .handler = health},
      {.path = "/readyz",
       .id = "ready",
       .summary = {"可以提供服务", "Ready to serve"},
       .tag = "system",
       .access = Access::open,
       .answers = {{200, "application/json", reference("Health"), {}}},
       .reasons = {"api.not_ready", "install.access_changed"},
       .handler = ready},
      {.path = "/metrics",
       .id = "metrics",
       .summary = {"Prometheus 指标", "Prometheus metrics"},
       .tag = "system",
       .answers = {{200, "text/plain", {}, {}}},
       .handler = metrics},
      {.path = "/api/v1/system",
       .id = "system",
       .summary = {"版本与体检结果", "Version and findings of the doctor"},
       .tag = "system",
       .answers = {{200, "application/json", reference("System"), {}}},
       .handler = system},
  };
  return resource;
}

}  // namespace chengxin::api
