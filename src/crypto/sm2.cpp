#include "crypto/sm2.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/check.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

// GB/T 32918.5: a, b, xG, yG, as they enter Z_A.
constexpr uint8_t kCurveInZ[128] = {
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,
    0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,
    0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,
    0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
    0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
    0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,
    0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0};

// Numbers and a point that a thread uses again for each signature that it checks.
struct Scratch {
  BignumContext context{BN_CTX_new()};
  Bignum r{BN_new()}, s{BN_new()}, t{BN_new()}, e{BN_new()}, x{BN_new()};
  Point point{EC_POINT_new(curve())};

  static Scratch& of_thread() {
    thread_local Scratch scratch;
    return scratch;
  }
};

Key make_key(const Sm2Point& point, ByteView scalar) {
  Ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  Bignum number;
  if (!scalar.empty()) {
    number.reset(BN_secure_new());
    BN_bin2bn(scalar.data(), int(scalar.size()), number.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get());
  }
  Ptr<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
  EVP_PKEY* key = nullptr;
  int selection = scalar.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1)
    return nullptr;
  return Key(key);
}

Result<Digest> message_digest(const Sm2Point& point, const Digest& z_default, ByteView message,
                              std::string_view id) {
  if (id == kDefaultId) return sm3({z_default, message});
  ASSIGN(Digest z, sm2_z(point, id));
  return sm3({z, message});
}

}  // namespace

Result<Digest> sm2_z(const Sm2Point& point, std::string_view id) {
  if (id.size() > 8191) return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", id.size());
  const uint8_t bits[2] = {uint8_t(id.size() * 8 >> 8), uint8_t(id.size() * 8)};
  return sm3({bits, view(id), kCurveInZ, ByteView(point).subspan(1)});
}

Result<Sm2PublicKey> Sm2PublicKey::from_point(ByteView point) {
  if (point.size() != 65 || point[0] != 4)
    return fail(Code::invalid_argument, "crypto.public_key", "not 65 bytes that begin with 04");
  auto impl = std::make_shared<Impl>();
  impl->point.reset(EC_POINT_new(curve()));
  if (EC_POINT_oct2point(curve(), impl->point.get(), point.data(), point.size(),
                         Scratch::of_thread().context.get()) != 1)
    return failed(Code::invalid_argument, "crypto.public_key");
  Sm2PublicKey key;
  std::copy(point.begin(), point.end(), key.point_.begin());
  ASSIGN(impl->z_default, sm2_z(key.point_, kDefaultId));
  impl->key = make_key(key.point_, {});
  if (!impl->key) return failed(Code::invalid_argument, "crypto.public_key");
  key.impl_ = std::move(impl);
  return key;
}

bool Sm2PublicKey::verify(ByteView message, ByteView signature, std::string_view id) const {
  if (signature.size() != 64) return false;
  auto digest = message_digest(point_, impl_->z_default, message, id);
  if (!digest) return false;
  Scratch& a = Scratch::of_thread();
  const BIGNUM* n = order();
  BN_bin2bn(signature.data(), 32, a.r.get());
  BN_bin2bn(signature.data() + 32, 32, a.s.get());
  BN_bin2bn(digest->data(), 32, a.e.get());
  if (BN_is_zero(a.r.get()) || BN_is_zero(a.s.get()) || BN_cmp(a.r.get(), n) >= 0 ||
      BN_cmp(a.s.get(), n) >= 0)
    return false;
  BN_CTX* context = a.context.get();
  if (!BN_mod_add(a.t.get(), a.r.get(), a.s.get(), n, context) || BN_is_zero(a.t.get())) return false;
  bool holds = EC_POINT_mul(curve(), a.point.get(), a.s.get(), impl_->point.get(), a.t.get(), context) == 1 &&
               EC_POINT_get_affine_coordinates(curve(), a.point.get(), a.x.get(), nullptr, context) == 1 &&
               BN_mod_add(a.t.get(), a.e.get(), a.x.get(), n, context) == 1 &&
               BN_cmp(a.t.get(), a.r.get()) == 0;
  if (!holds) ERR_clear_error();
  return holds;
}

