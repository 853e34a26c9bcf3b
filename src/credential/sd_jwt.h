#pragma once
#include "credential/jose.h"

// SD-JWT (RFC 9901): claims that the holder shows one by one, and the proof that he holds the key.
namespace chengxin::credential {

// "sha-256" of the registry of hashes, and "sm3", a private name for SM3.
enum class SdHash { sha256, sm3 };
std::string_view name(SdHash hash);
std::string sd_digest(SdHash hash, std::string_view disclosure);  // base64url

// Where a claim stands: names of members, places in arrays; null in a frame means each element.
using ClaimPath = std::vector<Json>;
Result<ClaimPath> parse_claim_path(const Json& list);  // sd_jwt.path

// What becomes selectively disclosable.
struct Frame {
  std::vector<ClaimPath> selective;
  size_t decoys = 0;  // digests of nothing, in each object that has hidden members
  SdHash hash = SdHash::sha256;
};

struct SdJwt {
  Jws jws;
  std::vector<std::string> disclosures;  // base64url, as they were issued
  std::string key_binding;               // "" when there is none

  // sd_jwt.malformed, jose.*. Compact (~) or the JSON form of RFC 9901 section 8. At most 256 disclosures.
  static Result<SdJwt> parse(std::string_view text);
  std::string encode() const;
  // What a key binding vouches for: section 4.3.1, over the first signature.
  std::string bound_text() const;
  SdHash hash() const { return hash_; }

 private:
  SdHash hash_ = SdHash::sha256;
};

// Hides what the frame names and signs the rest. sd_jwt.claim (a claim named _sd, ... or _sd_alg).
Result<SdJwt> issue_sd_jwt(const Json& header, const Json& claims, const Frame& frame,
                           std::span<const Signer> signers);

// The claims with what the disclosures reveal put in place (section 7.1). Errors: sd_jwt.digest_twice (a
// digest or a disclosure stands twice), sd_jwt.unreferenced (a disclosure for which there is no digest),
// sd_jwt.disclosure (malformed, or its name is taken), sd_jwt.hash (an _sd_alg that is not known).
struct Disclosed {
  ClaimPath path;
  size_t parent = SIZE_MAX;  // the disclosure in which its digest stands
};
struct Unfolded {
  Json claims;
  std::vector<Disclosed> disclosed;  // for each of SdJwt::disclosures
};
Result<Unfolded> unfold(const SdJwt& sd_jwt);

// Keeps the disclosures that show these claims, with those on the way to them and those inside them.
// sd_jwt.no_claim: the credential does not hold one of them.
Result<SdJwt> select(const SdJwt& sd_jwt, std::span<const ClaimPath> claims);

struct KeyBinding {
  std::string audience, nonce;
  int64_t issued_ms = 0;
};
// Adds the key binding JWT (section 4.3) of the holder's key.
Status bind(SdJwt& sd_jwt, const PrivateKey& holder, const KeyBinding& binding);
// The holder's key of the claim cnf; sd_jwt.no_holder.
Result<PublicKey> holder_key(const Json& claims);
// sd_jwt.key_binding (missing, malformed, of another type), sd_jwt.sd_hash (of another presentation),
// jose.algorithm, jose.signature: signed by another than the holder. Whether nonce, audience and time are
// right is the caller's to judge.
Result<KeyBinding> check_binding(const SdJwt& sd_jwt, const PublicKey& holder);

}  // namespace chengxin::credential
