#pragma once
#include "crypto/certificate.h"
#include "crypto/impl/der.h"

// Pieces that certificates, revocation lists, requests and OCSP share.
namespace chengxin::crypto::x509 {

// An algorithm identifier of any kind, as it stands; `sm2_with_sm3` when it is that one.
ByteView read_algorithm(der::Reader& reader, bool& sm2_with_sm3);
std::optional<Sm2PublicKey> read_key(ByteView subject_public_key_info);  // when it is a valid SM2 key
std::optional<Sm2Signature> read_signature(der::Reader& reader);         // a BIT STRING, when it holds one

Bytes encode_key(const Sm2Point& point);  // SubjectPublicKeyInfo
Bytes encode_name(const Name& name);
Status check_name(const Name& name);  // crypto.certificate_request
// RFC 7093 section 2 method 1, with SM3: the leftmost 160 bits.
Bytes key_id(const Sm2Point& key);
Bytes extension(const der::Oid& id, bool critical, ByteView value);
Bytes signed_whole(ByteView tbs, const Sm2Signature& signature);
Result<Bytes> sign(ByteView tbs, const Sm2PrivateKey& key);  // SEQUENCE {signed part, algorithm, signature}

}  // namespace chengxin::crypto::x509
