#pragma once
#include "crypto/secret.h"
#include "crypto/sm2.h"

// SM2 key exchange with confirmation (GB/T 32918.3-2016 section 6). Each side makes one object, sends its
// ephemeral point, agrees on the other's, sends `confirmation`, and uses the key only after the other's
// equals `expected` (compare with constant_time_equal).
namespace chengxin::crypto {

struct Agreement {
  Secret key;
  Digest confirmation;  // S_A of the initiator, S_B of the responder: to be sent
  Digest expected;      // what the other side has to send
};

class KeyExchange {
 public:
  enum Role { initiator, responder };

  // With a fresh ephemeral key.
  static Result<KeyExchange> start(Role role, const Sm2PrivateKey& own, std::string_view own_id,
                                   const Sm2PublicKey& peer, std::string_view peer_id);
  // With a given one, for the standard's example.
  static Result<KeyExchange> start(Role role, const Sm2PrivateKey& own, std::string_view own_id,
                                   const Sm2PublicKey& peer, std::string_view peer_id,
                                   Sm2PrivateKey ephemeral);

  const Sm2Point& ephemeral() const { return ephemeral_.public_key().point(); }

  // crypto.public_key (not on the curve), crypto.key_exchange (the shared point is at infinity). `size` is
  // the key's length in bytes, 1 to 1 MiB (crypto.key_length). Call it once: an ephemeral key is for one
  // exchange.
  Result<Agreement> agree(ByteView peer_ephemeral, size_t size) const;

 private:
  Role role_ = initiator;
  Sm2PrivateKey own_, ephemeral_;
  Sm2PublicKey peer_;
  Digest own_z_{}, peer_z_{};
};

}  // namespace chengxin::crypto
