#include "credential/sd_jwt.h"

#include "base/base64url.h"
#include "credential/impl/time.h"
#include "crypto/sha256.h"
#include "crypto/sm3.h"

namespace chengxin::credential {
namespace {

constexpr size_t kMostDisclosures = 256;

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Code::invalid_argument, "sd_jwt.malformed", "{}", why);
}

std::string text_of(const Json& object, const char* member) {
  auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

bool is_base64url(std::string_view text) { return !text.empty() && unbase64url(text).has_value(); }

Result<SdHash> hash_of(const Json& payload) {
  auto at = payload.find("_sd_alg");
  if (at == payload.end() || *at == "sha-256") return SdHash::sha256;
  if (*at == "sm3") return SdHash::sm3;
  return fail(Code::unsupported, "sd_jwt.hash", "{}", at->dump().substr(0, 64));
}

Result<SdJwt> parse_json_form(std::string_view text) {
  SdJwt out;
  ASSIGN(out.jws, Jws::parse(text));
  for (size_t i = 0; i < out.jws.proofs.size(); ++i) {
    const Json& header = out.jws.proofs[i].unprotected;
    if (!header.is_object()) continue;
    if (i > 0 && (header.contains("disclosures") || header.contains("kb_jwt")))
      return malformed("disclosures stand in the first header only");
    for (const Json& each : header.value("disclosures", Json::array())) {
      if (!each.is_string()) return malformed("a disclosure is text");
      out.disclosures.push_back(each);
    }
    if (header.contains("kb_jwt")) out.key_binding = text_of(header, "kb_jwt");
  }
  return out;
}

Result<SdJwt> parse_compact_form(std::string_view text) {
  SdJwt out;
  size_t tilde = text.find('~');
  if (tilde == text.npos) return malformed("no ~ behind the signature");
  ASSIGN(out.jws, Jws::parse(text.substr(0, tilde)));
  for (text.remove_prefix(tilde + 1); (tilde = text.find('~')) != text.npos; text.remove_prefix(tilde + 1))
    out.disclosures.emplace_back(text.substr(0, tilde));
  out.key_binding = text;
  return out;
}

}  // namespace

std::string_view name(SdHash hash) { return hash == SdHash::sm3 ? "sm3" : "sha-256"; }

std::string sd_digest(SdHash hash, std::string_view disclosure) {
  if (hash == SdHash::sm3) return base64url(crypto::sm3(view(disclosure)));
  thread_local crypto::Sha256 sha256;
  return base64url(sha256.update(view(disclosure)).finish());
}

Result<ClaimPath> parse_claim_path(const Json& list) {
  auto wrong = [] {
    return fail(Code::invalid_argument, "sd_jwt.path", "a claim's path is a list of names, places and nulls");
  };
  if (!list.is_array() || list.empty() || list.size() > 16) return wrong();
  for (const Json& each : list)
    if (!each.is_string() && !each.is_number_unsigned() && !each.is_null()) return wrong();
  return ClaimPath(list.begin(), list.end());
}

Result<SdJwt> SdJwt::parse(std::string_view text) {
  if (text.size() > kMaxTokenBytes) return malformed("above 512 KiB");
  ASSIGN(auto out, text.starts_with('{') ? parse_json_form(text) : parse_compact_form(text));
  if (out.disclosures.size() > kMostDisclosures) return malformed("above 256 disclosures");
  for (const auto& each : out.disclosures)
    if (!is_base64url(each)) return malformed("a disclosure is not base64url");
  ASSIGN(out.hash_, hash_of(out.jws.payload));
  return out;
}

std::string SdJwt::bound_text() const {
  std::string out = jws.compact() + "~";
  for (const auto& each : disclosures) out += each + "~";
  return out;
}

std::string SdJwt::encode() const {
  if (!jws.general) return bound_text() + key_binding;
  Json signatures = Json::array();
  for (const auto& proof : jws.proofs)
    signatures.push_back({{"protected", proof.encoded}, {"signature", base64url(proof.signature)}});
  signatures[0]["header"]["disclosures"] = disclosures;
  if (!key_binding.empty()) signatures[0]["header"]["kb_jwt"] = key_binding;
  return Json{{"payload", jws.payload_encoded}, {"signatures", signatures}}.dump();
}

Result<PublicKey> holder_key(const Json& claims) {
  auto confirmation = claims.find("cnf");
  if (confirmation == claims.end() || !confirmation->is_object() || !confirmation->contains("jwk"))
    return fail(Code::forbidden, "sd_jwt.no_holder", "the credential names no key of a holder");
  return PublicKey::from_jwk((*confirmation)["jwk"]);
}

Status bind(SdJwt& sd_jwt, const PrivateKey& holder, const KeyBinding& binding) {
  const Json payload = {{"aud", binding.audience},
                        {"nonce", binding.nonce},
                        {"iat", binding.issued_ms / 1'000},
                        {"sd_hash", sd_digest(sd_jwt.hash(), sd_jwt.bound_text())}};
  ASSIGN(sd_jwt.key_binding, sign_compact({{"typ", "kb+jwt"}}, payload, {holder, {}}));
  return {};
}

Result<KeyBinding> check_binding(const SdJwt& sd_jwt, const PublicKey& holder) {
  auto wrong = [](std::string_view why) { return fail(Code::forbidden, "sd_jwt.key_binding", "{}", why); };
  if (sd_jwt.key_binding.empty()) return wrong("missing");
  ASSIGN(const auto jws, Jws::parse(sd_jwt.key_binding));
  if (jws.general || text_of(jws.proofs[0].header, "typ") != "kb+jwt") return wrong("not a kb+jwt");
  TRY(jws.check(jws.proofs[0], holder));
  KeyBinding out{text_of(jws.payload, "aud"), text_of(jws.payload, "nonce"), 0};
  const auto issued = numeric_date(jws.payload, "iat", -1);
  if (out.audience.empty() || out.nonce.empty() || !issued || *issued < 0)
    return wrong("it needs aud, nonce and iat");
  out.issued_ms = *issued;
  if (text_of(jws.payload, "sd_hash") != sd_digest(sd_jwt.hash(), sd_jwt.bound_text()))
    return fail(Code::forbidden, "sd_jwt.sd_hash", "it is bound to another presentation");
  return out;
}

}  // namespace chengxin::credential
