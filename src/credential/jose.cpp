#include "credential/jose.h"

#include "base/base64url.h"

namespace chengxin::credential {
namespace {

using jose::malformed;
using jose::text_member;

constexpr size_t kMostProofs = 4;

Result<Jws::Proof> proof_of(std::string_view encoded, std::string_view signature) {
  Jws::Proof proof;
  proof.encoded = encoded;
  ASSIGN(proof.header, jose::decode_header(encoded));
  const std::string* alg = text_member(proof.header, "alg");
  const auto algorithm = alg ? algorithm_of(*alg) : std::nullopt;
  if (!algorithm)
    return fail(Code::forbidden, "jose.algorithm", "\"{}\" is not taken", alg ? *alg : std::string());
  proof.algorithm = *algorithm;
  auto bytes = unbase64url(signature);
  if (!bytes || bytes->size() != 64) return malformed("a signature is 64 bytes in base64url");
  proof.signature = std::move(*bytes);
  return proof;
}

Result<Jws> parse_compact(std::string_view token) {
  ASSIGN(const auto parts, jose::split(token));
  Jws out;
  out.payload_encoded = parts.payload;
  ASSIGN(auto proof, proof_of(parts.header, parts.signature));
  out.proofs.push_back(std::move(proof));
  ASSIGN(out.payload, jose::decode_object(out.payload_encoded, "payload"));
  return out;
}

Status take_proof(Jws& out, const Json& json) {
  const std::string *encoded = text_member(json, "protected"), *signature = text_member(json, "signature");
  if (!encoded || !signature) return malformed("a signature needs \"protected\" and \"signature\"");
  ASSIGN(auto proof, proof_of(*encoded, *signature));
  if (auto header = json.find("header"); header != json.end()) {
    if (!header->is_object()) return malformed("\"header\" is no object");
    for (auto& [name, value] : header->items())
      if (proof.header.contains(name)) return malformed("a header stands in both places");
    for (const char* name : {"alg", "kid", "crit"})  // nothing that decides about trust is taken unprotected
      if (header->contains(name)) return malformed("an unprotected alg, kid or crit");
    proof.unprotected = *header;
  }
  out.proofs.push_back(std::move(proof));
  return {};
}

}  // namespace

std::string Jws::Proof::kid() const {
  const std::string* text = text_member(header, "kid");
  return text ? *text : std::string();
}

Result<Jws> Jws::parse(std::string_view token) {
  if (token.size() > kMaxTokenBytes) return malformed("above 512 KiB");
  if (token.empty() || token.front() != '{') return parse_compact(token);
  auto json = parse_json(token, jose::kJsonLimits);
  if (!json) return malformed(json.error().to_string());
  return from_json(*json);
}

Result<Jws> Jws::from_json(const Json& json) {
  Jws out;
  out.general = true;
  const std::string* payload = json.is_object() ? text_member(json, "payload") : nullptr;
  if (!payload) return malformed("no payload");
  out.payload_encoded = *payload;
  auto list = json.find("signatures");
  const bool flat = list == json.end();
  if (flat) {
    TRY(take_proof(out, json));
  } else {
    if (!list->is_array() || list->empty() || list->size() > kMostProofs || json.contains("signature"))
      return malformed("one to four signatures");
    for (const Json& each : *list) TRY(take_proof(out, each.is_object() ? each : Json::object()));
  }
  ASSIGN(out.payload, jose::decode_object(out.payload_encoded, "payload"));
  return out;
}

std::string Jws::compact() const {
  return signing_input(proofs.front()) + "." + base64url(proofs.front().signature);
}

Status Jws::check(const Proof& proof, const PublicKey& key) const {
  if (key.algorithm != proof.algorithm)
    return fail(Code::forbidden, "jose.algorithm", "the header says {}, the key is for {}",
                name(proof.algorithm), name(key.algorithm));
  if (!key.verify(view(signing_input(proof)), proof.signature))
    return fail(Code::forbidden, "jose.signature", "{} by {}", name(proof.algorithm), proof.kid());
  return {};
}

Result<std::string> sign_compact(Json header, const Json& payload, const Signer& signer) {
  header["alg"] = name(signer.key.algorithm());
  if (!signer.kid.empty()) header["kid"] = signer.kid;
  const std::string input = base64url(header.dump()) + "." + base64url(payload.dump());
  ASSIGN(const Signature signature, signer.key.sign(view(input)));
  return input + "." + base64url(signature);
}

Result<Json> sign_general(const Json& header, const Json& payload, std::span<const Signer> signers) {
  const std::string encoded = base64url(payload.dump());
  Json signatures = Json::array();
  for (const Signer& signer : signers) {
    Json own = header;
    own["alg"] = name(signer.key.algorithm());
    own["kid"] = signer.kid;
    const std::string protected_header = base64url(own.dump());
    ASSIGN(const Signature signature, signer.key.sign(view(protected_header + "." + encoded)));
    signatures.push_back({{"protected", protected_header}, {"signature", base64url(signature)}});
  }
  return Json{{"payload", encoded}, {"signatures", std::move(signatures)}};
}

Result<std::string> sign(const Json& header, const Json& payload, std::span<const Signer> signers) {
  if (signers.empty()) return fail(Code::invalid_argument, "jose.malformed", "nobody signs");
  if (signers.size() == 1) return sign_compact(header, payload, signers.front());
  ASSIGN(const Json json, sign_general(header, payload, signers));
  return json.dump();
}

}  // namespace chengxin::credential
