#include "crypto/rsa.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <bit>

#include "crypto/impl/tongsuo.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

constexpr size_t kLeastBits = 2048, kMostBits = 4096;

Key key_of(const RsaPublicKey& key) {
  const Bignum n(BN_bin2bn(key.modulus.data(), int(key.modulus.size()), nullptr));
  const Bignum e(BN_bin2bn(key.exponent.data(), int(key.exponent.size()), nullptr));
  Ptr<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  Ptr<OSSL_PARAM, OSSL_PARAM_free> params(OSSL_PARAM_BLD_to_param(builder.get()));
  KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* out = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &out, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return Key(out);
}

bool set_padding(EVP_PKEY_CTX* context, RsaPadding padding) {
  if (padding == RsaPadding::pkcs1) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

Result<RsaPublicKey> rsa_public_key(ByteView modulus, ByteView exponent) {
  const auto wrong = [](std::string_view why) {
    return fail(Code::invalid_argument, "crypto.public_key", "{}", why);
  };
  if (modulus.empty() || modulus.front() == 0 || exponent.empty() || exponent.front() == 0)
    return wrong("a leading zero, or nothing");
  const size_t bits = modulus.size() * 8 - size_t(std::countl_zero(modulus.front()));
  if (bits < kLeastBits || bits > kMostBits || modulus.back() % 2 == 0)
    return wrong("RSA keys have 2048 to 4096 bits");
  const bool small = exponent.size() == 1 && exponent.front() < 3;
  if (small || exponent.size() > 4 || exponent.back() % 2 == 0)
    return wrong("the exponent must be odd, above 2 and below 2^32");
  return RsaPublicKey{to_bytes(modulus), to_bytes(exponent)};
}

bool rsa_verify(const RsaPublicKey& key, RsaPadding padding, ByteView message, ByteView signature) {
  if (signature.size() != key.modulus.size()) return false;
  const Key own = key_of(key);
  DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // the context's
  const bool good =
      own && EVP_DigestVerifyInit(context.get(), &settings, EVP_sha256(), nullptr, own.get()) == 1 &&
      set_padding(settings, padding) &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) ==
          1;
  ERR_clear_error();
  return good;
}

}  // namespace chengxin::crypto
