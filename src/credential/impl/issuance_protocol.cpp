#include "credential/impl/issuance_protocol.h"

#include "base/percent.h"
#include "credential/impl/time.h"
#include "crypto/hmac.h"
#include "crypto/sm3.h"
#include "net/form.h"

namespace chengxin::credential {
namespace {

using net::parse_form;

constexpr int64_t kOfferMs = 24 * 3'600'000, kTokenMs = 600'000, kNonceMs = 300'000, kSkewMs = 60'000;
constexpr int kAttempts = 5;
constexpr size_t kNonceDigits = 48;  // before its MAC
constexpr std::string_view kGrant = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

tl::unexpected<Error> invalid_proof(std::string_view why) {
  return fail(Code::invalid_argument, "openid.invalid_proof", "{}", why);
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.is_object() ? object.find(member) : object.end();
  return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string six_digits() {
  uint64_t value;
  do crypto::random_fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
  while (value >= UINT64_MAX / 1'000'000 * 1'000'000);
  return fmt::format("{:06}", value % 1'000'000);
}

Json body_of(const Caller& caller, const Issuance& issuance) {
  Json out = {{"template", issuance.template_id},
              {"claims", issuance.claims},
              {"caller", caller.id},
              {"owner", caller.owner}};
  if (issuance.from_ms) out["from_ms"] = *issuance.from_ms;
  if (issuance.until_ms) out["until_ms"] = *issuance.until_ms;
  return out;
}

Issuance issuance_of(const Json& body) {
  Issuance out{body["template"], body["claims"], nullptr, {}, {}};
  if (body.contains("from_ms")) out.from_ms = body["from_ms"].get<int64_t>();
  if (body.contains("until_ms")) out.until_ms = body["until_ms"].get<int64_t>();
  return out;
}

}  // namespace

Result<Json> IssuanceProtocol::offer(const Caller& caller, const Issuance& issuance, bool with_code) {
  ASSIGN(const auto kind, issuing_.check(caller, issuance));
  const std::string id = random_text(16), code = random_text(32);
  Json grant = {{"pre-authorized_code", code}}, body = body_of(caller, issuance);
  std::string digits;
  if (with_code) {
    digits = six_digits();
    grant["tx_code"] = {{"input_mode", "numeric"}, {"length", 6}};
    body["tx_code"] = digits;
    body["attempts"] = 0;
  }
  const Json offer = {{"credential_issuer", options_.url},
                      {"credential_configuration_ids", {kind->id}},
                      {"grants", {{kGrant, grant}}}};
  const int64_t until = options_.now_ms() + kOfferMs;
  const Status kept = database_.transaction([&](sql::Session& session) -> Status {
    TRY(Once::put(session, "code", code, body, until));
    return Once::put(session, "offer", id, offer, until);
  });
  TRY(kept);
  const std::string address = options_.url + "/api/v1/openid/offers/" + id;
  Json out = {{"id", id},
              {"offer", offer},
              {"uri", "openid-credential-offer://?credential_offer_uri=" + percent_encode(address)},
              {"expires_ms", until}};
  if (with_code) out["tx_code"] = digits;
  return out;
}

Result<Json> IssuanceProtocol::find_offer(const std::string& id) {
  ASSIGN(auto offer, once_.look("offer", id, options_.now_ms()));
  if (!offer) return fail(Code::not_found, "credential.offer", "unknown, or over");
  return std::move(*offer);
}

Result<Json> IssuanceProtocol::issuer_metadata() {
  ASSIGN(const Json templates, registry_.list("credential"));
  Json configurations = Json::object();
  for (const Json& json : templates) {
    ASSIGN(const auto kind, registry_.credential(json["id"]));
    Json algorithms = Json::array();
    for (auto algorithm : kind->proofs) algorithms.push_back(name(algorithm));
    Json one = {
        {"format", name(kind->format)},
        {"scope", kind->id},
        {"cryptographic_binding_methods_supported", {"jwk", "did:key"}},
        {"credential_signing_alg_values_supported", algorithms},
        {"proof_types_supported", {{"jwt", {{"proof_signing_alg_values_supported", {"SM2SM3", "ES256"}}}}}},
        {"credential_metadata", {{"display", {{{"name", kind->title}, {"locale", "zh-CN"}}}}}}};
    if (kind->format == Format::sd_jwt)
      one["vct"] = kind->type;
    else
      one["credential_definition"] = {{"type", {"VerifiableCredential", kind->type}}};
    configurations[kind->id] = std::move(one);
  }
  return Json{{"credential_issuer", options_.url},
              {"credential_endpoint", options_.url + "/api/v1/openid/credential"},
              {"nonce_endpoint", options_.url + "/api/v1/openid/nonce"},
              {"credential_configurations_supported", std::move(configurations)}};
}

Json IssuanceProtocol::server_metadata() const {  // RFC 8414
  return {{"issuer", options_.url},
          {"token_endpoint", options_.url + "/api/v1/openid/token"},
          {"response_types_supported", Json::array()},
          {"grant_types_supported", {kGrant}},
          {"token_endpoint_auth_methods_supported", {"none"}},
          {"pre-authorized_grant_anonymous_access_supported", true}};
}

// The access token for a code. A wrong transaction code counts against the offer, which ends with the fifth.
Result<std::string> IssuanceProtocol::use_code(sql::Session& session, const std::string& code,
                                               const std::string& digits) {
  const int64_t now = options_.now_ms();
  ASSIGN(auto body, Once::take(session, "code", code, now));
  if (!body) return std::string();
  if (body->contains("tx_code") &&
      !crypto::constant_time_equal(view((*body)["tx_code"].get<std::string>()), view(digits))) {
    const int attempts = (*body)["attempts"].get<int>() + 1;
    (*body)["attempts"] = attempts;
    if (attempts < kAttempts) TRY(Once::put(session, "code", code, *body, now + kOfferMs / 24));
    return std::string();
  }
  const std::string token = random_text(32);
  TRY(Once::put(session, "token", token, *body, now + kTokenMs));
  return token;
}

Result<Json> IssuanceProtocol::token(const std::string& form) {
  ASSIGN(auto fields, parse_form(form));
  if (fields["grant_type"] != kGrant)
    return fail(Code::invalid_argument, "openid.unsupported_grant_type", "only the pre-authorised code");
  const std::string &code = fields["pre-authorized_code"], &digits = fields["tx_code"];
  if (code.empty()) return fail(Code::invalid_argument, "openid.invalid_request", "no pre-authorized_code");
  std::string token;
  TRY(database_.transaction([&](sql::Session& session) -> Status {
    ASSIGN(token, use_code(session, code, digits));
    return {};
  }));
  if (token.empty())
    return fail(Code::invalid_argument, "openid.invalid_grant",
                "the code is unknown, used, over, or not with this tx_code");
  return Json{{"access_token", token}, {"token_type", "Bearer"}, {"expires_in", kTokenMs / 1'000}};
}

// Anybody may ask for nonces: each carries its end and a MAC, and nothing is kept of it before it has served.
Result<Json> IssuanceProtocol::nonce() {
  Bytes bytes;
  put_be(bytes, uint64_t(options_.now_ms() + kNonceMs));
  append(bytes, crypto::random_bytes(16));
  const std::string body = hex(bytes);
  return Json{{"c_nonce", body + hex(nonce_mac(body))}, {"c_nonce_expires_in", kNonceMs / 1'000}};
}

Digest IssuanceProtocol::nonce_mac(std::string_view body) const {
  return crypto::hmac_sm3(nonce_key_, {view("chengxin-c-nonce-1\n"), view(body)});
}

// What served is kept until it is over: by then its owner has shown an access token and a proof.
Status IssuanceProtocol::use_nonce(const std::string& nonce) {
  const auto bad = [] {
    return fail(Code::invalid_argument, "openid.invalid_nonce", "unknown, used or over");
  };
  const std::string body = nonce.substr(0, kNonceDigits);
  if (!crypto::constant_time_equal(view(nonce.substr(body.size())), view(hex(nonce_mac(body))))) return bad();
  ASSIGN(const Bytes bytes, unhex(body));
  const int64_t until_ms = int64_t(get_be<uint64_t>(bytes.data())), now = options_.now_ms();
  if (until_ms <= now) return bad();
  auto used = once_.use(crypto::sm3({view("c_nonce\n"), view(nonce)}), until_ms, now);
  if (!used && used.error().reason == "presentation.replayed") return bad();
  return used;
}

Result<Json> IssuanceProtocol::proved_holder(const Json& request) {
  auto proofs = request.find("proofs");
  if (proofs == request.end() || !proofs->is_object() || !proofs->contains("jwt") ||
      !(*proofs)["jwt"].is_array() || (*proofs)["jwt"].size() != 1 || !(*proofs)["jwt"][0].is_string())
    return invalid_proof("proofs.jwt with one proof");
  auto jws = Jws::parse((*proofs)["jwt"][0].get_ref<const std::string&>());
  if (!jws || jws->general) return invalid_proof(jws ? "not compact" : jws.error().to_string());
  const auto& proof = jws->proofs[0];
  if (text_of(proof.header, "typ") != "openid4vci-proof+jwt") return invalid_proof("its typ");
  if (proof.header.contains("jwk") == proof.header.contains("kid"))
    return invalid_proof("jwk or kid, and not both");
  Json jwk;
  if (proof.header.contains("jwk")) {
    auto key = PublicKey::from_jwk(proof.header["jwk"]);
    if (!key) return invalid_proof(key.error().to_string());
    if (auto held = jws->check(proof, *key); !held) return invalid_proof(held.error().to_string());
    jwk = key->jwk();
  } else {
    const std::string kid = proof.kid(), did(did_of(kid));
    auto held = check_proof(*jws, proof, did, Relationship::authentication, resolver_);
    if (!held) return invalid_proof(held.error().to_string());
    ASSIGN(const auto resolution, resolver_.resolve(did));
    jwk = resolution.document->find(kid, Relationship::authentication)->key->jwk();
  }
  const int64_t now = options_.now_ms();
  const auto issued = numeric_date(jws->payload, "iat", -1);
  if (text_of(jws->payload, "aud") != options_.url) return invalid_proof("made for another issuer");
  if (!issued || *issued > now + kSkewMs || *issued < now - kNonceMs - kSkewMs)
    return invalid_proof("its iat");
  TRY(use_nonce(text_of(jws->payload, "nonce")));
  return jwk;
}

Result<Json> IssuanceProtocol::credential(const std::string& access_token, const Json& request) {
  const int64_t now = options_.now_ms();
  auto unknown = [] { return fail(Code::unauthenticated, "openid.invalid_token", "unknown, used or over"); };
  ASSIGN(const auto seen, once_.look("token", access_token, now));
  if (!seen) return unknown();
  if (text_of(request, "credential_configuration_id") != text_of(*seen, "template"))
    return fail(Code::invalid_argument, "openid.unknown_credential_configuration", "not what was offered");
  Issuance issuance = issuance_of(*seen);
  ASSIGN(const auto kind, registry_.credential(issuance.template_id));
  if (kind->holder_bound) {
    ASSIGN(issuance.holder, proved_holder(request));
  }
  ASSIGN(const auto body, once_.take("token", access_token, now));
  if (!body) return unknown();
  const Caller caller{text_of(*body, "caller"), (*body)["owner"].get<bool>()};
  auto issued = issuing_.issue(caller, issuance);
  if (!issued) {  // nothing was handed out: the holder may try again
    TRY(once_.put("token", access_token, *body, now + kTokenMs));
    return tl::unexpected(issued.error());
  }
  Json credential = (*issued)["credential"];
  return Json{{"credentials", {{{"credential", std::move(credential)}}}},
              {"notification_id", (*issued)["id"]}};
}

}  // namespace chengxin::credential
