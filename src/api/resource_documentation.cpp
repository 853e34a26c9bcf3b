#include "api/resource_documentation.h"

#include "api/app.h"

namespace chengxin::api {

namespace assets {
extern const std::string_view docs_html, docs_js, docs_css, verify_html;
}

namespace {

// A page may load only what this server sends. The verifier's page is one file, with its script inside, and
// may not speak to anybody at all.
constexpr std::string_view kDocsPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kVerifyPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";

Response page(std::string_view type, std::string_view bytes, std::string_view policy) {
  Response response{200, std::string(type), std::string(bytes), {}, {}};
  response.headers = {{"Content-Security-Policy", std::string(policy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"}};
  return response;
}

Handler asset(std::string_view type, const std::string_view& bytes) {
  return [type, &bytes](Call&) -> Task<Result<Response>> { co_return page(type, bytes, kDocsPolicy); };
}

Task<Result<Response>> openapi(Call& call) {
  co_return Response{200, "application/json", call.app.openapi, {}, {}};
}

Task<Result<Response>> verify_page(Call& call) {
  const std::string& given = call.app.options.verify_page;
  std::string_view bytes = given.empty() ? assets::verify_html : std::string_view(given);
  if (bytes.empty())
    co_return fail(Code::not_found, "api.no_verify_page", "this build carries no verifier page");
  co_return page("text/html; charset=utf-8", bytes, kVerifyPolicy);
}

Route open_page(std::string path, std::string id, Words summary, std::string type, Handler handler) {
  return {.path = std::move(path),
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "documentation",
          .access = Access::open,
          .answers = {{200, std::move(type), {}, {}}},
          .handler = std::move(handler)};
}

}  // namespace

Resource documentation_resource() {
  Resource resource;
  resource.routes = {
      open_page("/api/v1/openapi.json", "openapi",
                {"本接口的 OpenAPI 文档", "The OpenAPI document of this API"}, "application/json", openapi),
      open_page("/docs", "docs", {"交互式文档", "Interactive documentation"}, "text/html",
                asset("text/html; charset=utf-8", assets::docs_html)),
      open_page("/docs/docs.js", "docsScript", {"文档页脚本", "Script of the documentation"},
                "text/javascript", asset("text/javascript; charset=utf-8", assets::docs_js)),
      open_page("/docs/docs.css", "docsStyle", {"文档页样式", "Style of the documentation"}, "text/css",
                asset("text/css; charset=utf-8", assets::docs_css)),
      open_page("/verify", "verifyPage", {"离线验证页", "Page that verifies bundles in the browser"},
                "text/html", verify_page),
  };
  return resource;
}

}  // namespace chengxin::api
