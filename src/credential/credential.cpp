#include "credential/credential.h"

#include "credential/impl/time.h"

namespace chengxin::credential {
namespace {

constexpr size_t kMostCredentials = 16;
constexpr std::string_view kEnvelope = "data:application/vc+jwt,";
constexpr std::string_view kJsonEnvelope = "data:application/vc+jwt+json,";

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "vc.malformed", "{}", why);
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Status read_times(Opened& out) {
  for (auto [member, to] : {std::pair{"validFrom", &out.from_ms}, std::pair{"validUntil", &out.until_ms}}) {
    auto at = out.credential.find(member);
    if (at == out.credential.end()) continue;
    const auto time = at->is_string() ? parse_time(at->get_ref<const std::string&>()) : std::nullopt;
    if (!time) return malformed(fmt::format("{} is no dateTimeStamp", member));
    *to = *time;
  }
  return {};
}

Status check_shape(const Json& credential) {
  auto context = credential.find("@context");
  if (context == credential.end() || !context->is_array() || context->empty() || (*context)[0] != kVcContext)
    return malformed("@context does not begin with that of the data model 2.0");
  auto type = credential.find("type");
  if (type == credential.end() || !type->is_array() ||
      std::find(type->begin(), type->end(), "VerifiableCredential") == type->end())
    return malformed("type does not name VerifiableCredential");
  auto subject = credential.find("credentialSubject");
  if (subject == credential.end() || !subject->is_object() || subject->empty())
    return malformed("one credentialSubject with claims");
  for (const char* member : {"vc", "vp", "proof"})
    if (credential.contains(member)) return malformed(fmt::format("\"{}\" does not belong here", member));
  return {};
}

}  // namespace

Status check_type(const Jws& jws, std::string_view type) {
  for (const auto& proof : jws.proofs)
    if (text_of(proof.header, "typ") != type)
      return fail(Code::forbidden, "jose.type", "\"{}\" where {} belongs", text_of(proof.header, "typ"),
                  type);
  return {};
}

Status check_proof(const Jws& jws, const Jws::Proof& proof, const std::string& did, Relationship relationship,
                   Resolver& resolver) {
  const std::string kid = proof.kid();
  if (did_of(kid) != did)
    return fail(Code::forbidden, "jose.kid", "the key is \"{}\", not one of {}", kid, did);
  ASSIGN(const auto resolution, resolver.resolve(did));
  if (resolution.deactivated()) return fail(Code::forbidden, "did.deactivated", "{}", did);
  const auto* method = resolution.document->find(kid, relationship);
  if (!method || !method->key)
    return fail(Code::forbidden, "jose.kid", "{} is not for {}", kid, name(relationship));
  return jws.check(proof, *method->key);
}

Status check_proofs(const Jws& jws, const std::string& did, Relationship relationship, Resolver& resolver) {
  for (const auto& proof : jws.proofs) TRY(check_proof(jws, proof, did, relationship, resolver));
  return {};
}

std::string issuer_of(const Json& credential) {
  auto issuer = credential.find("issuer");
  if (issuer == credential.end()) return {};
  return issuer->is_object() ? text_of(*issuer, "id") : text_of(credential, "issuer");
}

Result<std::string> secure_credential(const Json& credential, std::span<const Signer> signers) {
  return sign({{"typ", "vc+jwt"}, {"cty", "vc"}}, credential, signers);
}

Result<Opened> read_credential(std::string_view token) {
  Opened out;
  ASSIGN(out.jws, Jws::parse(token));
  TRY(check_type(out.jws, "vc+jwt"));
  out.credential = out.jws.payload;
  TRY(check_shape(out.credential));
  out.issuer = issuer_of(out.credential);
  if (!is_did(out.issuer)) return malformed("the issuer is no DID");
  out.subject = text_of(out.credential["credentialSubject"], "id");
  TRY(read_times(out));
  return out;
}

Result<Opened> open_credential(std::string_view token, Resolver& resolver) {
  ASSIGN(auto out, read_credential(token));
  TRY(check_proofs(out.jws, out.issuer, Relationship::assertion, resolver));
  return out;
}

Result<std::string> present_credentials(const std::vector<std::string>& credentials,
                                        const std::string& holder, const Signer& signer,
                                        const PresentationRequest& request) {
  Json enveloped = Json::array();
  for (const auto& each : credentials) {
    const bool json = each.starts_with('{');
    enveloped.push_back({{"@context", kVcContext},
                         {"id", std::string(json ? kJsonEnvelope : kEnvelope) + each},
                         {"type", "EnvelopedVerifiableCredential"}});
  }
  const Json presentation = {{"@context", {kVcContext}},
                             {"type", {"VerifiablePresentation"}},
                             {"holder", holder},
                             {"verifiableCredential", enveloped},
                             {"aud", request.audience},
                             {"nonce", request.nonce},
                             {"iat", request.now_ms / 1'000}};
  return sign_compact({{"typ", "vp+jwt"}, {"cty", "vp"}}, presentation, signer);
}

Result<OpenedPresentation> read_presentation(std::string_view token) {
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "vp.malformed", "{}", why); };
  OpenedPresentation out;
  ASSIGN(out.jws, Jws::parse(token));
  TRY(check_type(out.jws, "vp+jwt"));
  const Json& json = out.jws.payload;
  out.holder = text_of(json, "holder");
  out.nonce = text_of(json, "nonce");
  out.audience = text_of(json, "aud");
  const auto issued = numeric_date(json, "iat", 0);
  if (!is_did(out.holder) || out.nonce.empty() || out.audience.empty() || !issued)
    return wrong("it needs holder, nonce, aud and iat");
  out.issued_ms = *issued;
  auto list = json.find("verifiableCredential");
  if (list == json.end() || !list->is_array() || list->empty() || list->size() > kMostCredentials)
    return wrong("one to sixteen credentials");
  for (const Json& each : *list) {
    const std::string id = each.is_object() ? text_of(each, "id") : std::string();
    for (const auto prefix : {kEnvelope, kJsonEnvelope})
      if (std::string_view(id).starts_with(prefix)) out.credentials.push_back(id.substr(prefix.size()));
  }
  if (out.credentials.size() != list->size()) return wrong("a credential is no vc+jwt in an envelope");
  return out;
}

}  // namespace chengxin::credential
