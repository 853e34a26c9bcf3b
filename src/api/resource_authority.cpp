#include "api/resource_authority.h"

#include "api/describe.h"
#include "authority/service.h"

namespace chengxin::api {
namespace {

using authority::Service;
using authority::State;

constexpr int64_t kDayMs = int64_t(24) * 3600'000;
constexpr size_t kMaxBatchBytes = 4 << 20;

// What a handler does with the service, off the io threads.
using Work = std::function<Result<Response>(Call&, Service&)>;

Handler handler(Work work) {
  return [work = std::move(work)](Call& call) -> Task<Result<Response>> {
    co_return co_await blocking(
        call.app, [&]() -> Result<Response> { return work(call, *call.app.services.authority); });
  };
}

Response bytes_response(const Bytes& bytes, const char* type) {
  return {200, type, to_string(bytes), {}, {}};
}

std::string pem_of(ByteView der) {
  if (der.empty()) return {};
  auto certificate = crypto::Certificate::from_der(der);
  return certificate ? certificate->to_pem() : std::string();
}

Json describe(const authority::Holder& holder) {
  Json out = {{"id", holder.id},
              {"profile", holder.profile},
              {"state", authority::state_name(holder.state)},
              {"common_name", holder.subject.common_name},
              {"organization", holder.subject.organization},
              {"unit", holder.subject.unit},
              {"country", holder.subject.country},
              {"hosts", holder.hosts},
              {"days", holder.days},
              {"requested_by", holder.requested_by},
              {"requested_ms", holder.requested_ms}};
  if (holder.decided_ms) {
    out["decided_by"] = holder.decided_by;
    out["decided_ms"] = holder.decided_ms;
  }
  if (holder.issued_ms) {
    out["issued_ms"] = holder.issued_ms;
    out["not_after_ms"] = holder.not_after_ms;
  }
  if (holder.closed_ms) {
    out["closed_ms"] = holder.closed_ms;
    out["reason"] = authority::reason_name(holder.reason);
  }
  if (!holder.renews.empty()) out["renews"] = holder.renews;
  if (!holder.renewed_by.empty()) out["renewed_by"] = holder.renewed_by;
  return out;
}

Json describe(const authority::Delivered& delivered) {
  Json out = describe(delivered.holder);
  if (delivered.sign.empty()) return out;
  out["sign"] = pem_of(delivered.sign);
  out["encrypt"] = pem_of(delivered.encrypt);
  out["enveloped_key"] = base64(delivered.enveloped_key);
  out["chain"] = pem_of(delivered.issuing) + pem_of(delivered.root);
  return out;
}

Json describe(const authority::Anchor& anchor) {
  Json out = {{"id", anchor.id},
              {"subject", anchor.certificate.subject_text()},
              {"issuer", anchor.certificate.issuer_text()},
              {"not_after_ms", anchor.certificate.not_after_ms},
              {"added_by", anchor.added_by},
              {"added_ms", anchor.added_ms},
              {"crl_url", anchor.crl_url}};
  if (anchor.crl_until_ms) out["crl_until_ms"] = anchor.crl_until_ms;
  if (!anchor.crl_error.reason.empty()) out["crl_error"] = anchor.crl_error.reason;
  return out;
}

Result<Response> show(Call&, Service& service) {
  ASSIGN(const auto overview, service.overview());
  Json counts = Json::object();
  for (const auto& [state, count] : overview.counts)
    counts[std::string(authority::state_name(state))] = count;
  Json profiles = Json::array();
  for (const auto& profile : authority::profiles())
    profiles.push_back({{"name", profile.name},
                        {"zh", profile.zh},
                        {"en", profile.en},
                        {"hosts", profile.hosts},
                        {"default_days", profile.default_days},
                        {"most_days", profile.most_days}});
  return json_response({{"root", overview.root.to_pem()},
                        {"issuing", overview.issuing.to_pem()},
                        {"subject", overview.issuing.subject_text()},
                        {"not_after_ms", overview.issuing.not_after_ms},
                        {"crl_number", overview.crl_number},
                        {"crl_until_ms", overview.crl_until_ms},
                        {"root_crl_until_ms", overview.root_crl_until_ms},
                        {"counts", counts},
                        {"profiles", profiles}});
}

Result<Response> create(Call& call, Service& service) {
  const Json& in = call.json;
  authority::Created asked;
  asked.organization = in["organization"];
  asked.country = in.value("country", "");
  asked.passphrase = in.value("passphrase", "");
  asked.root_years = in.value("root_years", asked.root_years);
  asked.issuing_years = in.value("issuing_years", asked.issuing_years);
  TRY(service.create(asked));
  ASSIGN(Response out, show(call, service));
  out.status = 201;
  return out;
}

Result<crypto::SigningRequest> request_in(const std::string& text) {
  if (text.starts_with("-----BEGIN")) return crypto::SigningRequest::from_pem(text);
  auto der = unbase64(text);
  if (!der) return fail(Code::invalid_argument, "crypto.csr_malformed", "neither PEM nor base64");
  return crypto::SigningRequest::from_der(*der);
}

Result<Response> request(Call& call, Service& service) {
  std::vector<authority::Asked> asked;
  for (const Json& item : call.json["items"]) {
    auto parsed = request_in(item["csr"]);
    if (!parsed)
      return fail(parsed.error().code, parsed.error().reason, "/items/{}: {}", asked.size(),
                  parsed.error().detail);
    asked.push_back({item["profile"], std::move(*parsed), item.value("hosts", std::vector<std::string>()),
                     item.value("days", 0), item.value("renews", "")});
  }
  ASSIGN(const auto ids, service.request(asked, call.principal.id));
  return json_response({{"ids", ids}}, 201);
}

Result<Response> list(Call& call, Service& service) {
  authority::Filter filter;
  filter.state = authority::state_of(call.query.text("state"));
  filter.profile = call.query.text("profile");
  filter.name_contains = call.query.text("name");
  filter.cursor = call.query.text("cursor");
  filter.limit = page_limit(call);
  authority::Holders found;
  if (const std::string serial = call.query.text("serial"); !serial.empty()) {
    ASSIGN(const Bytes number, unhex(serial));
    ASSIGN(const std::string id, service.holder_of(number));
    ASSIGN(auto one, service.get(id));
    found.items.push_back(std::move(one.holder));
  } else {
    ASSIGN(found, service.list(filter));
  }
  Json items = Json::array();
  for (const auto& holder : found.items) items.push_back(describe(holder));
  return page(call, std::move(items), found.next);
}

Result<Response> get(Call& call, Service& service) {
  ASSIGN(const auto delivered, service.get(call.path.text("id")));
  return json_response(describe(delivered));
}

Result<Response> due(Call& call, Service& service) {
  ASSIGN(const auto holders, service.due(call.query.number("days", 30) * kDayMs, page_limit(call)));
  Json items = Json::array();
  for (const auto& holder : holders) items.push_back(describe(holder));
  return json_response({{"items", std::move(items)}});
}

using Ids = std::vector<std::string>;

// A change of holders that answers with nothing but that it was done.
Handler change(std::function<Status(Call&, Service&, const Ids&)> work) {
  return handler([work = std::move(work)](Call& call, Service& service) -> Result<Response> {
    TRY(work(call, service, call.json["ids"].get<Ids>()));
    return Response{204, "", "", {}, {}};
  });
}

Result<Response> issue(Call& call, Service& service) {
  ASSIGN(const auto made, service.issue(call.json["ids"].get<Ids>()));
  Json items = Json::array();
  for (const auto& each : made) items.push_back(describe(each));
  return json_response({{"items", std::move(items)}}, 201);
}

Status revoke(Call& call, Service& service, const Ids& ids) {
  ASSIGN(const int reason, authority::reason_of(call.json.value("reason", "unspecified")));
  return service.revoke(ids, reason);
}

Result<Response> certificate(Call& call, Service& service) {
  ASSIGN(const auto overview, service.overview());
  const std::string id = call.path.text("id");
  if (id != "root" && id != "issuing") return fail(Code::not_found, "authority.no_holder", "root or issuing");
  return bytes_response((id == "root" ? overview.root : overview.issuing).der, "application/pkix-cert");
}

Result<Response> crl(Call& call, Service& service) {
  ASSIGN(const Bytes der, call.query.flag("root") ? service.root_crl() : service.crl());
  return bytes_response(der, "application/pkix-crl");
}

Status renew_crl(Call& call, Service& service) {
  if (call.json.value("root", false)) return service.renew_root_list(call.json.value("passphrase", ""));
  return service.renew_list();
}

Result<Response> ocsp_post(Call& call, Service& service) {
  ASSIGN(const Bytes answer, service.ocsp(view(call.body)));
  return bytes_response(answer, "application/ocsp-response");
}

Result<Response> ocsp_get(Call& call, Service& service) {
  auto der = unbase64(call.path.text("request"));
  ASSIGN(const Bytes answer, service.ocsp(der ? *der : Bytes()));
  return bytes_response(answer, "application/ocsp-response");
}

Result<std::optional<crypto::Crl>> crl_in(const Json& json) {
  const std::string text = json.value("crl", "");
  if (text.empty()) return std::nullopt;
  if (text.starts_with("-----BEGIN")) {
    ASSIGN(auto crl, crypto::Crl::from_pem(text));
    return crl;
  }
  auto der = unbase64(text);
  if (!der) return fail(Code::invalid_argument, "crypto.crl_malformed", "neither PEM nor base64");
  ASSIGN(auto crl, crypto::Crl::from_der(*der));
  return crl;
}

Result<Response> add_anchor(Call& call, Service& service) {
  ASSIGN(const auto certificate, crypto::Certificate::from_pem(call.json["certificate"].get<std::string>()));
  ASSIGN(const auto crl, crl_in(call.json));
  ASSIGN(const auto anchor,
         service.add_anchor(certificate, crl, call.json.value("crl_url", ""), call.principal.id));
  return json_response(describe(anchor), 201);
}

Result<Response> list_anchors(Call&, Service& service) {
  ASSIGN(const auto anchors, service.anchors());
  Json items = Json::array();
  for (const auto& anchor : anchors) items.push_back(describe(anchor));
  return json_response({{"items", std::move(items)}});
}

Result<Response> remove_anchor(Call& call, Service& service) {
  TRY(service.remove_anchor(call.path.text("id")));
  return Response{204, "", "", {}, {}};
}

Result<Response> renew_anchor(Call& call, Service& service) {
  ASSIGN(const auto crl, crl_in(call.json));
  ASSIGN(const auto anchor, service.renew_list(call.path.text("id"), crl));
  return json_response(describe(anchor));
}

constexpr std::pair<std::string_view, crypto::Purpose> kPurposes[] = {
    {"any", crypto::Purpose::any},           {"ca", crypto::Purpose::ca},
    {"tls_sign", crypto::Purpose::tls_sign}, {"tls_encrypt", crypto::Purpose::tls_encrypt},
    {"client", crypto::Purpose::client},     {"timestamp", crypto::Purpose::timestamp}};

Result<Response> check(Call& call, Service& service) {
  ASSIGN(auto certificates, crypto::certificates_from_pem(call.json["certificates"].get<std::string>()));
  crypto::Purpose purpose = crypto::Purpose::any;
  for (const auto& [name, value] : kPurposes)
    if (name == call.json.value("purpose", "any")) purpose = value;
  ASSIGN(const auto path, service.check(certificates.front(), std::span(certificates).subspan(1), purpose));
  Json subjects = Json::array();
  for (const auto& each : path) subjects.push_back(each.subject_text());
  return json_response({{"path", std::move(subjects)}});
}

const std::vector<std::string> kListReasons = {"authority.missing", "authority.no_holder", "authority.state",
                                               "authority.too_many"};

void add_schemas(Resource& resource) {
  const Json text = text_schema(), number = integer_schema(), names = list_schema(text);
  Json short_text = {{"type", "string"}, {"maxLength", 200}};
  resource.schemas["Holder"] = object_schema(
      {{"id", text},           {"profile", text},       {"state", text},          {"common_name", text},
       {"organization", text}, {"unit", text},          {"country", text},        {"hosts", names},
       {"days", number},       {"requested_by", text},  {"requested_ms", number}, {"decided_by", text},
       {"decided_ms", number}, {"issued_ms", number},   {"not_after_ms", number}, {"closed_ms", number},
       {"reason", text},       {"renews", text},        {"renewed_by", text},     {"sign", text},
       {"encrypt", text},      {"enveloped_key", text}, {"chain", text}},
      {"id", "profile", "state", "common_name"});
  resource.schemas["HolderPage"] = page_schema("Holder");
  resource.schemas["HolderList"] = object_schema({{"items", list_schema(reference("Holder"))}}, {"items"});
  resource.schemas["AuthorityOverview"] = object_schema({{"root", text},
                                                         {"issuing", text},
                                                         {"subject", text},
                                                         {"not_after_ms", number},
                                                         {"crl_number", number},
                                                         {"crl_until_ms", number},
                                                         {"root_crl_until_ms", number},
                                                         {"counts", {{"type", "object"}}},
                                                         {"profiles", list_schema({{"type", "object"}})}});
  resource.schemas["NewAuthority"] =
      object_schema({{"organization", {{"type", "string"}, {"minLength", 1}, {"maxLength", 200}}},
                     {"country", {{"type", "string"}, {"maxLength", 2}}},
                     {"passphrase", short_text},
                     {"root_years", {{"type", "integer"}, {"minimum", 1}, {"maximum", 40}}},
                     {"issuing_years", {{"type", "integer"}, {"minimum", 1}, {"maximum", 40}}}},
                    {"organization"});
  Json item = object_schema({{"profile", text},
                             {"csr", {{"type", "string"}, {"maxLength", 32 << 10}}},
                             {"hosts", names},
                             {"days", {{"type", "integer"}, {"minimum", 0}, {"maximum", 10'000}}},
                             {"renews", short_text}},
                            {"profile", "csr"});
  Json items = list_schema(std::move(item)), ids = list_schema(short_text);
  items["maxItems"] = ids["maxItems"] = Service::kMostAtOnce;
  resource.schemas["CertificateRequests"] = object_schema({{"items", items}}, {"items"});
  resource.schemas["HolderIds"] = object_schema({{"ids", ids}}, {"ids"});
  resource.schemas["Revocation"] = object_schema({{"ids", ids}, {"reason", text}}, {"ids"});
  resource.schemas["Anchor"] = object_schema({{"id", text},
                                              {"subject", text},
                                              {"issuer", text},
                                              {"not_after_ms", number},
                                              {"added_by", text},
                                              {"added_ms", number},
                                              {"crl_url", text},
                                              {"crl_until_ms", number},
                                              {"crl_error", text}},
                                             {"id", "subject"});
  resource.schemas["AnchorList"] = object_schema({{"items", list_schema(reference("Anchor"))}}, {"items"});
  resource.schemas["NewAnchor"] = object_schema(
      {{"certificate", text}, {"crl", text}, {"crl_url", {{"type", "string"}, {"maxLength", 2000}}}},
      {"certificate"});
  resource.schemas["AnchorCrl"] = object_schema({{"crl", text}});
  resource.schemas["CrlRenewal"] =
      object_schema({{"root", {{"type", "boolean"}}}, {"passphrase", short_text}});
  std::vector<std::string> purposes;
  for (const auto& each : kPurposes) purposes.emplace_back(each.first);
  resource.schemas["CertificateCheck"] =
      object_schema({{"certificates", text}, {"purpose", enum_schema(purposes)}}, {"certificates"});
  resource.schemas["CertificatePath"] = object_schema({{"path", names}}, {"path"});
}

Route post(std::string path, std::string id, Words summary, const char* schema, Handler handler) {
  Route out;
  out.method = Method::post;
  out.path = "/api/v1/authority" + path;
  out.id = std::move(id);
  out.summary = std::move(summary);
  out.tag = "authority";
  out.access = Access::owner;
  out.body = {{"application/json", reference(schema)}};
  out.answers = {{204, "", {}, {}}};
  out.reasons = kListReasons;
  out.handler = std::move(handler);
  return out;
}

std::vector<Route> holder_routes() {
  Route requested = post("/requests", "requestCertificates",
                         {"申请证书（每次至多一千份）", "Ask for certificates, up to a thousand"},
                         "CertificateRequests", handler(request));
  requested.access = Access::token;
  requested.answers = {
      {201, "application/json", object_schema({{"ids", list_schema(text_schema())}}, {"ids"}), {}}};
  requested.reasons = {"authority.missing",    "authority.profile",    "authority.hosts",
                       "authority.days",       "authority.renewal",    "authority.no_holder",
                       "authority.too_many",   "crypto.csr_malformed", "crypto.csr_curve",
                       "crypto.csr_algorithm", "crypto.csr_subject",   "crypto.csr_signature"};
  requested.max_body_bytes = kMaxBatchBytes;
  Route approved = post("/approvals", "approveCertificates",
                        {"批准申请（不能批准自己的）", "Approve requests, not one's own"}, "HolderIds",
                        change([](Call& call, Service& service, const Ids& ids) {
                          return service.approve(ids, call.principal.id);
                        }));
  approved.reasons.push_back("authority.four_eyes");
  Route issued = post("/issues", "issueCertificates", {"签发已批准的证书", "Issue what was approved"},
                      "HolderIds", handler(issue));
  issued.answers = {{201, "application/json", reference("HolderList"), {}}};
  Route revoked = post("/revocations", "revokeCertificates", {"吊销证书", "Revoke certificates"},
                       "Revocation", change(revoke));
  revoked.reasons.push_back("authority.revocation_reason");
  std::vector<Route> out;
  out.push_back(std::move(requested));
  out.push_back(std::move(approved));
  out.push_back(post("/rejections", "rejectCertificates", {"驳回申请", "Reject requests"}, "HolderIds",
                     change([](Call& call, Service& service, const Ids& ids) {
                       return service.reject(ids, call.principal.id);
                     })));
  out.push_back(std::move(issued));
  out.push_back(post("/suspensions", "suspendCertificates", {"冻结证书", "Suspend certificates (hold)"},
                     "HolderIds",
                     change([](Call&, Service& service, const Ids& ids) { return service.suspend(ids); })));
  out.push_back(post("/releases", "releaseCertificates", {"解冻证书", "Release suspended certificates"},
                     "HolderIds",
                     change([](Call&, Service& service, const Ids& ids) { return service.release(ids); })));
  out.push_back(std::move(revoked));
  return out;
}

std::vector<Route> anchor_routes() {
  const std::vector<std::string> list_reasons = {
      "authority.no_anchor",   "authority.crl_older",         "authority.crl_url",    "authority.url",
      "authority.plain_http",  "authority.unreachable",       "authority.timeout",    "authority.too_large",
      "authority.http_status", "authority.address_forbidden", "crypto.crl_malformed", "crypto.crl_signature"};
  Route added = post("/anchors", "addAnchor", {"导入外部证书机构", "Trust an outside authority"}, "NewAnchor",
                     handler(add_anchor));
  added.answers = {{201, "application/json", reference("Anchor"), {}}};
  added.reasons = list_reasons;
  for (const char* reason :
       {"authority.weak_hash", "authority.not_an_authority", "authority.too_many",
        "crypto.certificate_malformed", "crypto.certificate_curve", "crypto.certificate_expired",
        "crypto.certificate_not_yet_valid", "crypto.certificate_signature", "crypto.certificate_untrusted"})
    added.reasons.emplace_back(reason);
  added.max_body_bytes = 48 << 20;
  Route renewed = post("/anchors/{id}/crl", "renewAnchorCrl",
                       {"更新外部机构的吊销列表", "Give or fetch a newer list of an outside authority"},
                       "AnchorCrl", handler(renew_anchor));
  renewed.answers = {{200, "application/json", reference("Anchor"), {}}};
  renewed.reasons = list_reasons;
  renewed.max_body_bytes = 48 << 20;
  Route checked =
      post("/checks", "checkCertificate", {"验证证书是否可信", "Whether a certificate is to be believed"},
           "CertificateCheck", handler(check));
  checked.access = Access::token;
  checked.answers = {{200, "application/json", reference("CertificatePath"), {}}};
  checked.reasons = {"authority.weak_hash",
                     "authority.self_made",
                     "crypto.certificate_malformed",
                     "crypto.certificate_untrusted",
                     "crypto.certificate_signature",
                     "crypto.certificate_expired",
                     "crypto.certificate_not_yet_valid",
                     "crypto.certificate_usage",
                     "crypto.certificate_revoked",
                     "crypto.certificate_curve",
                     "crypto.certificate_algorithm",
                     "crypto.certificate_extension",
                     "crypto.certificate_path_length",
                     "crypto.certificate_name_constraint",
                     "crypto.crl_missing",
                     "crypto.crl_expired",
                     "crypto.crl_signature"};
  std::vector<Route> out;
  out.push_back(std::move(added));
  out.push_back(std::move(renewed));
  out.push_back(std::move(checked));
  return out;
}

std::vector<Route> read_routes() {
  const Json text = text_schema();
  return {
      {.path = "/api/v1/authority",
       .id = "getAuthority",
       .summary = {"证书机构概况", "The certificate authority"},
       .tag = "authority",
       .answers = {{200, "application/json", reference("AuthorityOverview"), {}}},
       .reasons = {"authority.missing"},
       .handler = handler(show)},
      {.path = "/api/v1/authority/holders",
       .id = "listHolders",
       .summary = {"列出申请与证书（新的在前）", "Requests and certificates, newest first"},
       .tag = "authority",
       .query =
           page_parameters({{"state",
                             enum_schema({"requested", "approved", "issued", "suspended", "revoked",
                                          "renewed", "rejected", "expired"}),
                             {"状态", "State"}},
                            {"profile", text, {"类别", "Profile"}},
                            {"name", text, {"名称包含", "Part of the common name"}, false, "common_name"},
                            {"serial",
                             {{"type", "string"}, {"format", "hex"}, {"maxLength", 40}},
                             {"证书序列号", "Serial number of a certificate"},
                             false,
                             "sign"}}),
       .answers = {{200, "application/json", reference("HolderPage"), {}}},
       .reasons = {"authority.no_holder", "sql.cursor"},
       .handler = handler(list)},
      {.path = "/api/v1/authority/holders/{id}",
       .id = "getHolder",
       .summary = {"查看一份申请及其证书", "A request, and its certificates once issued"},
       .tag = "authority",
       .answers = {{200, "application/json", reference("Holder"), {}}},
       .reasons = {"authority.no_holder"},
       .handler = handler(get)},
      {.path = "/api/v1/authority/due",
       .id = "listDueCertificates",
       .summary = {"列出即将到期的证书", "Certificates that end soon"},
       .tag = "authority",
       .query = {{"days",
                  {{"type", "integer"}, {"minimum", 0}, {"maximum", 3650}},
                  {"天数", "Within so many days"},
                  false,
                  "not_after_ms"},
                 {"limit", {{"type", "integer"}, {"minimum", 1}, {"maximum", 500}}, {"条数", "How many"}}},
       .answers = {{200, "application/json", reference("HolderList"), {}}},
       .handler = handler(due)},
      {.path = "/api/v1/authority/anchors",
       .id = "listAnchors",
       .summary = {"列出受信任的外部机构", "Outside authorities that are trusted"},
       .tag = "authority",
       .answers = {{200, "application/json", reference("AnchorList"), {}}},
       .handler = handler(list_anchors)},
      {.method = Method::del,
       .path = "/api/v1/authority/anchors/{id}",
       .id = "removeAnchor",
       .summary = {"不再信任外部机构", "Trust an outside authority no longer"},
       .tag = "authority",
       .access = Access::owner,
       .answers = {{204, "", {}, {}}},
       .reasons = {"authority.no_anchor"},
       .handler = handler(remove_anchor)},
  };
}

std::vector<Route> open_routes() {
  const Json bytes = {{"type", "string"}, {"format", "binary"}};
  return {
      {.path = "/api/v1/authority/certificates/{id}",
       .id = "getAuthorityCertificate",
       .summary = {"下载根证书或签发机构证书（root、issuing）",
                   "The certificate of the root or of the issuing authority"},
       .tag = "authority",
       .access = Access::open,
       .answers = {{200, "application/pkix-cert", bytes, {}}},
       .reasons = {"authority.missing", "authority.no_holder"},
       .handler = handler(certificate)},
      {.path = "/api/v1/authority/crl",
       .id = "getCrl",
       .summary = {"下载吊销列表", "The revocation list"},
       .tag = "authority",
       .access = Access::open,
       .query = {{"root", {{"type", "boolean"}}, {"根机构的列表", "That of the root"}}},
       .answers = {{200, "application/pkix-crl", bytes, {}}},
       .reasons = {"authority.missing"},
       .handler = handler(crl)},
      {.method = Method::post,
       .path = "/api/v1/authority/ocsp",
       .id = "postOcsp",
       .summary = {"查询证书状态（RFC 6960）", "The status of certificates (RFC 6960)"},
       .tag = "authority",
       .access = Access::open,
       .body = {{"application/ocsp-request", bytes}},
       .answers = {{200, "application/ocsp-response", bytes, {}}},
       .reasons = {"authority.missing"},
       .handler = handler(ocsp_post),
       .max_body_bytes = crypto::kMaxOcspBytes,
       .reads = true},
      {.path = "/api/v1/authority/ocsp/{request}",
       .id = "getOcsp",
       .summary = {"查询证书状态，请求以 base64 写在地址中（RFC 6960 附录 A）",
                   "The status of certificates; the request is in the path (RFC 6960 appendix A)"},
       .tag = "authority",
       .access = Access::open,
       .answers = {{200, "application/ocsp-response", bytes, {}}},
       .reasons = {"authority.missing"},
       .handler = handler(ocsp_get),
       .takes_rest = true},
  };
}

}  // namespace

Resource authority_resource() {
  Resource resource;
  add_schemas(resource);
  Route created = post("", "createAuthority",
                       {"建立证书机构（根与签发机构）", "Make the authority: a root and an issuing one"},
                       "NewAuthority", handler(create));
  created.answers = {{201, "application/json", reference("AuthorityOverview"), {}}};
  created.reasons = {"authority.exists", "crypto.certificate_request"};
  created.secret = true;
  resource.routes.push_back(std::move(created));
  Route renewed = post("/lists", "renewCrl", {"立即签发新的吊销列表", "Sign a new revocation list now"},
                       "CrlRenewal", handler([](Call& call, Service& service) -> Result<Response> {
                         TRY(renew_crl(call, service));
                         return Response{204, "", "", {}, {}};
                       }));
  renewed.reasons = {"authority.missing", "crypto.passphrase"};
  renewed.secret = true;
  resource.routes.push_back(std::move(renewed));
  for (auto make : {holder_routes, anchor_routes, read_routes, open_routes})
    for (Route& route : make()) resource.routes.push_back(std::move(route));
  return resource;
}

}  // namespace chengxin::api
