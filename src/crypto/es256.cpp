#include "crypto/es256.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "crypto/impl/der.h"
#include "crypto/impl/tongsuo.h"

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

Key public_key_of(const P256Point& point) {
  Ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  Ptr<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return Key(key);
}

bool is_p256(const EVP_PKEY* key) {
  char group[32] = "";
  size_t size = 0;
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &size) == 1 &&
         std::string_view(group) == "prime256v1";
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
  if (signature.size() != 64) return false;
  Key key = public_key_of(point);
  DigestContext context(EVP_MD_CTX_new());
  const Bytes der = der::signature(signature);
  const bool good =
      key && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), der.data(), der.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

struct Es256PrivateKey::Impl {
  Key key;
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

Result<Es256PrivateKey> Es256PrivateKey::from_pem(std::string_view pem) {
  Bio bio = reader(view(pem));
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  auto impl = std::make_shared<Impl>();
  impl->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!impl->key || !is_p256(impl->key.get())) return failed(Code::invalid_argument, "crypto.key_format");
  return wrap(std::move(impl));
}

Result<std::string> Es256PrivateKey::to_pem() const {
  Bio bio = writer();
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failed(Code::internal, "crypto.key_format");
  return to_string(written(bio));
}

Result<Es256Signature> Es256PrivateKey::sign(ByteView message) const {
  DigestContext context(EVP_MD_CTX_new());
  Bytes der(80);
  size_t size = der.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, impl_->key.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &size, message.data(), message.size()) != 1)
    return failed(Code::internal, "crypto.sign");
  const auto fixed = der::fixed_signature(ByteView(der).first(size));
  if (!fixed) return fail(Code::internal, "crypto.sign", "not the DER of two numbers");
  return *fixed;
}

}  // namespace chengxin::crypto
