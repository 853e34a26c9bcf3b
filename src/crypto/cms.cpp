#include "crypto/cms.h"

#include "crypto/impl/der.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/signed_data.h"
#include "crypto/random.h"
#include "crypto/sm4.h"

namespace chengxin::crypto {
namespace {
using namespace der;

tl::unexpected<Error> malformed() { return fail(Code::invalid_argument, "crypto.cms_malformed"); }

Bytes issuer_and_serial(const Certificate& one) {
  return sequence({one.issuer, integer(ByteView(one.serial))});
}

bool may_encipher(const Certificate& one) {
  return one.public_key && (one.allows(kKeyEncipherment) || one.allows(kDataEncipherment));
}

struct Enveloped {
  ByteView encrypted_key;  // for the recipient asked for
  ByteView iv, cipher;
  bool addressed = false;
};

void read_recipients(Reader& data, const Certificate& recipient, Enveloped& out) {
  Bytes wanted = issuer_and_serial(recipient);
  Reader list = data.enter(kSet);
  if (list.at_end()) list.refuse();
  while (list.ok() && !list.at_end()) {
    Reader one = list.enter(kSequence);
    one.small_integer();
    bool ours = equal(one.take(kSequence).whole, wanted);
    if (!equal(one.algorithm(), oids::kSm2Encryption)) one.refuse();
    ByteView key = one.octets();
    list.finish(one);
    if (!ours) continue;
    out.addressed = true;
    out.encrypted_key = key;
  }
  data.finish(list);
}

std::optional<Enveloped> parse_enveloped(ByteView cms, const Certificate& recipient) {
  Enveloped out;
  Reader outer(cms);
  Reader info = outer.enter(kSequence);
  if (!equal(info.oid(), oids::kEnvelopedData)) return std::nullopt;
  Reader tagged = info.enter(context(0));
  Reader data = tagged.enter(kSequence);
  data.small_integer();
  read_recipients(data, recipient, out);
  Reader content = data.enter(kSequence);
  content.oid();
  Reader algorithm = content.enter(kSequence);
  if (!equal(algorithm.oid(), oids::kSm4Cbc)) return std::nullopt;
  out.iv = algorithm.octets();
  content.finish(algorithm);
  out.cipher = content.take(context_primitive(0)).content;
  data.finish(content);
  tagged.finish(data);
  info.finish(tagged);
  outer.finish(info);
  if (!outer.done()) return std::nullopt;
  return out;
}

}  // namespace

Result<Bytes> cms_sign(ByteView content, const Certificate& signer, const Sm2PrivateKey& key,
                       const CmsSignOptions& options) {
  if (!signer.public_key || signer.public_key->point() != key.public_key().point())
    return fail(Code::invalid_argument, "crypto.cms_signer", "the key is not the certificate's");
  SignedDataRequest request{oids::kData, content, options.detached, &signer, &key, {}, {signer.der}};
  if (options.signing_time_ms)
    request.attributes.push_back(attribute(oids::kSigningTime, certificate_time(*options.signing_time_ms)));
  for (const Certificate& one : options.others) request.certificates.push_back(one.der);
  return make_signed_data(request);
}

Result<CmsSigned> cms_verify(ByteView cms, std::optional<ByteView> detached) {
  auto data = SignedData::parse(cms);
  if (!data || data->detached != detached.has_value() || (data->version != 1 && data->version != 3))
    return malformed();
  CmsSigned out;
  for (ByteView der : data->certificates) {
    auto one = Certificate::from_der(der);
    if (!one) return malformed();
    out.certificates.push_back(std::move(*one));
  }
  const Certificate* signer = data->find_signer(out.certificates);
  if (!signer || !signer->public_key) return fail(Code::invalid_argument, "crypto.cms_signer");
  if (!data->holds(*signer->public_key, detached.value_or(data->content)))
    return fail(Code::invalid_argument, "crypto.cms_signature");
  out.signer = *signer;
  out.content = to_bytes(data->content);
  return out;
}

Result<Bytes> cms_encrypt(ByteView content, std::span<const Certificate> recipients) {
  if (recipients.empty()) return fail(Code::invalid_argument, "crypto.cms_recipient", "none");
  Secret key = random_secret(16);
  Bytes iv = random_bytes(16);
  std::vector<Bytes> infos;
  for (const Certificate& one : recipients) {
    if (!may_encipher(one))
      return fail(Code::invalid_argument, "crypto.cms_recipient", "{}", one.subject_text());
    ASSIGN(Bytes encrypted_key, one.public_key->encrypt(key));
    infos.push_back(sequence({integer(uint64_t(0)), issuer_and_serial(one), algorithm(oids::kSm2Encryption),
                              octets(encrypted_key)}));
  }
  ASSIGN(Bytes cipher, sm4_cbc_encrypt(key, iv, content));
  Bytes data = sequence({integer(uint64_t(0)), set_of(std::move(infos)),
                         sequence({oid(oids::kData), sequence({oid(oids::kSm4Cbc), octets(iv)}),
                                   element(context_primitive(0), {cipher})})});
  return sequence({oid(oids::kEnvelopedData), element(context(0), {data})});
}

Result<Secret> cms_decrypt(ByteView cms, const Certificate& recipient, const Sm2PrivateKey& key) {
  auto data = parse_enveloped(cms, recipient);
  if (!data) return malformed();
  if (!data->addressed)
    return fail(Code::invalid_argument, "crypto.cms_recipient", "not for this certificate");
  // Whatever fails from here on is one error: which step it was must not help who sends altered messages.
  auto content_key = key.decrypt(data->encrypted_key);
  auto plain = content_key ? sm4_cbc_decrypt(*content_key, data->iv, data->cipher)
                           : Result<Bytes>(tl::unexpected(content_key.error()));
  if (content_key) secure_zero(content_key->data(), content_key->size());
  if (!plain) return fail(Code::invalid_argument, "crypto.decrypt");
  Secret out = to_secret(*plain);
  secure_zero(plain->data(), plain->size());
  return out;
}

}  // namespace chengxin::crypto
