#pragma once
#include <optional>

#include "sm2/sm2.h"

// Signing with SM2 in constant time (GB/T 32918.2 section 6).
namespace chengxin::sm2 {

namespace impl {
class Engine;
class SignEngine;
}  // namespace impl

using Entropy = std::array<uint8_t, 32>;  // fresh for each signature, from a cryptographic generator

// A private key prepared for signing; zeroes itself, and what it leaves on the stack. The nonce is drawn from
// the key, the digest and the entropy together (SM3, 512 bits reduced modulo n), so that neither a repeated
// entropy nor a weak generator gives the key away; a nonce that the standard refuses (r = 0, r + k = n, s =
// 0) is drawn again.
class Signer {
 public:
  // 32 bytes, big-endian, 1 … n-2; nullopt otherwise. CHECKs that the path is available.
  static std::optional<Signer> from_scalar(ByteView scalar, Path path = best_path());
  // On engines of the caller's, which outlive it: `checking` is asked whether what was made holds.
  static std::optional<Signer> from_scalar(ByteView scalar, const impl::SignEngine& making,
                                           const impl::Engine& checking);
  Signer(const Signer&);
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer) noexcept;
  ~Signer();

  const Point& public_key() const;
  // nullopt when the fault check failed: what was made is no signature of the public key over e, so nothing
  // of it leaves. It never happens on a sound machine.
  std::optional<Signature> sign(const Digest& e, const Entropy& entropy) const;
  std::optional<Signature> sign(ByteView message, const Entropy& entropy,
                                std::string_view id = kDefaultId) const;
  // out[i] for digests[i]; eight at a time where the path has lanes. False as above, with nothing in `out`.
  bool sign_many(std::span<const Digest> digests, std::span<const Entropy> entropy,
                 std::span<Signature> out) const;
  // The same for messages, hashed in lanes too; false also for an id above 8191 bytes.
  bool sign_many(std::span<const ByteView> messages, std::span<const Entropy> entropy,
                 std::span<Signature> out, std::string_view id = kDefaultId) const;

 private:
  Signer() = default;
  struct Secret;
  std::unique_ptr<Secret> secret_;
};

}  // namespace chengxin::sm2
