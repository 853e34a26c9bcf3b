#include "crypto/ocsp.h"

#include <algorithm>

#include "crypto/impl/extensions.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/impl/x509.h"

namespace chengxin::crypto {
namespace {
using namespace der;

constexpr int64_t kSkewMs = 5 * 60'000;  // of clocks, for answers from the future
constexpr size_t kMaxResponseBytes = 256 << 10;

tl::unexpected<Error> malformed() { return fail(Code::invalid_argument, "crypto.ocsp_malformed"); }

std::optional<Bytes> hashed(ByteView algorithm, ByteView bytes) {
  const EVP_MD* hash = equal(algorithm, oids::kSm3)      ? EVP_sm3()
                       : equal(algorithm, oids::kSha256) ? EVP_sha256()
                       : equal(algorithm, oids::kSha1)   ? EVP_sha1()
                                                         : nullptr;
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (!hash || EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, hash, nullptr) != 1)
    return std::nullopt;
  out.resize(size);
  return out;
}

OcspId read_id(Reader& reader) {
  OcspId out;
  const Element whole = reader.take(kSequence);
  out.whole = to_bytes(whole.whole);
  Reader id = reader.sub(whole.content);
  out.algorithm = to_bytes(id.algorithm());
  out.name_hash = to_bytes(id.octets());
  out.key_hash = to_bytes(id.octets());
  out.serial = id.unsigned_integer(20);
  reader.finish(id);
  return out;
}

// Finds the nonce among extensions; others are passed over unless they are critical.
bool read_nonce(Reader& tagged, Bytes& nonce) {
  Reader list = tagged.enter(kSequence);
  const bool good = read_extensions(list, [&](ByteView id, bool critical, ByteView value) {
    if (!equal(id, oids::kOcspNonce)) return !critical;
    Reader reader(value);
    nonce = to_bytes(reader.octets());
    return reader.done() && !nonce.empty() && nonce.size() <= 32;
  });
  tagged.finish(list);
  return good;
}

Bytes nonce_extension(ByteView nonce) {
  return sequence({x509::extension(oids::kOcspNonce, false, octets(nonce))});
}

Bytes encode_status(const OcspAnswer& answer) {
  if (answer.status == OcspStatus::good) return element(context_primitive(0), {});
  if (answer.status == OcspStatus::unknown) return element(context_primitive(2), {});
  const uint8_t reason[3] = {kEnumerated, 1, uint8_t(answer.reason)};
  const Bytes named = answer.reason == 0 ? Bytes() : element(context(0), {reason});
  return element(context(1), {generalized_time(answer.revoked_ms / 1000 * 1000), named});
}

bool read_status(Reader& single, OcspAnswer& answer) {
  const Element status = single.any();
  if (status.tag == context_primitive(0) || status.tag == context_primitive(2)) {
    answer.status = status.tag == context_primitive(0) ? OcspStatus::good : OcspStatus::unknown;
    return status.content.empty();
  }
  if (status.tag != context(1)) return false;
  answer.status = OcspStatus::revoked;
  Reader reader(status.content);
  answer.revoked_ms = reader.generalized_time();
  if (!reader.at_end()) {
    Reader tagged = reader.enter(context(0));
    const ByteView content = tagged.take(kEnumerated).content;
    reader.finish(tagged);
    if (content.size() != 1 || content[0] > 10) return false;
    answer.reason = content[0];
  }
  return reader.done();
}

// One SingleResponse; the times of all have to be the same, as ours are.
bool read_single(Reader& list, OcspResponse& out) {
  Reader single = list.enter(kSequence);
  OcspAnswer answer;
  answer.id = read_id(single);
  if (!read_status(single, answer)) return false;
  const int64_t this_update = single.generalized_time();
  int64_t next_update = 0;
  if (single.next_is(context(0))) {
    Reader tagged = single.enter(context(0));
    next_update = tagged.generalized_time();
    single.finish(tagged);
  }
  if (single.next_is(context(1))) single.any();
  list.finish(single);
  if (!out.answers.empty() && (this_update != out.this_update_ms || next_update != out.next_update_ms))
    return false;
  out.this_update_ms = this_update;
  out.next_update_ms = next_update;
  out.answers.push_back(std::move(answer));
  return true;
}

bool read_response_data(ByteView tbs, OcspResponse& out) {
  Reader whole(tbs);
  Reader data = whole.enter(kSequence);
  if (data.next_is(context(0))) data.any();
  data.any();  // the responder's name or key: what counts is who signed
  out.produced_ms = data.generalized_time();
  Reader list = data.enter(kSequence);
  while (list.ok() && !list.at_end())
    if (out.answers.size() == kMaxOcspIds || !read_single(list, out)) return false;
  data.finish(list);
  if (!data.at_end()) {
    Reader tagged = data.enter(context(1));
    if (!read_nonce(tagged, out.nonce)) return false;
    data.finish(tagged);
  }
  whole.finish(data);
  return whole.done() && !out.answers.empty();
}

struct Basic {
  ByteView tbs;
  bool sm2_with_sm3 = false;
  std::optional<Sm2Signature> signature;
  std::vector<Certificate> certificates;
};

bool read_basic(ByteView der, Basic& out) {
  Reader outer(der);
  Reader whole = outer.enter(kSequence);
  out.tbs = whole.take(kSequence).whole;
  x509::read_algorithm(whole, out.sm2_with_sm3);
  out.signature = x509::read_signature(whole);
  if (whole.next_is(context(0))) {
    Reader tagged = whole.enter(context(0));
    Reader list = tagged.enter(kSequence);
    while (list.ok() && !list.at_end() && out.certificates.size() < 8) {
      auto one = Certificate::from_der(list.take(kSequence).whole);
      if (!one) return false;
      out.certificates.push_back(std::move(*one));
    }
    tagged.finish(list);
    whole.finish(tagged);
  }
  outer.finish(whole);
  return outer.done() && out.signature;
}

bool may_answer_for(const Certificate& one, const Certificate& issuer, int64_t at_ms) {
  return one.issuer == issuer.subject && one.public_key && issuer.public_key &&
         one.signed_by(*issuer.public_key) && at_ms >= one.not_before_ms && at_ms <= one.not_after_ms &&
         one.allows(kDigitalSignature) && !one.unknown_critical_extension &&
         std::any_of(one.extended_usages.begin(), one.extended_usages.end(),
                     [](const Bytes& usage) { return equal(usage, oids::kOcspSigning); });
}

bool signed_for(const Basic& basic, const Certificate& issuer, int64_t at_ms) {
  if (!basic.sm2_with_sm3 || !issuer.public_key) return false;
  if (issuer.public_key->verify(basic.tbs, *basic.signature)) return true;
  return std::any_of(basic.certificates.begin(), basic.certificates.end(), [&](const Certificate& one) {
    return may_answer_for(one, issuer, at_ms) && one.public_key->verify(basic.tbs, *basic.signature);
  });
}

}  // namespace