Result<Bytes> Sm2PublicKey::encrypt(ByteView plain) const {
  if (plain.empty() || plain.size() > kMaxSm2Plain)
    return fail(Code::invalid_argument, "crypto.plain_length", "{} bytes", plain.size());
  KeyContext context(EVP_PKEY_CTX_new(impl_->pkey(), nullptr));
  size_t size = 0;
  Bytes cipher;
  if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
      EVP_PKEY_encrypt(context.get(), nullptr, &size, plain.data(), plain.size()) != 1 ||
      (cipher.resize(size),
       EVP_PKEY_encrypt(context.get(), cipher.data(), &size, plain.data(), plain.size()) != 1))
    return failed(Code::internal, "crypto.encrypt");
  cipher.resize(size);
  return cipher;
}

Result<Sm2PrivateKey> Sm2PrivateKey::generate() {
  for (;;)  // a draw is refused with a chance of 2^-32
    if (auto key = from_scalar(random_secret(32)); key) return key;
}

Result<Sm2PrivateKey> Sm2PrivateKey::from_scalar(ByteView scalar) {
  if (scalar.size() != 32) return fail(Code::invalid_argument, "crypto.private_key", "not 32 bytes");
  Bignum d(BN_secure_new()), limit(BN_dup(order()));
  BN_bin2bn(scalar.data(), 32, d.get());
  BN_set_flags(d.get(), BN_FLG_CONSTTIME);
  BN_sub_word(limit.get(), 1);
  if (BN_is_zero(d.get()) || BN_cmp(d.get(), limit.get()) >= 0)
    return fail(Code::invalid_argument, "crypto.private_key", "not in 1 … n-2");
  Point point(EC_POINT_new(curve()));
  Sm2Point encoded;
  BN_CTX* context = Scratch::of_thread().context.get();
  if (EC_POINT_mul(curve(), point.get(), d.get(), nullptr, nullptr, context) != 1 ||
      EC_POINT_point2oct(curve(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(),
                         context) != encoded.size())
    return failed(Code::internal, "crypto.private_key");
  Sm2PrivateKey key;
  ASSIGN(key.public_key_, Sm2PublicKey::from_point(encoded));
  auto impl = std::make_shared<Impl>();
  impl->scalar = to_secret(scalar);
  impl->key = make_key(encoded, scalar);
  if (!impl->key) return failed(Code::internal, "crypto.private_key");
  key.impl_ = std::move(impl);
  return key;
}

Result<Sm2Signature> Sm2PrivateKey::sign(ByteView message, std::string_view id) const {
  ASSIGN(Digest digest, message_digest(public_key_.point(), public_key_.impl().z_default, message, id));
  KeyContext context(EVP_PKEY_CTX_new(impl_->pkey(), nullptr));
  uint8_t der[80];
  size_t size = sizeof der;
  if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_sign(context.get(), der, &size, digest.data(), digest.size()) != 1)
    return failed(Code::internal, "crypto.sign");
  const uint8_t* at = der;
  Ptr<ECDSA_SIG, ECDSA_SIG_free> pair(d2i_ECDSA_SIG(nullptr, &at, long(size)));
  Sm2Signature signature;
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), signature.data(), 32) != 32 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), signature.data() + 32, 32) != 32)
    return failed(Code::internal, "crypto.sign");
  return signature;
}

Result<Bytes> Sm2PrivateKey::decrypt(ByteView cipher) const {
  auto refused = [] {
    ERR_clear_error();
    return fail(Code::invalid_argument, "crypto.decrypt");
  };
  if (cipher.size() > kMaxSm2Plain + 256) return refused();
  KeyContext context(EVP_PKEY_CTX_new(impl_->pkey(), nullptr));
  size_t size = 0;
  if (!context || EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_decrypt(context.get(), nullptr, &size, cipher.data(), cipher.size()) != 1)
    return refused();
  Bytes plain(size);
  if (EVP_PKEY_decrypt(context.get(), plain.data(), &size, cipher.data(), cipher.size()) != 1)
    return refused();
  plain.resize(size);
  return plain;
}

}  // namespace chengxin::crypto
