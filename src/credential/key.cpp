#include "credential/key.h"

#include "base/base64url.h"
#include "credential/impl/base58.h"
#include "crypto/sha256.h"
#include "jose/form.h"

namespace chengxin::credential {
namespace {

struct Kind {
  Algorithm algorithm;
  std::string_view name, curve;
  uint8_t multicodec[2];  // unsigned varint
};
constexpr Kind kKinds[] = {{Algorithm::sm2sm3, "SM2SM3", "SM2", {0x86, 0x24}},
                           {Algorithm::es256, "ES256", "P-256", {0x80, 0x24}}};
const Kind& kind_of(Algorithm algorithm) { return kKinds[size_t(algorithm)]; }

Result<Point> point_of(Algorithm algorithm, ByteView encoded) {
  return algorithm == Algorithm::sm2sm3 ? crypto::sm2_point(encoded) : crypto::p256_point(encoded);
}

}  // namespace

std::string_view name(Algorithm algorithm) { return kind_of(algorithm).name; }

std::optional<Algorithm> algorithm_of(std::string_view name) {
  for (const Kind& kind : kKinds)
    if (kind.name == name) return kind.algorithm;
  return std::nullopt;
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
  if (algorithm == Algorithm::es256) return crypto::es256_verify(point, message, signature);
  Signature pair;
  if (signature.size() != pair.size()) return false;
  std::copy(signature.begin(), signature.end(), pair.begin());
  return crypto::strangers_verifier().verify(sm2::Check{&point, &pair, message});
}

Json PublicKey::jwk() const {
  return {{"kty", "EC"},
          {"crv", kind_of(algorithm).curve},
          {"x", base64url(ByteView(point).subspan(1, 32))},
          {"y", base64url(ByteView(point).subspan(33, 32))}};
}

Result<PublicKey> PublicKey::from_jwk(const Json& jwk) {
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "jose.jwk", "{}", why); };
  ASSIGN(const Bytes encoded, jose::ec_point(jwk));
  for (const Kind& kind : kKinds) {
    if (kind.curve != jose::text_of(jwk, "crv")) continue;
    if (jwk.contains("alg") && jose::text_of(jwk, "alg") != kind.name)
      return wrong("its alg is another curve's");
    auto point = point_of(kind.algorithm, encoded);
    if (!point) return wrong("not a point of its curve");
    return PublicKey{kind.algorithm, *point};
  }
  return wrong("its curve is neither SM2 nor P-256");
}

std::string PublicKey::multikey() const {
  const Kind& kind = kind_of(algorithm);
  Bytes bytes(std::begin(kind.multicodec), std::end(kind.multicodec));
  append(bytes, crypto::compressed(point));
  return "z" + base58(bytes);
}

Result<PublicKey> PublicKey::from_multikey(std::string_view text) {
  auto wrong = [](std::string_view why) { return fail(Code::invalid_argument, "did.multikey", "{}", why); };
  if (text.empty() || text.front() != 'z') return wrong("not base58btc");
  auto bytes = unbase58(text.substr(1), 35);
  if (!bytes) return wrong("not base58btc of 35 bytes");
  for (const Kind& kind : kKinds) {
    if (!std::equal(std::begin(kind.multicodec), std::end(kind.multicodec), bytes->begin())) continue;
    auto point = point_of(kind.algorithm, ByteView(*bytes).subspan(2));
    if (!point) return wrong("not a point of its curve");
    return PublicKey{kind.algorithm, *point};
  }
  return wrong("a kind of key that is not known here");
}

std::string PublicKey::thumbprint() const {
  crypto::Sha256 hash;
  hash.update(view(jwk().dump()));  // members sorted, no white space: RFC 7638 section 3
  return base64url(hash.finish());
}

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm) {
  PrivateKey out;
  if (algorithm == Algorithm::sm2sm3) {
    ASSIGN(out.key_, crypto::Sm2PrivateKey::generate());
  } else {
    ASSIGN(out.key_, crypto::Es256PrivateKey::generate());
  }
  return out;
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  PrivateKey out;
  if (auto sm2 = crypto::Sm2PrivateKey::from_pem(pem)) {
    out.key_ = std::move(*sm2);
    return out;
  }
  ASSIGN(out.key_, crypto::Es256PrivateKey::from_pem(pem));
  return out;
}

Result<std::string> PrivateKey::to_pem() const {
  return std::visit([](const auto& key) { return key.to_pem(); }, key_);
}

PublicKey PrivateKey::public_key() const {
  if (auto* sm2 = std::get_if<crypto::Sm2PrivateKey>(&key_))
    return {Algorithm::sm2sm3, sm2->public_key().point()};
  return {Algorithm::es256, std::get<crypto::Es256PrivateKey>(key_).public_key()};
}

Result<Signature> PrivateKey::sign(ByteView message) const {
  return std::visit([&](const auto& key) { return key.sign(message); }, key_);
}

}  // namespace chengxin::credential
