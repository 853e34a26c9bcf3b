#pragma once
#include <optional>

#include "crypto/certificate.h"
#include "crypto/secret.h"

// Cryptographic Message Syntax (RFC 5652) with SM2, SM3 and SM4 (algorithm identifiers of GB/T 33560).
namespace chengxin::crypto {

// SignedData with one signer, whose certificate and `others` are carried. `signing_time_ms` becomes an
// attribute when given.
struct CmsSignOptions {
  bool detached = false;
  std::optional<int64_t> signing_time_ms;
  std::vector<Certificate> others;
};
// crypto.cms_signer: the key is not the certificate's.
Result<Bytes> cms_sign(ByteView content, const Certificate& signer, const Sm2PrivateKey& key,
                       const CmsSignOptions& options = {});

struct CmsSigned {
  Bytes content;  // empty when detached
  Certificate signer;
  std::vector<Certificate> certificates;  // all that were carried: what verify_chain may want
};
// Checks the signature only; whether the signer is to be believed is verify_chain's business. `detached` is
// the content when the structure does not hold it. crypto.cms_malformed (also: more than one signer, other
// algorithms, content in both places or in none), crypto.cms_signer (no certificate of the signer),
// crypto.cms_signature.
Result<CmsSigned> cms_verify(ByteView cms, std::optional<ByteView> detached = std::nullopt);

// EnvelopedData: a fresh SM4-CBC key, encrypted by SM2 to each recipient. Hides, does not authenticate: sign
// inside it. crypto.cms_recipient: no recipient, or one whose certificate may not encipher.
Result<Bytes> cms_encrypt(ByteView content, std::span<const Certificate> recipients);
// crypto.cms_malformed; crypto.cms_recipient (not for this certificate); crypto.decrypt.
Result<Secret> cms_decrypt(ByteView cms, const Certificate& recipient, const Sm2PrivateKey& key);

}  // namespace chengxin::crypto
