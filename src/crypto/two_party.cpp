#include "crypto/two_party.h"

#define OPENSSL_SUPPRESS_DEPRECATED  // EC_KEY, which SM2_THRESHOLD_* give
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/sm2_threshold.h>

#include "crypto/impl/sm2_impl.h"
#include "crypto/sm3.h"

namespace chengxin::crypto::two_party {
namespace {
using namespace tongsuo;

struct Buffer {
  unsigned char* at = nullptr;
  size_t size = 0;
  ~Buffer() { OPENSSL_clear_free(at, size); }
};

tl::unexpected<Error> broken(std::string_view why) {
  std::string told = last_error();
  return fail(Code::invalid_argument, "crypto.two_party", "{}{}{}", why, told.empty() ? "" : ": ", told);
}

// The public half of a key that Tongsuo made in the old way, whose parameters EVP does not give.
Result<Sm2PublicKey> public_half(const EVP_PKEY* key) {
  const EC_KEY* inner = EVP_PKEY_get0_EC_KEY(key);
  const EC_POINT* point = inner ? EC_KEY_get0_public_key(inner) : nullptr;
  Sm2Point out;
  if (!point || EC_POINT_point2oct(curve(), point, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                                   nullptr) != out.size())
    return broken("no point came out");
  return Sm2PublicKey::from_point(out);
}

tl::unexpected<Error> held() { return fail(Code::unsupported, "crypto.key_held", "a share must be here"); }

}  // namespace

Result<Sm2Point> partial_key(const Sm2PrivateKey& own) {
  if (is_delegated(own)) return held();
  Key key(SM2_THRESHOLD_derive_partial_pubkey(own.impl().pkey()));
  if (!key) return broken("no partial key");
  ASSIGN(auto point, public_half(key.get()));
  return point.point();
}

Result<Sm2PublicKey> joint_key(const Sm2PrivateKey& own, ByteView peer_partial) {
  if (is_delegated(own)) return held();
  ASSIGN(auto peer, Sm2PublicKey::from_point(peer_partial));
  Key key(SM2_THRESHOLD_derive_complete_pubkey(own.impl().pkey(), peer.impl().pkey()));
  if (!key) return broken("the points make no key");
  return public_half(key.get());
}

Result<Request> begin(const Sm2PublicKey& joint, ByteView message, std::string_view id) {
  ASSIGN(const Digest z, sm2_z(joint.point(), id));
  Request out;
  ASSIGN(out.nonce, Sm2PrivateKey::generate());
  out.point = out.nonce.public_key().point();
  out.e = sm3({z, message});
  return out;
}

Result<Bytes> answer(const Sm2PrivateKey& server, ByteView point, const Digest& e) {
  if (is_delegated(server)) return held();
  ASSIGN(auto peer, Sm2PublicKey::from_point(point));
  Digest digest = e;
  Buffer made;
  if (SM2_THRESHOLD_sign2(server.impl().pkey(), peer.impl().pkey(), digest.data(), digest.size(), &made.at,
                          &made.size) != 1)
    return broken("no partial signature");
  return Bytes(made.at, made.at + made.size);
}

Result<Sm2Signature> finish(const Sm2PrivateKey& client, const Sm2PublicKey& joint, const Request& request,
                            ByteView answer) {
  if (is_delegated(client)) return held();
  Buffer made;
  if (answer.size() > 512 || SM2_THRESHOLD_sign3(client.impl().pkey(), request.nonce.impl().pkey(),
                                                 answer.data(), answer.size(), &made.at, &made.size) != 1)
    return broken("the server's answer is no partial signature");
  auto signature = sm2_signature_from_der({made.at, made.size});
  if (!signature) return broken("what came out is no signature");
  const sm2::DigestCheck check{&joint.point(), &*signature, request.e};
  uint8_t holds = 0;
  strangers_verifier().verify({&check, 1}, {&holds, 1});
  if (!holds) return broken("the signature that came out does not hold");
  return *signature;
}

}  // namespace chengxin::crypto::two_party
