#include "api/resource_openid.h"

#include "api/describe.h"
#include "api/resource_credentials.h"
#include "credential/service.h"
#include "crypto/sm3.h"
#include "evidence/service.h"

// What wallets, verifiers and other domains call, by the paths and error forms of the standards: who may do
// it is in the codes, tokens and nonces of the protocols themselves.
namespace chengxin::api {
namespace {

using credential::Service;

Response uncached(Response response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

// RFC 6749 section 5.2: openid.NAME becomes {"error": NAME}. Our own reason stands beside it.
Response oauth_error(const Error& error) {
  constexpr std::string_view kPrefix = "openid.";
  const bool named = error.reason.starts_with(kPrefix);
  const bool invalid_token = error.code == Code::unauthenticated;
  Json body = {{"error", named ? error.reason.substr(kPrefix.size()) : std::string("invalid_request")},
               {"error_description", error.detail},
               {"reason", error.reason}};
  Response out = json_response(body, invalid_token ? 401 : 400);
  if (invalid_token) out.headers.emplace_back("WWW-Authenticate", "Bearer error=\"invalid_token\"");
  out.refusal = error.reason;
  return uncached(std::move(out));
}

// What the other side did wrong is told in the protocol's form; what is wrong here, as ever.
Result<Response> as_oauth(const Result<Json>& answer) {
  if (answer) return uncached(json_response(*answer));
  const Code code = answer.error().code;
  if (code == Code::invalid_argument || code == Code::unauthenticated || code == Code::forbidden ||
      code == Code::unsupported || code == Code::gone)
    return oauth_error(answer.error());
  return tl::unexpected(answer.error());
}

Result<Response> token(Call& call, Service& service) { return as_oauth(service.token(call.body)); }
Result<Response> nonce(Call&, Service& service) { return as_oauth(service.nonce()); }

Result<Response> credential_of(Call& call, Service& service) {
  constexpr std::string_view kScheme = "Bearer ";
  std::string_view field = call.authorization;
  if (!field.starts_with(kScheme))
    return oauth_error({Code::unauthenticated, "openid.invalid_token", "an access token is needed"});
  return as_oauth(service.credential(std::string(field.substr(kScheme.size())), call.json));
}

Result<Response> answer(Call& call, Service& service) {
  return as_oauth(service.answer(call.path.text("id"), call.body));
}

Result<Response> offer(Call& call, Service& service) {
  ASSIGN(const Json found, service.find_offer(call.path.text("id")));
  return uncached(json_response(found));
}

Result<Response> request_object(Call& call, Service& service) {
  ASSIGN(std::string object, service.request_object(call.path.text("id")));
  return uncached({200, "application/oauth-authz-req+jwt", std::move(object), {}, {}});
}

Result<Response> status_list(Call& call, Service& service) {
  const auto purpose = call.path.text("purpose") == "revocation" ? credential::StatusPurpose::revocation
                                                                 : credential::StatusPurpose::suspension;
  ASSIGN(std::string list, service.status_list(purpose, call.path.number("number")));
  return Response{200, "application/vc+jwt", std::move(list), {{"Cache-Control", "max-age=60"}}, {}};
}

Result<Response> issuer_metadata(Call&, Service& service) {
  ASSIGN(const Json metadata, service.issuer_metadata());
  return json_response(metadata);
}
Result<Response> server_metadata(Call&, Service& service) { return json_response(service.server_metadata()); }
Result<Response> did_document(Call&, Service& service) {
  Response out = json_response(service.did_document());
  out.type = "application/did+json";
  return out;
}

// What is known here without asking others: nobody makes the platform ask for him.
Result<Response> identifier(Call& call, Service& service) {
  const std::string did = call.path.text("did");
  if (credential::method_of(did) == "web" && did != service.issuer())
    return json_response(credential::resolution_result(
        fail(Code::unsupported, "did.method", "only this platform's own did:web")));
  return json_response(credential::resolution_result(service.resolvers().resolve_anew(did)));
}

// That the platform put this very document on its chain.
Result<Response> document_proof(Call& call, Service& service) {
  if (!call.app.services.evidence) return fail(Code::not_found, "ledger.no_item");
  ASSIGN(const std::string canonical, canonical_json(service.did_document()));
  ASSIGN(const Bytes bundle, call.app.services.evidence->bundle_of_item(call.app.options.default_chain,
                                                                        crypto::sm3(view(canonical)), {}));
  return Response{200, "application/x-cxproof", to_string(bundle), {}, {}};
}

Route open_route(Method method, std::string path, std::string id, Words summary, CredentialWork work) {
  return {.method = method,
          .path = std::move(path),
          .id = std::move(id),
          .summary = std::move(summary),
          .tag = "openid",
          .access = Access::open,
          .answers = {{200, "application/json", {{"type", "object"}}, {}}},
          .handler = with_credentials(std::move(work))};
}

std::vector<Media> form() { return {{"application/x-www-form-urlencoded", {}}}; }

}  // namespace

Resource openid_resource() {
  Resource resource;
  auto add = [&](Route route) -> Route& {
    resource.routes.push_back(std::move(route));
    return resource.routes.back();
  };
  add(open_route(Method::get, "/.well-known/openid-credential-issuer", "credentialIssuerMetadata",
                 {"凭证签发者元数据", "Metadata of the credential issuer"}, issuer_metadata));
  add(open_route(Method::get, "/.well-known/oauth-authorization-server", "authorizationServerMetadata",
                 {"授权服务元数据", "Metadata of the authorisation server"}, server_metadata));
  add(open_route(Method::get, "/.well-known/did.json", "ownDidDocument",
                 {"本平台的 DID 文档", "The platform's DID document"}, did_document))
      .answers[0]
      .type = "application/did+json";
  add(open_route(Method::get, "/.well-known/did.json.cxproof", "ownDidDocumentProof",
                 {"本平台 DID 文档的上链证明", "Proof that the document is on the platform's chain"},
                 document_proof))
      .answers[0] = {200, "application/x-cxproof", {}, {}};
  add(open_route(
      Method::get, "/1.0/identifiers/{did}", "resolveIdentifier",
      {"解析本平台的 DID（W3C DID Resolution）", "Resolve a DID that is known here (W3C DID Resolution)"},
      identifier));
  add(open_route(Method::get, "/api/v1/openid/offers/{id}", "credentialOffer",
                 {"凭证邀约", "A credential offer"}, offer));
  add(open_route(Method::post, "/api/v1/openid/token", "openidToken",
                 {"以预授权码换取访问令牌", "A token for a pre-authorised code"}, token))
      .body = form();
  // A nonce is nobody's: were each in the audit log, strangers could fill it.
  add(open_route(Method::post, "/api/v1/openid/nonce", "openidNonce", {"取一次性随机数", "A nonce"}, nonce))
      .reads = true;
  Route& issue = add(open_route(Method::post, "/api/v1/openid/credential", "openidCredential",
                                {"领取凭证", "The credential that was offered"}, credential_of));
  issue.body = {{"application/json", {{"type", "object"}}}};
  add(open_route(Method::get, "/api/v1/openid/requests/{id}", "presentationRequestObject",
                 {"已签名的出示请求", "A signed presentation request"}, request_object))
      .answers[0] = {200, "application/oauth-authz-req+jwt", {}, {}};
  Route& respond =
      add(open_route(Method::post, "/api/v1/openid/responses/{id}", "presentationResponse",
                     {"提交出示（direct_post）", "Answer a presentation request (direct_post)"}, answer));
  respond.body = form();
  respond.max_body_bytes = 4 << 20;
  add(open_route(Method::get, "/api/v1/status-lists/{purpose}/{number}", "statusList",
                 {"凭证状态列表（W3C Bitstring Status List）", "A status list of credentials"}, status_list))
      .answers[0] = {200, "application/vc+jwt", {}, {}};
  return resource;
}

}  // namespace chengxin::api