OcspId OcspId::of(const Certificate& issuer, ByteView serial) {
  OcspId out;
  out.algorithm = to_bytes(oids::kSm3);
  out.name_hash = *hashed(oids::kSm3, issuer.subject);
  out.key_hash = *hashed(oids::kSm3, issuer.public_key->point());
  out.serial = to_bytes(serial);
  out.whole =
      sequence({der::algorithm(oids::kSm3), octets(out.name_hash), octets(out.key_hash), integer(serial)});
  return out;
}

bool OcspId::names(const Certificate& issuer) const {
  return issuer.public_key && hashed(algorithm, issuer.subject) == name_hash &&
         hashed(algorithm, issuer.public_key->point()) == key_hash;
}

Result<OcspRequest> OcspRequest::from_der(ByteView der) {
  if (der.size() > kMaxOcspBytes) return malformed();
  OcspRequest out;
  Reader outer(der);
  Reader whole = outer.enter(kSequence);
  Reader tbs = whole.enter(kSequence);
  if (tbs.next_is(context(0))) tbs.any();  // a version, which there is one of
  if (tbs.next_is(context(1))) tbs.any();  // who asks
  Reader list = tbs.enter(kSequence);
  while (list.ok() && !list.at_end()) {
    if (out.ids.size() == kMaxOcspIds) return malformed();
    Reader one = list.enter(kSequence);
    out.ids.push_back(read_id(one));
    if (one.next_is(context(0))) one.any();
    list.finish(one);
  }
  tbs.finish(list);
  if (tbs.next_is(context(2))) {
    Reader tagged = tbs.enter(context(2));
    if (!read_nonce(tagged, out.nonce)) return malformed();
    tbs.finish(tagged);
  }
  whole.finish(tbs);
  if (whole.next_is(context(0))) whole.any();
  outer.finish(whole);
  if (!outer.done() || out.ids.empty()) return malformed();
  return out;
}

