#pragma once
#include <functional>

#include "credential/key.h"
#include "jose/form.h"

// Signed JSON (RFC 7515): compact with one signature, or the general JSON form with several.
namespace chengxin::credential {

using jose::kMaxTokenBytes;

struct Jws {
  struct Proof {
    Json header;              // the protected one
    std::string encoded;      // as it was signed
    Json unprotected = {};    // null in the compact form
    Bytes signature;          // 64 bytes
    Algorithm algorithm{};    // by its header; what is signed with others is refused when it is read
    std::string kid() const;  // "" when there is none
  };
  std::string payload_encoded;
  Json payload;  // an object
  std::vector<Proof> proofs;
  bool general = false;  // JSON form

  // jose.malformed (also: no signature, more than four, a payload that is no JSON object, a header that is in
  // both places), jose.algorithm (none, or one that is not known here), jose.critical (a "crit" header:
  // none is understood here).
  static Result<Jws> parse(std::string_view text);  // either form
  static Result<Jws> from_json(const Json& json);

  std::string compact() const;  // of the first proof
  std::string signing_input(const Proof& proof) const { return proof.encoded + "." + payload_encoded; }
  // jose.algorithm: the key is of another kind than the header says, whatever the bytes; jose.signature.
  Status check(const Proof& proof, const PublicKey& key) const;
};

// A key that signs, and the URL in its owner's DID document under which others find it.
struct Signer {
  PrivateKey key;
  std::string kid;
};

// One signer: compact; several: general JSON. `header` needs no alg and no kid.
Result<std::string> sign(const Json& header, const Json& payload, std::span<const Signer> signers);
Result<Json> sign_general(const Json& header, const Json& payload, std::span<const Signer> signers);
Result<std::string> sign_compact(Json header, const Json& payload, const Signer& signer);

}  // namespace chengxin::credential
