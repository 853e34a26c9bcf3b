#pragma once
#include "sm2/sm2.h"

// SM2 over the recommended curve sm2p256v1 (GB/T 32918-2016, GB/T 35276). Signatures are made and checked by
// src/sm2, encryption and all else by Tongsuo (ADR 0014).
namespace chengxin::crypto {

using Sm2Point = sm2::Point;
using Sm2Signature = sm2::Signature;
using sm2::kDefaultId;
inline constexpr size_t kMaxSm2Plain = 64 << 10;

// The verifier of this process for signatures of registered signers, with the tables of the keys that it
// meets often. What anybody may have checked is not asked here: its keys would take the tables' places.
const std::shared_ptr<const sm2::Verifier>& sm2_verifier();
// The one for all else, with a small memory: proofs, certificates and time-stamps, whoever brings them.
// Sm2PublicKey::verify asks it; for many signatures at once ask it oneself.
const sm2::Verifier& strangers_verifier();

// The fixed form of a signature in DER, SEQUENCE { r, s } (GB/T 35276 section 7.3); nullopt for anything
// else.
std::optional<Sm2Signature> sm2_signature_from_der(ByteView der);

class Sm2PublicKey {
 public:
  // crypto.public_key: not a point on the curve, or the point at infinity.
  static Result<Sm2PublicKey> from_point(ByteView point);
  const Sm2Point& point() const { return point_; }

  // True when `signature` (64 bytes, r || s) is this key's over `message` under `id`; false for anything
  // else, including wrong lengths and values out of range. GB/T 32918.2 section 7. Thread-safe.
  bool verify(ByteView message, ByteView signature, std::string_view id = kDefaultId) const;

  // SubjectPublicKeyInfo. from_pem: crypto.key_format, crypto.public_key.
  static Result<Sm2PublicKey> from_pem(std::string_view pem);
  std::string to_pem() const;

  // For short secrets (1 to kMaxSm2Plain bytes, else crypto.plain_length); larger data: seal_* or CMS.
  // GB/T 32918.4, ciphertext C1 || C3 || C2 in the DER form of GB/T 35276 section 7.2.
  Result<Bytes> encrypt(ByteView plain) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  Sm2Point point_{};
  std::shared_ptr<const Impl> impl_;
};

// A private key; its memory is zeroed when the last copy goes. A default-constructed key of either kind holds
// nothing and may only be assigned to. Errors: crypto.private_key (length or range), crypto.key_format (not
// PKCS #8 PEM, or not an SM2 key), crypto.passphrase (missing or wrong), crypto.id_length (above 8191 bytes).
class Sm2PrivateKey {
 public:
  static Result<Sm2PrivateKey> generate();
  static Result<Sm2PrivateKey> from_scalar(ByteView scalar);  // 32 bytes, 1 … n-2
  static Result<Sm2PrivateKey> from_pem(std::string_view pem, std::string_view passphrase = {});  // PKCS #8
  Result<std::string> to_pem(
      std::string_view passphrase = {}) const;  // encrypted with SM4-CBC when one is given
  const Sm2PublicKey& public_key() const { return public_key_; }

  // Thread-safe; crypto.sign when the check of what was made failed, which no sound machine meets.
  Result<Sm2Signature> sign(ByteView message, std::string_view id = kDefaultId) const;
  // The same for many at once, in lanes: several times as quick. One entry for each message or digest, in
  // order.
  Result<std::vector<Sm2Signature>> sign_many(std::span<const ByteView> messages,
                                              std::string_view id = kDefaultId) const;
  Result<std::vector<Sm2Signature>> sign_many(std::span<const Digest> digests) const;  // e = SM3(Z_A || M)
  Result<Bytes> decrypt(ByteView cipher) const;  // crypto.decrypt on any failure

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  Sm2PublicKey public_key_;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace chengxin::crypto
