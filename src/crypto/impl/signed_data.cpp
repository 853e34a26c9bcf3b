#include "crypto/impl/signed_data.h"

#include <algorithm>

#include "crypto/impl/oids.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
using namespace der;

Bytes attribute(const Oid& type, ByteView value) { return sequence({oid(type), element(kSet, {value})}); }

Result<Bytes> make_signed_data(const SignedDataRequest& request) {
  Digest digest = sm3(request.content);
  std::vector<Bytes> attributes = request.attributes;
  attributes.push_back(attribute(oids::kContentType, oid(request.content_type)));
  attributes.push_back(attribute(oids::kMessageDigest, octets(digest)));
  Bytes attribute_bytes = set_content(std::move(attributes));
  ASSIGN(Sm2Signature signature, request.key->sign(element(kSet, {attribute_bytes})));

  Bytes signer = sequence({integer(uint64_t(1)),
                           sequence({request.signer->issuer, integer(ByteView(request.signer->serial))}),
                           algorithm(oids::kSm3), element(context(0), {attribute_bytes}),
                           algorithm(oids::kSm2WithSm3), octets(der::signature(signature))});
  Bytes content = request.detached ? Bytes() : element(context(0), {octets(request.content)});
  Bytes certificates;
  if (!request.certificates.empty()) certificates = element(context(0), {set_content(request.certificates)});
  uint64_t version = equal(request.content_type, oids::kData) ? 1 : 3;  // RFC 5652 5.1
  Bytes data = sequence({integer(version), set_of({algorithm(oids::kSm3)}),
                         sequence({oid(request.content_type), content}), certificates, set_of({signer})});
  return sequence({oid(oids::kSignedData), element(context(0), {data})});
}

namespace {

void read_signer_id(Reader& reader, SignedData::Signer& out) {
  uint64_t version = reader.small_integer();
  if (version == 1) {
    Reader id = reader.enter(kSequence);
    out.issuer = id.take(kSequence).whole;
    out.serial = id.unsigned_integer(20);
    reader.finish(id);
  } else if (version == 3) {
    out.by_key_id = true;
    out.subject_key_id = reader.take(context_primitive(0)).content;
  } else {
    reader.refuse();
  }
}

void read_attributes(Reader& reader, SignedData::Signer& out) {
  Element whole = reader.take(context(0));
  out.signed_bytes = to_bytes(whole.whole);
  if (!reader.ok()) return;
  out.signed_bytes[0] = kSet;
  Reader list = reader.sub(whole.content);
  while (list.ok() && !list.at_end()) {
    Reader pair = list.enter(kSequence);
    ByteView type = pair.oid();
    Reader values = pair.enter(kSet);
    list.finish(pair);
    for (const auto& other : out.attributes)
      if (equal(other.type, type)) list.refuse();
    out.attributes.push_back({type, values});
  }
  reader.finish(list);
}

void read_signer(Reader& reader, SignedData& out) {
  Reader signer = reader.enter(kSequence);
  read_signer_id(signer, out.signer);
  if (!equal(signer.algorithm(), oids::kSm3)) signer.refuse();
  read_attributes(signer, out.signer);
  ByteView algorithm = out.signer.algorithm = signer.algorithm();
  if (!equal(algorithm, oids::kSm2WithSm3) && !equal(algorithm, oids::kSm2Curve) &&
      !equal(algorithm, oids::kSm2Signature))
    signer.refuse();
  out.signer.signature = signer.octets();
  if (signer.next_is(context(1))) {
    signer.any();
    out.has_unsigned_attributes = true;
  }
  reader.finish(signer);
}

void read_content(Reader& reader, SignedData& out) {
  Reader content = reader.enter(kSequence);
  out.content_type = content.oid();
  out.detached = content.at_end();
  if (!out.detached) {
    Reader tagged = content.enter(context(0));
    out.content = tagged.octets();
    content.finish(tagged);
  }
  reader.finish(content);
}

}  // namespace

std::optional<SignedData> SignedData::parse(ByteView der) {
  SignedData out;
  Reader outer(der);
  Reader info = outer.enter(kSequence);
  if (!equal(info.oid(), oids::kSignedData)) return std::nullopt;
  Reader tagged = info.enter(context(0));
  Reader data = tagged.enter(kSequence);
  out.version = data.small_integer();
  Reader digests = data.enter(kSet);
  if (!equal(digests.algorithm(), oids::kSm3)) return std::nullopt;
  data.finish(digests);
  read_content(data, out);
  if (data.next_is(context(0))) {
    Reader list = data.enter(context(0));
    while (list.ok() && !list.at_end()) out.certificates.push_back(list.take(kSequence).whole);
    data.finish(list);
  }
  if (data.next_is(context(1))) {
    data.any();
    out.has_crls = true;
  }
  Reader signers = data.enter(kSet);
  read_signer(signers, out);
  data.finish(signers);
  tagged.finish(data);
  info.finish(tagged);
  outer.finish(info);
  if (!outer.done()) return std::nullopt;
  return out;
}

const Certificate* SignedData::find_signer(std::span<const Certificate> among) const {
  const Certificate* found = nullptr;
  for (const Certificate& one : among) {
    bool named = signer.by_key_id
                     ? !one.subject_key_id.empty() && equal(one.subject_key_id, signer.subject_key_id)
                     : equal(one.issuer, signer.issuer) && one.serial == signer.serial;
    if (named && found) return nullptr;
    if (named) found = &one;
  }
  return found;
}

const SignedData::Attribute* SignedData::find(const Oid& type) const {
  for (const Attribute& one : signer.attributes)
    if (equal(one.type, type)) return &one;
  return nullptr;
}

bool SignedData::holds(const Sm2PublicKey& key, ByteView signed_content) const {
  const Attribute* type = find(oids::kContentType);
  const Attribute* digest = find(oids::kMessageDigest);
  if (!type || !digest) return false;
  Reader type_values = type->values, digest_values = digest->values;
  if (!equal(type_values.oid(), content_type) || !type_values.done()) return false;
  if (!equal(digest_values.octets(), sm3(signed_content)) || !digest_values.done()) return false;
  auto fixed = fixed_signature(signer.signature);
  return fixed && key.verify(signer.signed_bytes, *fixed);
}

}  // namespace chengxin::crypto
