#include "credential/impl/presentation_protocol.h"

#include "base/percent.h"
#include "net/form.h"

namespace chengxin::credential {
namespace {

using net::parse_form;

constexpr int64_t kRequestMs = 600'000;
constexpr int kAttempts = 5;
constexpr std::string_view kVerdicts = "verdicts";  // they hold what was shown

}  // namespace

Result<Policy> PresentationProtocol::policy() {
  Policy out;
  ASSIGN(out.issuers, domains_.trusted());
  out.issuers.push_back(options_.issuer);
  return out;
}

Result<Json> PresentationProtocol::ask(const std::string& template_id, Algorithm algorithm) {
  ASSIGN(const auto wanted, registry_.presentation(template_id));
  const std::string id = random_text(16), nonce = random_text(24);
  const int64_t now = options_.now_ms();
  const Json body = {{"algorithm", name(algorithm)}};
  const Status kept = database_.transaction([&](sql::Session& session) -> Status {
    TRY(session.run("delete from credential_request where until_ms < ?", now - 86'400'000).map([](int64_t) {
    }));
    return session
        .run(
            "insert into credential_request (id, template, version, nonce, body, state, attempts, verdict,"
            " created_ms, until_ms) values (?, ?, ?, ?, ?, 'open', 0, '', ?, ?)",
            id, wanted.id, wanted.version, nonce, body.dump(), now, now + kRequestMs)
        .map([](int64_t) {});
  });
  TRY(kept);
  const std::string address = options_.url + "/api/v1/openid/requests/" + id;
  return Json{{"id", id},
              {"state", "open"},
              {"uri", "openid4vp://?client_id=" + percent_encode(client_id()) +
                          "&request_uri=" + percent_encode(address)},
              {"request_uri", address},
              {"client_id", client_id()},
              {"expires_ms", now + kRequestMs}};
}

Result<PresentationProtocol::Request> PresentationProtocol::load(const std::string& id) {
  Request out;
  TRY(database_.read([&](sql::Session& session) -> Status {
    ASSIGN(auto row,
           session.row("select id, template, version, nonce, body, state, attempts, verdict, created_ms,"
                       " until_ms from credential_request where id = ?",
                       id));
    if (!row) return fail(Code::not_found, "presentation.not_found", "{}", id.substr(0, 100));
    out = {row->text(0),    row->text(1),    row->text(3),    row->text(5), row->integer(2),
           row->integer(6), row->integer(8), row->integer(9), Json(),       Json()};
    ASSIGN(out.body, parse_json(row->text(4)));
    out.verdict = Json::object();
    if (const std::string sealed = row->text(7); !sealed.empty()) {
      ASSIGN(out.verdict, unseal_json(sealing_key(options_.data_key, kVerdicts), sealed));
    }
    return {};
  }));
  if (out.state == "open" && options_.now_ms() > out.until_ms) out.state = "expired";
  return out;
}

Result<Json> PresentationProtocol::find(const std::string& id) {
  ASSIGN(const auto request, load(id));
  Json out = {{"id", id},
              {"template", request.template_id},
              {"version", request.version},
              {"state", request.state},
              {"created_ms", request.created_ms},
              {"expires_ms", request.until_ms}};
  if (!request.verdict.empty()) out["verdict"] = request.verdict;
  return out;
}

Result<std::string> PresentationProtocol::request_object(const std::string& id) {
  ASSIGN(const auto request, load(id));
  if (request.state != "open")
    return fail(Code::gone, "presentation.closed", "the request is {}", request.state);
  ASSIGN(const auto wanted, registry_.presentation(request.template_id, request.version));
  const Json formats = {
      {"dc+sd-jwt", {{"sd-jwt_alg_values", {"SM2SM3", "ES256"}}, {"kb-jwt_alg_values", {"SM2SM3", "ES256"}}}},
      {"vc+jwt", {{"alg_values", {"SM2SM3", "ES256"}}}}};
  Json payload = {{"client_id", client_id()},
                  {"aud", "https://self-issued.me/v2"},
                  {"response_type", "vp_token"},
                  {"response_mode", "direct_post"},
                  {"response_uri", options_.url + "/api/v1/openid/responses/" + id},
                  {"nonce", request.nonce},
                  {"state", id},
                  {"iat", request.created_ms / 1'000},
                  {"exp", request.until_ms / 1'000},
                  {"dcql_query", wanted.dcql()},
                  {"client_metadata", {{"client_name", wanted.title}, {"vp_formats_supported", formats}}}};
  if (!wanted.purpose.empty()) payload["client_metadata"]["purpose"] = wanted.purpose;
  const auto algorithm = algorithm_of(request.body["algorithm"].get<std::string>());
  return sign_compact({{"typ", "oauth-authz-req+jwt"}}, payload, signers_[size_t(*algorithm)]);
}

// The first answer that holds closes the request; the fifth that does not, too.
Result<Json> PresentationProtocol::answer(const std::string& id, const std::string& form) {
  ASSIGN(auto fields, parse_form(form));
  ASSIGN(const auto request, load(id));
  if (request.state != "open")
    return fail(Code::gone, "presentation.closed", "the request is {}", request.state);
  if (fields.contains("error")) {
    TRY(database_.transaction([&](sql::Session& session) {
      return session
          .run("update credential_request set state = 'declined' where id = ? and state = 'open'", id)
          .map([](int64_t) {});
    }));
    return Json::object();
  }
  if (fields["state"] != id)
    return fail(Code::invalid_argument, "openid.invalid_request", "state is not this request's");
  auto token = parse_json(fields["vp_token"], {.max_bytes = 2 * kMaxTokenBytes});
  if (!token)
    return fail(Code::invalid_argument, "openid.invalid_request", "vp_token: {}", token.error().to_string());
  ASSIGN(const auto wanted, registry_.presentation(request.template_id, request.version));
  ASSIGN(const Policy believed, policy());
  const Expected expected{client_id(), request.nonce, wanted.max_age_ms};
  const Verdict verdict = verifier_.answer(*token, wanted, believed, expected, options_.now_ms());
  const char* state = verdict.valid() ? "verified" : request.attempts + 1 >= kAttempts ? "refused" : "open";
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(const int64_t changed,
           session.run("update credential_request set state = ?, verdict = ?, attempts = attempts + 1"
                       " where id = ? and state = 'open'",
                       state, seal_json(sealing_key(options_.data_key, kVerdicts), verdict.json()), id));
    if (changed == 0) return fail(Code::gone, "presentation.closed", "it was answered already");
    return {};
  }));
  if (const Check* bad = verdict.failed())
    return fail(Code::forbidden, bad->reason, "{}: {}", bad->name, bad->detail);
  return Json::object();
}

}  // namespace chengxin::credential
