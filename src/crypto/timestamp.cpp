#include "crypto/timestamp.h"

#include "crypto/impl/der.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/signed_data.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {
using namespace der;

constexpr Oid kPolicy{"2.5.29.32.0"};  // anyPolicy: the authority binds itself to no published terms
constexpr int kAccuracySeconds = 1;

// PKIFailureInfo, bit numbers of RFC 3161 2.4.2.
enum FailureBit { kBadAlgorithm = 0, kBadRequest = 2, kTimeNotAvailable = 14 };

Bytes imprint_der(const Digest& imprint) { return sequence({algorithm(oids::kSm3), octets(imprint)}); }

Bytes refusal(FailureBit bit) {
  Bytes status = sequence({integer(uint64_t(2)), named_bits(uint16_t(0x8000 >> bit))});
  return sequence({status});
}

// Imprint and nonce of a token, without checking anything else.
Result<TimestampRequest> token_claims(ByteView token) {
  auto parsed = SignedData::parse(token);
  TimestampRequest claims;
  if (parsed) {
    Reader outer(parsed->content);
    Reader info = outer.enter(kSequence);
    info.small_integer();
    info.oid();
    Reader imprint = info.enter(kSequence);
    imprint.algorithm();
    auto digest = to_digest(imprint.octets());
    info.integer();
    info.generalized_time();
    if (info.next_is(kSequence)) info.any();
    if (info.next_is(kBoolean)) info.boolean();
    if (info.next_is(kInteger)) claims.nonce = to_bytes(info.integer());
    if (info.ok() && digest) {
      claims.imprint = *digest;
      return claims;
    }
  }
  return fail(Code::invalid_argument, "crypto.timestamp_response", "token");
}

}  // namespace

TimestampRequest TimestampRequest::make(const Digest& imprint) {
  TimestampRequest request{imprint, random_bytes(8)};
  request.nonce[0] = uint8_t((request.nonce[0] & 0x7f) | 0x40);
  return request;
}

Bytes TimestampRequest::to_der() const {
  return sequence({integer(uint64_t(1)), imprint_der(imprint),
                   nonce.empty() ? Bytes() : element(kInteger, {nonce}),
                   certificates ? boolean(true) : Bytes()});
}

Result<TimestampRequest> TimestampRequest::from_der(ByteView der) {
  TimestampRequest out;
  Reader outer(der);
  Reader reader = outer.enter(kSequence);
  if (reader.small_integer() != 1) reader.refuse();
  Reader imprint = reader.enter(kSequence);
  bool sm3_imprint = equal(imprint.algorithm(), oids::kSm3);
  ByteView digest = imprint.octets();
  reader.finish(imprint);
  if (reader.next_is(kOid)) reader.oid();
  if (reader.next_is(kInteger)) out.nonce = to_bytes(reader.integer());
  out.certificates = reader.next_is(kBoolean) && reader.boolean();
  outer.finish(reader);  // extensions are none that we know, so a request with any is refused
  if (!outer.done() || out.nonce.size() > 64) return fail(Code::invalid_argument, "crypto.timestamp_request");
  if (!sm3_imprint || digest.size() != 32) return fail(Code::unsupported, "crypto.timestamp_algorithm");
  std::copy(digest.begin(), digest.end(), out.imprint.begin());
  return out;
}

Result<TimestampAuthority> TimestampAuthority::open(Sm2PrivateKey key, std::vector<Certificate> chain) {
  auto refused = [](std::string_view detail) {
    return fail(Code::invalid_argument, "crypto.timestamp_authority", "{}", detail);
  };
  if (chain.size() < 2 || !chain[0].public_key || chain[0].public_key->point() != key.public_key().point())
    return refused("the key is not that of the first of two or more certificates");
  ChainPolicy policy;
  policy.at_ms = chain[0].not_before_ms;
  policy.purpose = Purpose::timestamp;
  auto path = verify_chain(chain[0], std::span(chain).subspan(1), std::span(chain).last(1), policy);
  if (!path) return refused(path.error().to_string());
  if (path->size() != chain.size()) return refused("certificates outside the chain");
  TimestampAuthority out;
  out.key_ = std::move(key);
  out.chain_ = std::move(chain);
  return out;
}

Result<Bytes> TimestampAuthority::stamp(const TimestampRequest& request, int64_t now_ms) const {
  for (const Certificate& one : chain_) {
    if (now_ms < one.not_before_ms) return fail(Code::unavailable, "crypto.certificate_not_yet_valid");
    if (now_ms > one.not_after_ms) return fail(Code::unavailable, "crypto.certificate_expired");
  }
  Bytes serial = random_bytes(16);
  Bytes info =
      sequence({integer(uint64_t(1)), oid(kPolicy), imprint_der(request.imprint), integer(ByteView(serial)),
                generalized_time(now_ms), sequence({integer(uint64_t(kAccuracySeconds))}),
                request.nonce.empty() ? Bytes() : element(kInteger, {request.nonce})});
  Digest certificate_hash = sm3(chain_[0].der);
  Bytes signing_certificate =
      sequence({sequence({sequence({algorithm(oids::kSm3), octets(certificate_hash)})})});
  SignedDataRequest signing{oids::kTstInfo, info, false, &chain_[0], &key_, {}, {}};
  signing.attributes.push_back(attribute(oids::kSigningCertificateV2, signing_certificate));
  if (request.certificates)
    for (const Certificate& one : chain_) signing.certificates.push_back(one.der);
  return make_signed_data(signing);
}

Bytes TimestampAuthority::respond(ByteView request, int64_t now_ms) const {
  auto parsed = TimestampRequest::from_der(request);
  if (!parsed)
    return refusal(parsed.error().reason == "crypto.timestamp_algorithm" ? kBadAlgorithm : kBadRequest);
  auto token = stamp(*parsed, now_ms);
  if (!token) return refusal(kTimeNotAvailable);
  return sequence({sequence({integer(uint64_t(0))}), *token});
}

Result<Bytes> parse_timestamp_response(ByteView response, const TimestampRequest& request) {
  Reader outer(response);
  Reader reader = outer.enter(kSequence);
  Reader status = reader.enter(kSequence);
  uint64_t code = status.small_integer();
  if (status.next_is(kSequence)) status.any();
  ByteView failure = status.next_is(kBitString) ? status.take(kBitString).content : ByteView();
  reader.finish(status);
  if (reader.ok() && code > 1)
    return fail(Code::unavailable, "crypto.timestamp_refused", "status {}, failure bits {}", code,
                hex(failure));
  ByteView token = reader.take(kSequence).whole;
  outer.finish(reader);
  if (!outer.done()) return fail(Code::invalid_argument, "crypto.timestamp_response");
  ASSIGN(TimestampRequest claims, token_claims(token));
  if (claims.imprint != request.imprint || claims.nonce != request.nonce)
    return fail(Code::invalid_argument, "crypto.timestamp_mismatch");
  return to_bytes(token);
}

}  // namespace chengxin::crypto
