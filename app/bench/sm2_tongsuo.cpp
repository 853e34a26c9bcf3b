#include "bench/sm2_tongsuo.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sm3.h>

#include "base/check.h"

extern "C" void ossl_sm3_block_data_order(SM3_CTX* context, const void* blocks, size_t count);

namespace chengxin::app::bench {
namespace {

EVP_PKEY* import(const sm2::Point& point, ByteView scalar) {
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  BIGNUM* number = BN_bin2bn(scalar.data(), int(scalar.size()), nullptr);
  OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
  OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, number);
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr);
  EVP_PKEY* key = nullptr;
  CHECK(params && context && EVP_PKEY_fromdata_init(context) == 1 &&
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) == 1);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  BN_clear_free(number);
  return key;
}

}  // namespace

struct TongsuoKey::Impl {
  EVP_PKEY* key = nullptr;
  EVP_PKEY_CTX *verifying = nullptr, *signing = nullptr;
  ~Impl() {
    EVP_PKEY_CTX_free(verifying);
    EVP_PKEY_CTX_free(signing);
    EVP_PKEY_free(key);
  }
};

TongsuoKey::TongsuoKey(const sm2::Point& point, ByteView scalar) : impl_(std::make_unique<Impl>()) {
  impl_->key = import(point, scalar);
  impl_->verifying = EVP_PKEY_CTX_new(impl_->key, nullptr);
  impl_->signing = EVP_PKEY_CTX_new(impl_->key, nullptr);
  CHECK(EVP_PKEY_verify_init(impl_->verifying) == 1 && EVP_PKEY_sign_init(impl_->signing) == 1);
}
TongsuoKey::TongsuoKey(TongsuoKey&&) noexcept = default;
TongsuoKey::~TongsuoKey() = default;

bool TongsuoKey::verify(const Digest& e, const sm2::Signature& signature) const {
  ECDSA_SIG* pair = ECDSA_SIG_new();
  ECDSA_SIG_set0(pair, BN_bin2bn(signature.data(), 32, nullptr),
                 BN_bin2bn(signature.data() + 32, 32, nullptr));
  uint8_t der[80], *at = der;
  const int size = i2d_ECDSA_SIG(pair, &at);
  ECDSA_SIG_free(pair);
  return EVP_PKEY_verify(impl_->verifying, der, size_t(size), e.data(), e.size()) == 1;
}

bool TongsuoKey::sign(const Digest& e) const {
  uint8_t der[80];
  size_t size = sizeof der;
  return EVP_PKEY_sign(impl_->signing, der, &size, e.data(), e.size()) == 1;
}

void tongsuo_sm3_blocks(const uint8_t* blocks, size_t count, uint32_t out[8]) {
  SM3_CTX context{};
  const uint32_t initial[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                               0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};  // GB/T 32905 section 4.1
  std::memcpy(&context.A, initial, sizeof initial);
  ossl_sm3_block_data_order(&context, blocks, count);
  std::memcpy(out, &context.A, 32);
}

std::string tongsuo_version() {
  const std::string text = OpenSSL_version(TONGSUO_VERSION);  // "Tongsuo 8.5.0 …"
  const size_t from = text.find(' ') + 1;
  return text.substr(from, text.find(' ', from) - from);
}

}  // namespace chengxin::app::bench