Bytes OcspRequest::to_der() const {
  Bytes list;
  for (const OcspId& id : ids) append(list, sequence({id.whole}));
  const Bytes extensions = nonce.empty() ? Bytes() : element(context(2), {nonce_extension(nonce)});
  return sequence({sequence({sequence({list}), extensions})});
}

Result<Bytes> OcspResponse::sign(const Certificate& responder, const Sm2PrivateKey& key) const {
  Bytes list;
  for (const OcspAnswer& answer : answers)
    append(list,
           sequence({answer.id.whole, encode_status(answer), generalized_time(this_update_ms / 1000 * 1000),
                     element(context(0), {generalized_time(next_update_ms / 1000 * 1000)})}));
  const Bytes extensions = nonce.empty() ? Bytes() : element(context(1), {nonce_extension(nonce)});
  const Bytes tbs = sequence({element(context(1), {responder.subject}),
                              generalized_time(produced_ms / 1000 * 1000), sequence({list}), extensions});
  ASSIGN(const Sm2Signature signature, key.sign(tbs));
  const Bytes basic = sequence({tbs, algorithm(oids::kSm2WithSm3), bits(der::signature(signature)),
                                element(context(0), {sequence({responder.der})})});
  const uint8_t successful[3] = {kEnumerated, 1, 0};
  return sequence({successful, element(context(0), {sequence({oid(oids::kOcspBasic), octets(basic)})})});
}

Bytes ocsp_refusal(OcspRefusal why) {
  const uint8_t status[3] = {kEnumerated, 1, uint8_t(why)};
  return sequence({status});
}

Result<OcspResponse> verify_ocsp_response(ByteView der, const Certificate& issuer, int64_t at_ms) {
  if (der.size() > kMaxResponseBytes) return malformed();
  Reader outer(der);
  Reader whole = outer.enter(kSequence);
  const ByteView status = whole.take(kEnumerated).content;
  if (whole.ok() && status.size() == 1 && status[0] != 0)
    return fail(Code::unavailable, "crypto.ocsp_refused", "status {}", status[0]);
  Reader tagged = whole.enter(context(0));
  Reader bytes = tagged.enter(kSequence);
  const bool basic_type = equal(bytes.oid(), oids::kOcspBasic);
  const ByteView response = bytes.octets();
  tagged.finish(bytes);
  whole.finish(tagged);
  outer.finish(whole);
  Basic basic;
  OcspResponse out;
  if (!outer.done() || status.size() != 1 || !basic_type || !read_basic(response, basic) ||
      !read_response_data(basic.tbs, out))
    return malformed();
  if (!signed_for(basic, issuer, at_ms)) return fail(Code::forbidden, "crypto.ocsp_signature");
  if (at_ms + kSkewMs < out.this_update_ms || (out.next_update_ms && at_ms > out.next_update_ms))
    return fail(Code::forbidden, "crypto.ocsp_expired");
  return out;
}

}  // namespace chengxin::crypto
