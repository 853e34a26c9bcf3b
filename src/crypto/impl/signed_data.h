#pragma once
#include <optional>

#include "crypto/certificate.h"
#include "crypto/impl/der.h"

// CMS SignedData (RFC 5652 section 5) with one SM2/SM3 signer: what cms.h and timestamp.h share.
namespace chengxin::crypto {

struct SignedDataRequest {
  der::Oid content_type;
  ByteView content;
  bool detached = false;
  const Certificate* signer = nullptr;
  const Sm2PrivateKey* key = nullptr;
  std::vector<Bytes> attributes;    // besides content-type and message-digest; see attribute()
  std::vector<Bytes> certificates;  // DER, to be carried
};
Bytes attribute(const der::Oid& type, ByteView value);
Result<Bytes> make_signed_data(const SignedDataRequest& request);

// What a parsed structure says; nothing is verified.
struct SignedData {
  struct Attribute {
    ByteView type;
    der::Reader values;
  };
  struct Signer {
    ByteView issuer;  // with `serial`; or
    Bytes serial;
    ByteView subject_key_id;  // alone
    bool by_key_id = false;
    Bytes signed_bytes;  // the attributes with their tag as a SET
    std::vector<Attribute> attributes;
    ByteView algorithm;
    ByteView signature;
  };

  uint64_t version = 0;
  ByteView content_type;
  ByteView content;
  bool detached = false;
  std::vector<ByteView> certificates;
  bool has_crls = false, has_unsigned_attributes = false;
  Signer signer;

  // Exactly one signer, digest algorithm SM3 everywhere, signature algorithm SM2 with SM3, signed attributes
  // present with no type twice. nullopt for anything else. Views go into `der`.
  static std::optional<SignedData> parse(ByteView der);

  // The certificate that the signer names, when exactly one of `among` is.
  const Certificate* find_signer(std::span<const Certificate> among) const;
  // Content type and digest in the attributes are those of `signed_content`, and the signature is `key`'s.
  bool holds(const Sm2PublicKey& key, ByteView signed_content) const;
  const Attribute* find(const der::Oid& type) const;
};

}  // namespace chengxin::crypto
