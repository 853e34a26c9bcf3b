#include "crypto/key_exchange.h"

#include "crypto/hmac.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

// 2^127 + (x mod 2^127) of a point's x, as in 6.1 step A4 with w = 127.
Bignum reduced_x(const Sm2Point& point) {
  Bytes low(point.begin() + 17, point.begin() + 33);
  low[0] |= 0x80;
  return Bignum(BN_bin2bn(low.data(), int(low.size()), nullptr));
}

// [t](P + [x]R) with t = d + x_own r, in affine form; the cofactor is 1. Nothing when it is the point at
// infinity.
Result<Sm2Point> shared_point(const Sm2PrivateKey& own, const Sm2PrivateKey& ephemeral,
                              const Sm2PublicKey& peer, const Sm2PublicKey& peer_ephemeral) {
  BignumContext context(BN_CTX_secure_new());
  Bignum d(BN_secure_new()), r(BN_secure_new()), t(BN_secure_new());
  BN_bin2bn(own.impl().scalar.data(), 32, d.get());
  BN_bin2bn(ephemeral.impl().scalar.data(), 32, r.get());
  for (BIGNUM* secret : {d.get(), r.get(), t.get()}) BN_set_flags(secret, BN_FLG_CONSTTIME);
  Bignum own_x = reduced_x(ephemeral.public_key().point()), peer_x = reduced_x(peer_ephemeral.point());
  Point point(EC_POINT_new(curve()));
  Sm2Point out;
  bool good = BN_mod_mul(t.get(), own_x.get(), r.get(), order(), context.get()) == 1 &&
              BN_mod_add(t.get(), t.get(), d.get(), order(), context.get()) == 1 &&
              EC_POINT_mul(curve(), point.get(), nullptr, peer_ephemeral.impl().point.get(), peer_x.get(),
                           context.get()) == 1 &&
              EC_POINT_add(curve(), point.get(), point.get(), peer.impl().point.get(), context.get()) == 1 &&
              EC_POINT_mul(curve(), point.get(), nullptr, point.get(), t.get(), context.get()) == 1 &&
              EC_POINT_point2oct(curve(), point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                                 context.get()) == out.size();
  if (!good) return failed(Code::invalid_argument, "crypto.key_exchange");
  return out;
}

}  // namespace

Result<KeyExchange> KeyExchange::start(Role role, const Sm2PrivateKey& own, std::string_view own_id,
                                       const Sm2PublicKey& peer, std::string_view peer_id) {
  ASSIGN(Sm2PrivateKey ephemeral, Sm2PrivateKey::generate());
  return start(role, own, own_id, peer, peer_id, std::move(ephemeral));
}

Result<KeyExchange> KeyExchange::start(Role role, const Sm2PrivateKey& own, std::string_view own_id,
                                       const Sm2PublicKey& peer, std::string_view peer_id,
                                       Sm2PrivateKey ephemeral) {
  if (is_delegated(own) || is_delegated(ephemeral)) return fail(Code::unsupported, "crypto.key_held");
  KeyExchange out;
  out.role_ = role;
  ASSIGN(out.own_z_, sm2_z(own.public_key().point(), own_id));
  ASSIGN(out.peer_z_, sm2_z(peer.point(), peer_id));
  out.own_ = own;
  out.peer_ = peer;
  out.ephemeral_ = std::move(ephemeral);
  return out;
}

Result<Agreement> KeyExchange::agree(ByteView peer_ephemeral, size_t size) const {
  if (size == 0 || size > 1 << 20) return fail(Code::invalid_argument, "crypto.key_length", "{} bytes", size);
  ASSIGN(Sm2PublicKey other, Sm2PublicKey::from_point(peer_ephemeral));
  ASSIGN(Sm2Point shared, shared_point(own_, ephemeral_, peer_, other));
  bool first = role_ == initiator;
  ByteView x = ByteView(shared).subspan(1, 32), y = ByteView(shared).subspan(33);
  ByteView z_a = first ? own_z_ : peer_z_, z_b = first ? peer_z_ : own_z_;
  ByteView r_a = ByteView(first ? ephemeral() : other.point()).subspan(1);
  ByteView r_b = ByteView(first ? other.point() : ephemeral()).subspan(1);

  Secret input = to_secret(ByteView(shared).subspan(1));
  input.insert(input.end(), z_a.begin(), z_a.end());
  input.insert(input.end(), z_b.begin(), z_b.end());
  Digest inner = sm3({x, z_a, z_b, r_a, r_b});
  static constexpr uint8_t kTwo[1] = {2}, kThree[1] = {3};
  Digest s_b = sm3({kTwo, y, inner}), s_a = sm3({kThree, y, inner});
  secure_zero(shared.data(), shared.size());
  return Agreement{kdf(input, size), first ? s_a : s_b, first ? s_b : s_a};
}

}  // namespace chengxin::crypto
