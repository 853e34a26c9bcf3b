#pragma once
#include "crypto/sm2.h"

// SM2 signatures by two parties of whom neither ever holds the key (Tongsuo's threshold SM2): the private key
// is d = 1/(d1*d2) - 1, d1 of the client (a mobile user), d2 of the server. One exchange makes the joint key,
// one exchange a signature, which is an ordinary one of GB/T 32918.2.
namespace chengxin::crypto::two_party {

// What a side sends when the key is made: 1/d_i * G.
Result<Sm2Point> partial_key(const Sm2PrivateKey& own);
// Both sides come to the same. crypto.public_key; crypto.two_party when the points make no key.
Result<Sm2PublicKey> joint_key(const Sm2PrivateKey& own, ByteView peer_partial);

// The client's first message is `point` and `e`; `nonce` stays with it, for one signature.
struct Request {
  Sm2PrivateKey nonce;
  Sm2Point point{};
  Digest e{};
};
Result<Request> begin(const Sm2PublicKey& joint, ByteView message, std::string_view id = kDefaultId);
// The server's answer. It learns e, not the message. crypto.public_key when `point` is none of the curve.
Result<Bytes> answer(const Sm2PrivateKey& server, ByteView point, const Digest& e);
// The client's signature, checked against the joint key: crypto.two_party when it does not hold.
Result<Sm2Signature> finish(const Sm2PrivateKey& client, const Sm2PublicKey& joint, const Request& request,
                            ByteView answer);

}  // namespace chengxin::crypto::two_party
