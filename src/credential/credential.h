#pragma once
#include "credential/did.h"
#include "credential/jose.h"

// Credentials and presentations of the W3C data model 2.0, secured by JWS (VC-JOSE-COSE: vc+jwt, vp+jwt).
namespace chengxin::credential {

inline constexpr std::string_view kVcContext = "https://www.w3.org/ns/credentials/v2";
inline constexpr int64_t kForever = int64_t(1) << 53;

// The key by which a proof says that it was made: its kid names a method of `did` in that relationship.
// jose.kid (none, another DID's, not in that relationship), did.* of the resolution, did.deactivated,
// jose.algorithm, jose.signature.
Status check_proof(const Jws& jws, const Jws::Proof& proof, const std::string& did, Relationship relationship,
                   Resolver& resolver);
// All proofs: each must hold. What is signed twice is not believed for its better half.
Status check_proofs(const Jws& jws, const std::string& did, Relationship relationship, Resolver& resolver);

// jose.type: the "typ" of each proof is not this one.
Status check_type(const Jws& jws, std::string_view type);

Result<std::string> secure_credential(const Json& credential, std::span<const Signer> signers);

// A vc+jwt whose signatures hold and whose form is right; what stands in it is the issuer's word. Times and
// status are not judged. jose.*, did.*, vc.malformed.
struct Opened {
  Json credential;
  std::string issuer, subject;  // subject: its id, "" without one
  int64_t from_ms = 0, until_ms = kForever;
  Jws jws;
};
Result<Opened> open_credential(std::string_view token, Resolver& resolver);
// The same from its parts, before or without the signatures: vc.malformed.
Result<Opened> read_credential(std::string_view token);
std::string issuer_of(const Json& credential);  // "issuer" or its id

// The credentials of a vp+jwt, and who presents them, to whom.
struct OpenedPresentation {
  Jws jws;
  std::string holder, nonce;
  std::string audience;
  int64_t issued_ms = 0;
  std::vector<std::string> credentials;  // vc+jwt
};
struct PresentationRequest {
  std::string audience, nonce;
  int64_t now_ms = 0;
};
// `holder` signs with a key of its DID's authentication.
Result<std::string> present_credentials(const std::vector<std::string>& credentials,
                                        const std::string& holder, const Signer& signer,
                                        const PresentationRequest& request);
Result<OpenedPresentation> read_presentation(std::string_view token);  // vp.malformed, jose.*

}  // namespace chengxin::credential
