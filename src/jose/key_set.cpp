#include "jose/key_set.h"

#include <algorithm>

#include "base/base64url.h"
#include "crypto/sha256.h"
#include "crypto/sm2.h"
#include "crypto/sm3.h"

namespace chengxin::jose {
namespace {

constexpr std::pair<std::string_view, SignedBy> kAlgorithms[] = {{"RS256", SignedBy::rs256},
                                                                 {"PS256", SignedBy::ps256},
                                                                 {"ES256", SignedBy::es256},
                                                                 {"SM2SM3", SignedBy::sm2sm3},
                                                                 {"SM2", SignedBy::sm2sm3}};

}  // namespace

std::optional<SignedBy> signed_by(std::string_view alg) {
  for (const auto& [name, algorithm] : kAlgorithms)
    if (name == alg) return algorithm;
  return std::nullopt;
}

Bytes digest(SignedBy algorithm, ByteView bytes) {
  if (algorithm == SignedBy::sm2sm3) return to_bytes(ByteView(crypto::sm3(bytes)));
  return to_bytes(ByteView(crypto::Sha256().update(bytes).finish()));
}

bool KeySet::Key::is_for(SignedBy algorithm) const {
  if (only && *only != algorithm) return false;
  if (algorithm == SignedBy::es256) return std::holds_alternative<P256Key>(key);
  if (algorithm == SignedBy::sm2sm3) return std::holds_alternative<Sm2Key>(key);
  return std::holds_alternative<crypto::RsaPublicKey>(key);
}

bool KeySet::Key::verify(SignedBy algorithm, ByteView message, ByteView signature) const {
  if (auto* rsa = std::get_if<crypto::RsaPublicKey>(&key))
    return crypto::rsa_verify(
        *rsa, algorithm == SignedBy::ps256 ? crypto::RsaPadding::pss : crypto::RsaPadding::pkcs1, message,
        signature);
  if (auto* p256 = std::get_if<P256Key>(&key)) return crypto::es256_verify(p256->point, message, signature);
  std::array<uint8_t, 64> pair;
  if (signature.size() != pair.size()) return false;
  std::copy(signature.begin(), signature.end(), pair.begin());
  return crypto::strangers_verifier().verify(sm2::Check{&std::get<Sm2Key>(key).point, &pair, message});
}

std::optional<KeySet::Key> KeySet::read_key(const Json& jwk) {
  if (!jwk.is_object()) return std::nullopt;
  Key out;
  out.kid = text_of(jwk, "kid");
  if (jwk.contains("use") && text_of(jwk, "use") != "sig") return std::nullopt;
  if (jwk.contains("alg")) {
    out.only = signed_by(text_of(jwk, "alg"));
    if (!out.only) return std::nullopt;
  }
  if (text_of(jwk, "kty") == "RSA") {
    auto n = unbase64url(text_of(jwk, "n")), e = unbase64url(text_of(jwk, "e"));
    if (!n || !e || jwk.contains("d")) return std::nullopt;
    auto rsa = crypto::rsa_public_key(*n, *e);
    if (!rsa) return std::nullopt;
    out.key = std::move(*rsa);
    return out;
  }
  const auto encoded = ec_point(jwk);
  if (!encoded) return std::nullopt;
  const std::string curve = text_of(jwk, "crv");
  if (curve == "P-256") {
    auto point = crypto::p256_point(*encoded);
    if (!point) return std::nullopt;
    out.key = P256Key{*point};
    return out;
  }
  if (curve != "SM2" && curve != "sm2p256v1") return std::nullopt;
  auto point = crypto::sm2_point(*encoded);
  if (!point) return std::nullopt;
  out.key = Sm2Key{*point};
  return out;
}

Result<KeySet> KeySet::read(const Json& json) {
  const auto keys = json.is_object() ? json.find("keys") : json.end();
  if (!json.is_object() || keys == json.end() || !keys->is_array() || keys->size() > kMaxKeys)
    return fail(Code::invalid_argument, "jose.jwk", "not a set of at most {} keys", kMaxKeys);
  KeySet out;
  for (const Json& each : *keys)
    if (auto key = read_key(each)) out.keys_.push_back(std::move(*key));
  return out;
}

Result<const KeySet::Key*> KeySet::find(const std::string* kid, SignedBy algorithm) const {
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (kid ? key.kid != *kid : !key.is_for(algorithm)) continue;
    // One kid on keys of several kinds: the kind decides.
    if (found && found->is_for(algorithm) && !key.is_for(algorithm)) continue;
    if (found && !kid) return fail(Code::forbidden, "jose.key_unknown", "no kid, and several keys");
    found = &key;
  }
  if (!found) return fail(Code::forbidden, "jose.key_unknown", "kid {}", kid ? *kid : "(none)");
  return found;
}

Result<KeySet::Signed> KeySet::check(std::string_view token, std::span<const SignedBy> allowed) const {
  ASSIGN(const Parts parts, split(token));
  Signed out;
  ASSIGN(out.header, decode_header(parts.header));
  const std::string alg = text_of(out.header, "alg");
  const auto algorithm = signed_by(alg);
  if (!algorithm || std::find(allowed.begin(), allowed.end(), *algorithm) == allowed.end())
    return fail(Code::forbidden, "jose.algorithm", "\"{}\" is not taken", alg);
  out.algorithm = *algorithm;
  ASSIGN(const Key* key, find(text_member(out.header, "kid"), *algorithm));
  if (!key->is_for(*algorithm))
    return fail(Code::forbidden, "jose.algorithm", "the header says {}, the key is for another", alg);
  auto signature = unbase64url(parts.signature);
  if (!signature) return malformed("signature: not base64url");
  const std::string_view input = token.substr(0, parts.header.size() + 1 + parts.payload.size());
  if (!key->verify(*algorithm, view(input), *signature))
    return fail(Code::forbidden, "jose.signature", "{} by {}", alg, key->kid);
  ASSIGN(out.payload, decode_object(parts.payload, "payload"));
  return out;
}

}  // namespace chengxin::jose
