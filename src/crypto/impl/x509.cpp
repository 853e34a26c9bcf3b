#include "crypto/impl/x509.h"

#include "crypto/impl/oids.h"
#include "crypto/sm3.h"

namespace chengxin::crypto::x509 {
using namespace der;

ByteView read_algorithm(der::Reader& reader, bool& sm2_with_sm3) {
  der::Element whole = reader.take(der::kSequence);
  der::Reader strict(whole.whole);
  sm2_with_sm3 = equal(strict.algorithm(), oids::kSm2WithSm3) && strict.done();
  return whole.whole;
}

std::optional<Sm2PublicKey> read_key(ByteView subject_public_key_info) {
  der::Reader outer(subject_public_key_info);
  der::Reader info = outer.enter(der::kSequence);
  der::Reader algorithm = info.enter(der::kSequence);
  bool ours = equal(algorithm.oid(), oids::kEcPublicKey) && equal(algorithm.oid(), oids::kSm2Curve);
  ByteView point = info.whole_bits();
  if (!ours || !algorithm.done() || !info.done() || !outer.done()) return std::nullopt;
  auto key = Sm2PublicKey::from_point(point);
  if (!key) return std::nullopt;
  return std::move(*key);
}

std::optional<Sm2Signature> read_signature(der::Reader& reader) {
  ByteView bits = reader.whole_bits();
  auto fixed = der::fixed_signature(bits);
  return fixed ? std::optional<Sm2Signature>(*fixed) : std::nullopt;
}

Bytes encode_key(const Sm2Point& point) {
  return sequence({sequence({oid(oids::kEcPublicKey), oid(oids::kSm2Curve)}), bits(point)});
}

Bytes encode_name(const Name& name) {
  Bytes parts;
  auto add = [&](const Oid& id, std::string_view value, uint8_t tag) {
    if (value.empty()) return;
    append(parts, element(kSet, {sequence({oid(id), element(tag, {view(value)})})}));
  };
  add(oids::kCountry, name.country, 0x13);  // PrintableString, RFC 5280 appendix A.1
  add(oids::kOrganization, name.organization, kUtf8String);
  add(oids::kUnit, name.unit, kUtf8String);
  add(oids::kCommonName, name.common_name, kUtf8String);
  return sequence({parts});
}

Status check_name(const Name& name) {
  auto refused = [](std::string_view what) {
    return fail(Code::invalid_argument, "crypto.certificate_request", "{}", what);
  };
  if (name.common_name.empty()) return refused("no common name");
  bool letters = name.country.size() == 2 && std::isupper(static_cast<unsigned char>(name.country[0])) &&
                 std::isupper(static_cast<unsigned char>(name.country[1]));
  if (!name.country.empty() && !letters) return refused("country is not two capital letters");
  for (const std::string* part : {&name.organization, &name.unit, &name.common_name}) {
    if (part->size() > 256) return refused("a name part is above 256 bytes");
    for (unsigned char c : *part)
      if (c < 0x20 || c == 0x7f) return refused("a name part has control characters");
  }
  return {};
}

Bytes key_id(const Sm2Point& key) {
  Digest digest = sm3(key);
  return to_bytes(ByteView(digest).first(20));
}

Bytes extension(const Oid& id, bool critical, ByteView value) {
  return sequence({oid(id), critical ? boolean(true) : Bytes(), octets(value)});
}

Bytes signed_whole(ByteView tbs, const Sm2Signature& signature) {
  return sequence({tbs, algorithm(oids::kSm2WithSm3), bits(der::signature(signature))});
}

Result<Bytes> sign(ByteView tbs, const Sm2PrivateKey& key) {
  ASSIGN(Sm2Signature signature, key.sign(tbs));
  return signed_whole(tbs, signature);
}

}  // namespace chengxin::crypto::x509
