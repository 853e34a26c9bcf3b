#include "crypto/sm2.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/check.h"
#include "crypto/impl/der.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/random.h"
#include "crypto/sm3.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

BN_CTX* context_of_thread() {
  thread_local BignumContext context{BN_CTX_new()};
  return context.get();
}

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

std::vector<sm2::Entropy> fresh_entropy(size_t count) {
  std::vector<sm2::Entropy> entropy(count);
  random_fill({reinterpret_cast<uint8_t*>(entropy.data()), count * sizeof(sm2::Entropy)});
  return entropy;
}

auto faulty() { return fail(Code::internal, "crypto.sign", "the check of the signature failed"); }

Result<std::vector<Sm2Signature>> asked(const Sm2Delegate& delegate, const Sm2PublicKey& key,
                                        std::span<const Digest> digests) {
  ASSIGN(auto made, delegate.sign(digests));
  if (made.size() != digests.size()) return faulty();
  std::vector<sm2::DigestCheck> checks;
  for (size_t i = 0; i < made.size(); ++i) checks.push_back({&key.point(), &made[i], digests[i]});
  std::vector<uint8_t> verdicts(made.size());
  strangers_verifier().verify(checks, verdicts);
  for (uint8_t verdict : verdicts)
    if (!verdict) return faulty();
  return made;
}

}  // namespace

Sm2PrivateKey Sm2PrivateKey::Impl::make(const Sm2PublicKey& public_key, std::shared_ptr<const Impl> impl) {
  Sm2PrivateKey key;
  key.public_key_ = public_key;
  key.impl_ = std::move(impl);
  return key;
}

Sm2PrivateKey delegated_key(const Sm2PublicKey& public_key, Sm2Delegate delegate) {
  auto impl = std::make_shared<Sm2PrivateKey::Impl>();
  impl->delegate = std::move(delegate);
  return Sm2PrivateKey::Impl::make(public_key, std::move(impl));
}

Result<Secret> scalar_of(const Sm2PrivateKey& key) {
  if (is_delegated(key)) return fail(Code::unsupported, "crypto.key_held");
  return key.impl().scalar;
}

bool is_delegated(const Sm2PrivateKey& key) { return key.impl().delegate.has_value(); }

const std::shared_ptr<const sm2::Verifier>& sm2_verifier() {
  static const auto verifier = std::make_shared<const sm2::Verifier>();
  return verifier;
}

const sm2::Verifier& strangers_verifier() {
  static const sm2::Verifier verifier({.table_bytes = 8 << 20});
  return verifier;
}

Result<Digest> sm2_z(const Sm2Point& point, std::string_view id) {
  if (auto z = sm2::z_of(point, id)) return *z;
  return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", id.size());
}

std::optional<Sm2Signature> sm2_signature_from_der(ByteView der) { return der::fixed_signature(der); }

Result<Sm2PublicKey> Sm2PublicKey::from_point(ByteView point) {
  if (point.size() != 65 || point[0] != 4)
    return fail(Code::invalid_argument, "crypto.public_key", "not 65 bytes that begin with 04");
  auto impl = std::make_shared<Impl>();
  impl->point.reset(EC_POINT_new(curve()));
  if (EC_POINT_oct2point(curve(), impl->point.get(), point.data(), point.size(), context_of_thread()) != 1)
    return failed(Code::invalid_argument, "crypto.public_key");
  Sm2PublicKey key;
  std::copy(point.begin(), point.end(), key.point_.begin());
  impl->key = make_key(key.point_, {});
  if (!impl->key) return failed(Code::invalid_argument, "crypto.public_key");
  key.impl_ = std::move(impl);
  return key;
}

bool Sm2PublicKey::verify(ByteView message, ByteView signature, std::string_view id) const {
  Sm2Signature pair;
  if (signature.size() != pair.size()) return false;
  std::copy(signature.begin(), signature.end(), pair.begin());
  return strangers_verifier().verify(sm2::Check{&point_, &pair, message, id});
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
  const BignumContext context(BN_CTX_secure_new());  // its numbers are cleared when it is freed
  if (EC_POINT_mul(curve(), point.get(), d.get(), nullptr, nullptr, context.get()) != 1 ||
      EC_POINT_point2oct(curve(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(),
                         context.get()) != encoded.size())
    return failed(Code::internal, "crypto.private_key");
  Sm2PrivateKey key;
  ASSIGN(key.public_key_, Sm2PublicKey::from_point(encoded));
  auto impl = std::make_shared<Impl>();
  impl->scalar = to_secret(scalar);
  impl->signer = sm2::Signer::from_scalar(scalar);
  impl->key = make_key(encoded, scalar);
  if (!impl->key || !impl->signer) return failed(Code::internal, "crypto.private_key");
  if (impl->signer->public_key() != encoded)  // two ways to the same point
    return fail(Code::internal, "crypto.private_key", "a fault: the public key came out in two ways");
  key.impl_ = std::move(impl);
  return key;
}

Result<Sm2Signature> Sm2PrivateKey::sign(ByteView message, std::string_view id) const {
  ASSIGN(auto made, sign_many({&message, 1}, id));
  return made[0];
}

Result<std::vector<Sm2Signature>> Sm2PrivateKey::sign_many(std::span<const ByteView> messages,
                                                           std::string_view id) const {
  if (id.size() > sm2::kMaxIdBytes)
    return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", id.size());
  if (impl_->delegate) {
    ASSIGN(const Digest z, sm2_z(public_key_.point(), id));
    std::vector<Digest> digests;
    for (ByteView message : messages) digests.push_back(sm3({z, message}));
    return sign_many(digests);
  }
  std::vector<Sm2Signature> made(messages.size());
  if (!impl_->signer->sign_many(messages, fresh_entropy(made.size()), made, id)) return faulty();
  return made;
}

Result<std::vector<Sm2Signature>> Sm2PrivateKey::sign_many(std::span<const Digest> digests) const {
  if (impl_->delegate) return asked(*impl_->delegate, public_key_, digests);
  std::vector<Sm2Signature> made(digests.size());
  if (!impl_->signer->sign_many(digests, fresh_entropy(made.size()), made)) return faulty();
  return made;
}

Result<Bytes> Sm2PrivateKey::decrypt(ByteView cipher) const {
  if (impl_->delegate) {
    if (!impl_->delegate->decrypt) return fail(Code::unsupported, "crypto.key_held", "it does not decrypt");
    ASSIGN(Secret plain, impl_->delegate->decrypt(cipher));
    return Bytes(plain.begin(), plain.end());
  }
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
