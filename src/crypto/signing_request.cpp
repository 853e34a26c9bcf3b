#include "crypto/signing_request.h"

#include "crypto/impl/oids.h"
#include "crypto/impl/x509.h"

namespace chengxin::crypto {
namespace {
using namespace der;

constexpr size_t kMaxBytes = 16 << 10;

tl::unexpected<Error> wrong(std::string_view reason) { return fail(Code::invalid_argument, reason); }

std::string* part_of(Name& name, ByteView id) {
  if (equal(id, oids::kCountry)) return &name.country;
  if (equal(id, oids::kOrganization)) return &name.organization;
  if (equal(id, oids::kUnit)) return &name.unit;
  if (equal(id, oids::kCommonName)) return &name.common_name;
  return nullptr;
}

// False when a part is not ours; `reader` says whether it is well-formed.
bool read_name(Reader& reader, Name& name) {
  bool ours = true;
  Reader list = reader.enter(kSequence);
  while (list.ok() && !list.at_end()) {
    Reader set = list.enter(kSet);
    Reader pair = set.enter(kSequence);
    const ByteView id = pair.oid();
    const Element value = pair.any();
    set.finish(pair);
    ours = ours && set.done();
    list.finish(set);
    std::string* part = part_of(name, id);
    ours = ours && part && part->empty() && (value.tag == kUtf8String || value.tag == 0x13);
    if (ours) *part = to_string(value.content);
  }
  reader.finish(list);
  return ours;
}

}  // namespace

Result<SigningRequest> SigningRequest::from_der(ByteView der) {
  if (der.size() > kMaxBytes) return wrong("crypto.csr_malformed");
  SigningRequest out;
  out.der = to_bytes(der);
  Reader outer(der);
  Reader whole = outer.enter(kSequence);
  const ByteView tbs = whole.take(kSequence).whole;
  bool sm2_with_sm3 = false;
  x509::read_algorithm(whole, sm2_with_sm3);
  const auto signature = x509::read_signature(whole);
  outer.finish(whole);
  Reader signed_part(tbs);
  Reader info = signed_part.enter(kSequence);
  const bool first_version = info.small_integer() == 0;
  const bool ours = read_name(info, out.subject);
  const ByteView key_info = info.take(kSequence).whole;
  if (!info.at_end()) info.take(context(0));
  signed_part.finish(info);
  if (!outer.done() || !signed_part.done() || !first_version) return wrong("crypto.csr_malformed");
  auto key = x509::read_key(key_info);
  if (!key) return wrong("crypto.csr_curve");
  if (!sm2_with_sm3) return wrong("crypto.csr_algorithm");
  if (!signature) return wrong("crypto.csr_malformed");
  if (!ours || !x509::check_name(out.subject)) return wrong("crypto.csr_subject");
  out.tbs = to_bytes(tbs);
  out.key = std::move(*key);
  out.signature = *signature;
  return out;
}

Result<SigningRequest> SigningRequest::from_pem(std::string_view pem) {
  for (const char* label : {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
    if (auto der = der::from_pem(label, pem)) return from_der(*der);
  return fail(Code::invalid_argument, "crypto.csr_malformed", "no PEM block CERTIFICATE REQUEST");
}

std::string SigningRequest::to_pem() const { return der::to_pem("CERTIFICATE REQUEST", der); }

Status SigningRequest::check() const {
  if (!key.verify(tbs, signature)) return wrong("crypto.csr_signature");
  return {};
}

Result<SigningRequest> make_signing_request(const Name& subject, const Sm2PrivateKey& key) {
  TRY(x509::check_name(subject));
  const Bytes tbs = sequence({integer(uint64_t(0)), x509::encode_name(subject),
                              x509::encode_key(key.public_key().point()), element(context(0), {})});
  ASSIGN(const Bytes whole, x509::sign(tbs, key));
  return SigningRequest::from_der(whole);
}

}  // namespace chengxin::crypto
