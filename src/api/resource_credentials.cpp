#include "api/resource_credentials.h"

#include "api/describe.h"
#include "base/clock.h"
#include "credential/service.h"

namespace chengxin::api {
namespace {

using credential::Service;

credential::Caller caller_of(const Call& call) { return {call.principal.id, call.principal.owner}; }

credential::Issuance issuance_of(const Json& json) {
  credential::Issuance out;
  out.template_id = json["template"];
  out.claims = json["claims"];
  out.holder = json.value("holder", Json());
  if (json.contains("from_ms")) out.from_ms = json["from_ms"].get<int64_t>();
  if (json.contains("until_ms")) out.until_ms = json["until_ms"].get<int64_t>();
  return out;
}

std::function<Result<Response>(Call&, Service&)> put_template(const char* kind) {
  return [kind](Call& call, Service& service) -> Result<Response> {
    TRY(service.put_template(caller_of(call), kind, call.json));
    ASSIGN(const Json kept, service.find_template(kind, call.json["id"], call.json.value("version", 1)));
    return json_response(kept, 201);
  };
}

std::function<Result<Response>(Call&, Service&)> list_templates(const char* kind) {
  return [kind](Call&, Service& service) -> Result<Response> {
    ASSIGN(Json items, service.list_templates(kind));
    return json_response({{"items", std::move(items)}});
  };
}

std::function<Result<Response>(Call&, Service&)> find_template(const char* kind) {
  return [kind](Call& call, Service& service) -> Result<Response> {
    std::optional<int64_t> version;
    if (call.query.find("version")) version = call.query.number("version");
    ASSIGN(const Json kept, service.find_template(kind, call.path.text("id"), version));
    return json_response(kept);
  };
}

Result<Response> schema(Call& call, Service& service) {
  ASSIGN(const Json kept,
         service.find_template("credential", call.path.text("id"), call.path.number("version")));
  return json_response(kept.value("schema", Json::object()));
}

Result<Response> issue(Call& call, Service& service) {
  ASSIGN(const Json issued, service.issue(caller_of(call), issuance_of(call.json)));
  return json_response(issued, 201);
}

Result<Response> offer(Call& call, Service& service) {
  ASSIGN(const Json made,
         service.offer(caller_of(call), issuance_of(call.json), call.json.value("with_code", false)));
  return json_response(made, 201);
}

Result<Response> list_issued(Call& call, Service& service) {
  Json filter = Json::object();
  for (const char* name : {"template", "state", "holder"})
    if (call.query.find(name)) filter[name] = call.query.text(name);
  ASSIGN(Json listed, service.list_issued(filter, call.query.text("cursor"), size_t(page_limit(call))));
  const std::string next = listed["next"];
  return page(call, std::move(listed["items"]), next);
}

Result<Response> find_issued(Call& call, Service& service) {
  ASSIGN(const Json found, service.find_issued(call.path.text("id")));
  return json_response(found);
}

Result<Response> set_state(Call& call, Service& service) {
  ASSIGN(const Json changed, service.set_state(caller_of(call), call.path.text("id"), call.json["state"],
                                               call.json.value("why", std::string())));
  return json_response(changed);
}

Result<Response> verify(Call& call, Service& service) {
  ASSIGN(const auto verdict, service.verify(call.json));
  return json_response(verdict.json());
}

Result<Response> ask(Call& call, Service& service) {
  const auto algorithm = credential::algorithm_of(call.json.value("algorithm", std::string("SM2SM3")));
  ASSIGN(const Json made, service.ask(call.json["template"], *algorithm));
  return json_response(made, 201);
}

Result<Response> find_request(Call& call, Service& service) {
  ASSIGN(const Json found, service.find_request(call.path.text("id")));
  return json_response(found);
}

Result<Response> resolve(Call& call, Service& service) {
  const auto resolution = service.resolvers().resolve_anew(call.path.text("did"));
  return json_response(credential::resolution_result(resolution));
}

Result<Response> put_domain(Call& call, Service& service) {
  call.audit_detail = call.json["id"].get<std::string>();
  TRY(service.domains().put(call.json, now_ms()));
  return json_response(call.json, 201);
}

Result<Response> list_domains(Call&, Service& service) {
  ASSIGN(Json items, service.domains().list());
  return json_response({{"items", std::move(items)}});
}

Result<Response> remove_domain(Call& call, Service& service) {
  TRY(service.domains().remove(call.path.text("id")));
  return Response{204, "", "", {}, {}};
}

Result<Response> check_domain(Call& call, Service& service) {
  ASSIGN(const Json report, service.domains().check(call.path.text("id"), now_ms()));
  return json_response(report);
}

Json any_object() { return {{"type", "object"}}; }

Schemas schemas() {
  Schemas out;
  const Json name = {{"type", "string"}, {"minLength", 1}, {"maxLength", 128}};
  const Json time = {{"type", "integer"}, {"minimum", 0}};
  out["CredentialTemplate"] = {{"type", "object"}, {"required", {"id"}}, {"properties", {{"id", name}}}};
  out["CredentialTemplates"] =
      object_schema({{"items", list_schema(reference("CredentialTemplate"))}}, {"items"});
  const Json claims = any_object(), holder = Json::object();
  out["CredentialIssuance"] = object_schema(
      {{"template", name}, {"claims", claims}, {"holder", holder}, {"from_ms", time}, {"until_ms", time}},
      {"template", "claims"});
  out["CredentialOffering"] = object_schema({{"template", name},
                                             {"claims", claims},
                                             {"with_code", {{"type", "boolean"}}},
                                             {"from_ms", time},
                                             {"until_ms", time}},
                                            {"template", "claims"});
  out["CredentialMade"] = any_object();
  out["IssuedCredential"] = any_object();
  out["IssuedCredentialPage"] = page_schema("IssuedCredential");
  out["CredentialState"] = object_schema({{"state", enum_schema({"active", "suspended", "revoked"})},
                                          {"why", {{"type", "string"}, {"maxLength", 500}}}},
                                         {"state"});
  out["CredentialVerification"] = object_schema({{"credential", Json::object()},
                                                 {"presentation", Json::object()},
                                                 {"audience", text_schema()},
                                                 {"nonce", text_schema()},
                                                 {"template", name}});
  out["CredentialVerdict"] = any_object();
  out["PresentationAsked"] =
      object_schema({{"template", name}, {"algorithm", enum_schema({"SM2SM3", "ES256"})}}, {"template"});
  out["PresentationState"] = any_object();
  out["DidResolution"] = any_object();
  out["TrustedDomain"] = {
      {"type", "object"}, {"required", {"id", "title", "dids"}}, {"properties", {{"id", name}}}};
  out["TrustedDomains"] = object_schema({{"items", list_schema(reference("TrustedDomain"))}}, {"items"});
  out["DomainReport"] = any_object();
  return out;
}

std::vector<Answer> answers(int status, std::string_view schema_name) {
  return {{status, "application/json", reference(schema_name), {}}};
}

// A template kind's three rows.
void add_templates(Resource& resource, const char* kind, const std::string& path, const Words& of) {
  const std::string upper = kind[0] == 'c' ? "Credential" : "Presentation";
  resource.routes.push_back(
      {.path = path,
       .id = "list" + upper + "Templates",
       .summary = {of.zh + "模板列表（各取最新版本）", "Newest versions of the " + of.en + " templates"},
       .tag = "credentials",
       .answers = answers(200, "CredentialTemplates"),
       .handler = with_credentials(list_templates(kind))});
  resource.routes.push_back({.method = Method::post,
                             .path = path,
                             .id = "put" + upper + "Template",
                             .summary = {"登记" + of.zh + "模板（或其新版本）",
                                         "Register a " + of.en + " template or a new version"},
                             .tag = "credentials",
                             .access = Access::owner,
                             .body = {{"application/json", reference("CredentialTemplate")}},
                             .answers = answers(201, "CredentialTemplate"),
                             .reasons = {"template.malformed", "template.exists"},
                             .handler = with_credentials(put_template(kind))});
  resource.routes.push_back({.path = path + "/{id}",
                             .id = "get" + upper + "Template",
                             .summary = {"查询" + of.zh + "模板", "A " + of.en + " template"},
                             .tag = "credentials",
                             .query = {{"version",
                                        {{"type", "integer"}, {"minimum", 1}},
                                        {"版本，默认最新", "Version; the newest when left out"}}},
                             .answers = answers(200, "CredentialTemplate"),
                             .reasons = {"template.not_found"},
                             .handler = with_credentials(find_template(kind))});
}

void add_issuing(Resource& resource) {
  resource.routes.push_back({.method = Method::post,
                             .path = "/api/v1/credentials",
                             .id = "issueCredential",
                             .summary = {"签发凭证", "Issue a credential"},
                             .tag = "credentials",
                             .body = {{"application/json", reference("CredentialIssuance")}},
                             .answers = answers(201, "CredentialMade"),
                             .reasons = {"credential.delegate", "credential.schema", "credential.claim",
                                         "credential.holder", "credential.time", "template.not_found"},
                             .handler = with_credentials(issue),
                             .idempotent = true});
  resource.routes.push_back(
      {.method = Method::post,
       .path = "/api/v1/credential-offers",
       .id = "offerCredential",
       .summary = {"生成领取凭证的邀约（OpenID4VCI）", "Offer a credential to a wallet (OpenID4VCI)"},
       .tag = "credentials",
       .body = {{"application/json", reference("CredentialOffering")}},
       .answers = answers(201, "CredentialMade"),
       .reasons = {"credential.delegate", "credential.schema", "template.not_found"},
       .handler = with_credentials(offer)});
  resource.routes.push_back(
      {.path = "/api/v1/credentials",
       .id = "listCredentials",
       .summary = {"已签发凭证列表（不含内容）", "Credentials issued, without what they say"},
       .tag = "credentials",
       .query = page_parameters(
           {{"template", text_schema(), {"模板", "Template"}, false, "template"},
            {"state", enum_schema({"active", "suspended", "revoked"}), {"状态", "State"}, false, "state"},
            {"holder", text_schema(), {"持有者", "Holder"}, false, "holder"}}),
       .answers = answers(200, "IssuedCredentialPage"),
       .reasons = {"sql.cursor"},
       .handler = with_credentials(list_issued)});
  resource.routes.push_back({.path = "/api/v1/credentials/{id}",
                             .id = "getCredential",
                             .summary = {"查询一份已签发凭证的状态", "The state of a credential"},
                             .tag = "credentials",
                             .answers = answers(200, "IssuedCredential"),
                             .reasons = {"credential.not_found"},
                             .handler = with_credentials(find_issued)});
  resource.routes.push_back({.method = Method::put,
                             .path = "/api/v1/credentials/{id}/state",
                             .id = "setCredentialState",
                             .summary = {"暂停、恢复或撤销凭证", "Suspend, restore or revoke a credential"},
                             .tag = "credentials",
                             .body = {{"application/json", reference("CredentialState")}},
                             .answers = answers(200, "IssuedCredential"),
                             .reasons = {"credential.not_found", "credential.state", "credential.delegate"},
                             .handler = with_credentials(set_state)});
  resource.routes.push_back(
      {.path = "/api/v1/credential-schemas/{id}/{version}",
       .id = "getCredentialSchema",
       .summary = {"凭证模板的 JSON Schema", "The JSON Schema of a credential template"},
       .tag = "credentials",
       .access = Access::open,
       .answers = {{200, "application/json", any_object(), {}}},
       .reasons = {"template.not_found"},
       .handler = with_credentials(schema)});
}

void add_verifying(Resource& resource) {
  resource.routes.push_back(
      {.method = Method::post,
       .path = "/api/v1/credentials/verification",
       .id = "verifyCredential",
       .summary = {"验证凭证或出示，逐项给出结论", "Verify a credential or a presentation, check by check"},
       .tag = "credentials",
       .body = {{"application/json", reference("CredentialVerification")}},
       .answers = answers(200, "CredentialVerdict"),
       .reasons = {"credential.request", "template.not_found"},
       .handler = with_credentials(verify),
       .max_body_bytes = 2 << 20});
  resource.routes.push_back({.method = Method::post,
                             .path = "/api/v1/presentation-requests",
                             .id = "askForPresentation",
                             .summary = {"发起出示请求（OpenID4VP）", "Ask for a presentation (OpenID4VP)"},
                             .tag = "credentials",
                             .body = {{"application/json", reference("PresentationAsked")}},
                             .answers = answers(201, "PresentationState"),
                             .reasons = {"template.not_found"},
                             .handler = with_credentials(ask)});
  resource.routes.push_back({.path = "/api/v1/presentation-requests/{id}",
                             .id = "getPresentationRequest",
                             .summary = {"查询出示请求的结果", "What became of a presentation request"},
                             .tag = "credentials",
                             .answers = answers(200, "PresentationState"),
                             .reasons = {"presentation.not_found"},
                             .handler = with_credentials(find_request)});
  resource.routes.push_back({.path = "/api/v1/dids/{did}",
                             .id = "resolveDid",
                             .summary = {"解析 DID", "Resolve a DID"},
                             .tag = "credentials",
                             .answers = answers(200, "DidResolution"),
                             .handler = with_credentials(resolve)});
}

void add_domains(Resource& resource) {
  resource.routes.push_back({.path = "/api/v1/trusted-domains",
                             .id = "listTrustedDomains",
                             .summary = {"互认域列表", "Domains whose identities are recognised"},
                             .tag = "credentials",
                             .answers = answers(200, "TrustedDomains"),
                             .handler = with_credentials(list_domains)});
  resource.routes.push_back({.method = Method::post,
                             .path = "/api/v1/trusted-domains",
                             .id = "putTrustedDomain",
                             .summary = {"登记或更新互认域", "Recognise a domain, or change its entry"},
                             .tag = "trusted-domains",
                             .access = Access::owner,
                             .body = {{"application/json", reference("TrustedDomain")}},
                             .answers = answers(201, "TrustedDomain"),
                             .reasons = {"domain.malformed", "domain.too_many"},
                             .handler = with_credentials(put_domain)});
  resource.routes.push_back({.method = Method::del,
                             .path = "/api/v1/trusted-domains/{id}",
                             .id = "removeTrustedDomain",
                             .summary = {"取消互认", "Recognise a domain no more"},
                             .tag = "trusted-domains",
                             .access = Access::owner,
                             .answers = {{204, "", {}, {}}},
                             .reasons = {"domain.not_found"},
                             .handler = with_credentials(remove_domain)});
  resource.routes.push_back(
      {.method = Method::post,
       .path = "/api/v1/trusted-domains/{id}/check",
       .id = "checkTrustedDomain",
       .summary = {"解析、验证并核对一个域的身份文档", "Resolve, verify and compare a domain's documents"},
       .tag = "credentials",
       .answers = answers(200, "DomainReport"),
       .reasons = {"domain.not_found"},
       .handler = with_credentials(check_domain)});
}

}  // namespace

Handler with_credentials(CredentialWork work) {
  return [work = std::move(work)](Call& call) -> Task<Result<Response>> {
    Service* service = call.app.services.credentials->load();
    if (!service) co_return fail(Code::unavailable, "api.starting", "the platform is starting");
    co_return co_await blocking(call.app, [&] { return work(call, *service); });
  };
}

Resource credentials_resource() {
  Resource resource;
  resource.schemas = schemas();
  add_templates(resource, "credential", "/api/v1/credential-templates", {"凭证", "credential"});
  add_templates(resource, "presentation", "/api/v1/presentation-templates", {"出示", "presentation"});
  add_issuing(resource);
  add_verifying(resource);
  add_domains(resource);
  return resource;
}

}  // namespace chengxin::api
