#include "crypto/es256.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "crypto/impl/der.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/sha256.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

const EC_GROUP* p256() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  CHECK(group != nullptr);
  return group;
}

Result<std::array<uint8_t, 65>> point_on(const EC_GROUP* group, ByteView encoded) {
  const bool long_form = encoded.size() == 65 && encoded[0] == 4;
  const bool short_form = encoded.size() == 33 && (encoded[0] == 2 || encoded[0] == 3);
  if (!long_form && !short_form)
    return fail(Code::invalid_argument, "crypto.public_key",
                "neither 65 bytes after 04 nor 33 after 02 or 03");
  BignumContext context(BN_CTX_new());
  Point point(EC_POINT_new(group));
  std::array<uint8_t, 65> out{};
  if (EC_POINT_oct2point(group, point.get(), encoded.data(), encoded.size(), context.get()) != 1 ||
      EC_POINT_point2oct(group, point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         context.get()) != out.size())
    return failed(Code::invalid_argument, "crypto.public_key");
  return out;
}

// With a private half where `number` is one.
Key key_of(const P256Point& point, const BIGNUM* number = nullptr) {
  Ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  if (number) OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number);
  const int selection = number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  Ptr<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, params.get()) != 1)
    return nullptr;
  return Key(key);
}

bool is_p256(const EVP_PKEY* key) {
  char group[32] = "";
  size_t size = 0;
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
}

bool holds(const P256Point& point, const Digest& e, ByteView signature) {
  if (signature.size() != 64) return false;
  const Key key = key_of(point);
  const KeyContext context(key ? EVP_PKEY_CTX_new(key.get(), nullptr) : nullptr);
  const Bytes der = der::signature(signature);
  const bool good = context && EVP_PKEY_verify_init(context.get()) == 1 &&
                    EVP_PKEY_verify(context.get(), der.data(), der.size(), e.data(), e.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

Result<P256Point> p256_point(ByteView encoded) { return point_on(p256(), encoded); }
Result<Sm2Point> sm2_point(ByteView encoded) { return point_on(curve(), encoded); }

Bytes compressed(const std::array<uint8_t, 65>& point) {
  Bytes out(point.begin(), point.begin() + 33);
  out[0] = uint8_t(2 | (point.back() & 1));
  return out;
}

bool es256_verify(const P256Point& point, ByteView message, ByteView signature) {
  return holds(point, Sha256().update(message).finish(), signature);
}

struct Es256PrivateKey::Impl {
  Key key;             // null where it is elsewhere
  Es256Signer signer;  // and then this
};

Result<Es256PrivateKey> Es256PrivateKey::wrap(std::shared_ptr<const Impl> impl) {
  Es256PrivateKey out;
  size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(impl->key.get(), OSSL_PKEY_PARAM_PUB_KEY, out.public_key_.data(),
                                      out.public_key_.size(), &size) != 1 ||
      size != out.public_key_.size())
    return failed(Code::internal, "crypto.key_format");
  out.impl_ = std::move(impl);
  return out;
}

Result<Es256PrivateKey> Es256PrivateKey::generate() {
  auto impl = std::make_shared<Impl>();
  impl->key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "prime256v1"));
  if (!impl->key) return failed(Code::internal, "crypto.private_key");
  return wrap(std::move(impl));
}

Result<Es256PrivateKey> Es256PrivateKey::from_scalar(ByteView scalar) {
  const auto wrong = [] { return fail(Code::invalid_argument, "crypto.private_key", "not 1 to n-1"); };
  if (scalar.size() != 32) return wrong();
  const Bignum number(BN_secure_new());
  BN_bin2bn(scalar.data(), int(scalar.size()), number.get());
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(p256())) >= 0) return wrong();
  const BignumContext context(BN_CTX_secure_new());
  const Point point(EC_POINT_new(p256()));
  P256Point encoded{};
  if (EC_POINT_mul(p256(), point.get(), number.get(), nullptr, nullptr, context.get()) != 1 ||
      EC_POINT_point2oct(p256(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(),
                         context.get()) != encoded.size())
    return failed(Code::internal, "crypto.private_key");
  auto impl = std::make_shared<Impl>();
  impl->key = key_of(encoded, number.get());
  if (!impl->key) return failed(Code::internal, "crypto.private_key");
  return wrap(std::move(impl));
}

Es256PrivateKey Es256PrivateKey::delegated(const P256Point& public_key, Es256Signer signer) {
  auto impl = std::make_shared<Impl>();
  impl->signer = std::move(signer);
  Es256PrivateKey out;
  out.public_key_ = public_key;
  out.impl_ = std::move(impl);
  return out;
}

Result<Es256PrivateKey> Es256PrivateKey::from_pem(std::string_view pem) {
  Bio bio = reader(view(pem));
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  auto impl = std::make_shared<Impl>();
  impl->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!impl->key || !is_p256(impl->key.get())) return failed(Code::invalid_argument, "crypto.key_format");
  return wrap(std::move(impl));
}

Result<std::string> Es256PrivateKey::to_pem() const {
  if (!impl_->key) return fail(Code::unsupported, "crypto.key_held", "the number of this key is elsewhere");
  Bio bio = writer();
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed(Code::internal, "crypto.key_format");
  return to_string(written(bio));
}

Result<Secret> Es256PrivateKey::scalar() const {
  if (!impl_->key) return fail(Code::unsupported, "crypto.key_held", "the number of this key is elsewhere");
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(impl_->key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1)
    return failed(Code::internal, "crypto.private_key");
  const Bignum owned(number);
  Secret out(32);
  if (BN_bn2binpad(number, out.data(), int(out.size())) != int(out.size()))
    return failed(Code::internal, "crypto.private_key");
  return out;
}

Result<Es256Signature> Es256PrivateKey::sign(ByteView message) const {
  return sign_digest(Sha256().update(message).finish());
}

Result<Es256Signature> Es256PrivateKey::sign_digest(const Digest& e) const {
  if (impl_->signer) {
    ASSIGN(const Es256Signature made, impl_->signer(e));
    if (!holds(public_key_, e, made))
      return fail(Code::internal, "crypto.sign", "what came back does not hold");
    return made;
  }
  const KeyContext context(EVP_PKEY_CTX_new(impl_->key.get(), nullptr));
  Bytes der(80);
  size_t size = der.size();
  if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_sign(context.get(), der.data(), &size, e.data(), e.size()) != 1)
    return failed(Code::internal, "crypto.sign");
  const auto fixed = der::fixed_signature(ByteView(der).first(size));
  if (!fixed) return fail(Code::internal, "crypto.sign", "not the DER of two numbers");
  return *fixed;
}

}  // namespace chengxin::crypto
