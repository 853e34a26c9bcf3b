#include <openssl/evp.h>

#include <algorithm>

#include "crypto/impl/der.h"
#include "crypto/impl/extensions.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/signed_data.h"
#include "crypto/sm3.h"
#include "crypto/timestamp.h"

// docs/formats/cxproof.md, "The token, for check 12": each function below is one of its points.
namespace chengxin::crypto {
namespace {
using namespace der;

constexpr size_t kMaxToken = 64 << 10;

bool read_info(ByteView content, TimestampInfo& out) {
  Reader outer(content);
  Reader info = outer.enter(kSequence);
  if (info.small_integer() != 1) return false;
  info.oid();
  Reader imprint = info.enter(kSequence);
  if (!equal(imprint.algorithm(), oids::kSm3)) return false;
  ByteView digest = imprint.octets();
  info.finish(imprint);
  out.serial = info.unsigned_integer(20);
  out.time_ms = info.generalized_time();
  if (info.next_is(kSequence)) info.any();  // accuracy
  if (info.next_is(kBoolean)) info.boolean();
  if (info.next_is(kInteger)) out.nonce = to_bytes(info.integer());
  if (info.next_is(context(0))) info.any();  // tsa
  if (info.next_is(context(1))) {
    Reader list = info.enter(context(1));
    if (!read_extensions(list, [](ByteView, bool critical, ByteView) { return !critical; })) return false;
  }
  outer.finish(info);
  if (!outer.done() || digest.size() != 32) return false;
  std::copy(digest.begin(), digest.end(), out.imprint.begin());
  return true;
}

bool names_certificate(const SignedData::Attribute& attribute, const Certificate& signer) {
  Reader values = attribute.values;
  Reader signing = values.enter(kSequence);
  Reader entries = signing.enter(kSequence);
  Reader first = entries.enter(kSequence);
  bool is_sm3 = false;
  if (first.next_is(kSequence)) {
    ByteView id = first.algorithm();
    is_sm3 = equal(id, oids::kSm3);
    if (!is_sm3 && !equal(id, oids::kSha256)) return false;
  }
  ByteView hash = first.octets();
  if (first.next_is(kSequence)) first.any();  // issuerSerial
  entries.finish(first);
  while (entries.ok() && !entries.at_end()) entries.any();
  signing.finish(entries);
  if (signing.next_is(kSequence)) signing.any();  // policies
  values.finish(signing);
  if (!values.done()) return false;
  Digest expected = sm3(signer.der);
  if (!is_sm3)
    EVP_Digest(signer.der.data(), signer.der.size(), expected.data(), nullptr, EVP_sha256(), nullptr);
  return equal(hash, expected);
}

std::optional<std::vector<Certificate>> read_certificates(const SignedData& data) {
  if (data.certificates.size() < 2 || data.certificates.size() > 8) return std::nullopt;
  std::vector<Certificate> out;
  for (ByteView der : data.certificates) {
    auto one = Certificate::from_der(der);
    if (!one || !one->public_key || !one->sm2_with_sm3 || one->unknown_critical_extension)
      return std::nullopt;
    for (const Certificate& other : out)
      if (other.subject == one->subject) return std::nullopt;
    out.push_back(std::move(*one));
  }
  return out;
}

// The root, when `certificates` are exactly the chain from the signer to it.
const Certificate* follow_chain(const Certificate& signer, const std::vector<Certificate>& certificates,
                                int64_t time_ms) {
  const Certificate* one = &signer;
  for (size_t length = 1;; ++length) {
    if (time_ms < one->not_before_ms || time_ms > one->not_after_ms) return nullptr;
    bool last = one->self_issued();
    auto issuer = std::find_if(certificates.begin(), certificates.end(),
                               [&](const Certificate& other) { return other.subject == one->issuer; });
    if (issuer == certificates.end() || !one->signed_by(*issuer->public_key)) return nullptr;
    if (last) return length == certificates.size() ? one : nullptr;
    // `length` - 1 certificates of authorities stand under this issuer.
    bool may_issue = issuer->is_ca && issuer->allows(kKeyCertSign) &&
                     (!issuer->path_length || *issuer->path_length >= length - 1);
    if (!may_issue || length == certificates.size()) return nullptr;
    one = &*issuer;
  }
}

}  // namespace

Result<TimestampInfo> verify_timestamp(ByteView token, const Digest& imprint,
                                       std::span<const Bytes> trusted_roots) {
  auto invalid = [](std::string_view what) {
    return fail(Code::invalid_argument, "crypto.timestamp_invalid", "{}", what);
  };
  if (token.size() > kMaxToken) return invalid("larger than 64 KiB");
  auto data = SignedData::parse(token);
  if (!data || data->version != 3 || data->detached || !equal(data->content_type, oids::kTstInfo) ||
      data->has_crls || data->has_unsigned_attributes || equal(data->signer.algorithm, oids::kSm2Signature))
    return invalid("not a token of this profile");
  TimestampInfo info;
  if (!read_info(data->content, info)) return invalid("TSTInfo");
  if (info.imprint != imprint) return invalid("the imprint is of something else");
  auto certificates = read_certificates(*data);
  if (!certificates) return invalid("certificates");
  const Certificate* signer = data->find_signer(*certificates);
  if (!signer || !signer->allows(kDigitalSignature) || !signer->only_for_timestamps())
    return invalid("the signer has no certificate for time-stamps");
  const SignedData::Attribute* named = data->find(oids::kSigningCertificateV2);
  if (named && !names_certificate(*named, *signer)) return invalid("signing-certificate-v2");
  if (!data->holds(*signer->public_key, data->content)) return invalid("the signature does not hold");
  const Certificate* root = follow_chain(*signer, *certificates, info.time_ms);
  if (!root) return invalid("the certificates are not a chain valid at that time");
  info.signer_der = signer->der;
  info.root_der = root->der;
  bool trusted = trusted_roots.empty() ||
                 std::find(trusted_roots.begin(), trusted_roots.end(), info.root_der) != trusted_roots.end();
  if (!trusted) return fail(Code::forbidden, "crypto.timestamp_untrusted", "{}", root->subject_text());
  return info;
}

}  // namespace chengxin::crypto
