#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "crypto/impl/sm2_impl.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

constexpr int kPassphraseIterations = 100000;

using EncryptedKey = Ptr<X509_SIG, X509_SIG_free>;
using PlainKey = Ptr<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

// Refuses every passphrase request, so that Tongsuo never asks on a terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

bool on_sm2_curve(const EVP_PKEY* key) {
  char name[32] = "";
  size_t size = 0;
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) == 1 &&
         std::string_view(name, size) == "SM2";
}

// PKCS #5 PBES2: PBKDF2 with HMAC-SM3, then SM4-CBC.
EncryptedKey encrypt_key(PKCS8_PRIV_KEY_INFO* info, std::string_view passphrase) {
  X509_ALGOR* scheme =
      PKCS5_pbe2_set_iv(EVP_sm4_cbc(), kPassphraseIterations, nullptr, 16, nullptr, NID_hmacWithSM3);
  if (scheme == nullptr) return nullptr;
  EncryptedKey encrypted(PKCS8_set0_pbe(passphrase.data(), int(passphrase.size()), info, scheme));
  if (!encrypted) X509_ALGOR_free(scheme);
  return encrypted;
}

Result<PlainKey> plain_key(std::string_view pem, std::string_view passphrase) {
  Bio bio = reader(view(pem));
  if (pem.find("BEGIN ENCRYPTED PRIVATE KEY") == pem.npos) {
    PlainKey plain(PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio.get(), nullptr, no_passphrase, nullptr));
    if (!plain) return failed(Code::invalid_argument, "crypto.key_format");
    return plain;
  }
  EncryptedKey encrypted(PEM_read_bio_PKCS8(bio.get(), nullptr, no_passphrase, nullptr));
  if (!encrypted) return failed(Code::invalid_argument, "crypto.key_format");
  PlainKey plain(PKCS8_decrypt(encrypted.get(), passphrase.data(), int(passphrase.size())));
  if (!plain) return failed(Code::invalid_argument, "crypto.passphrase");
  return plain;
}

}  // namespace

Result<Sm2PublicKey> sm2_public_key(const EVP_PKEY* key) {
  Sm2Point point;
  size_t size = 0;
  if (key == nullptr || !on_sm2_curve(key) ||
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &size) != 1 ||
      size != point.size())
    return failed(Code::invalid_argument, "crypto.public_key");
  return Sm2PublicKey::from_point(point);
}

Result<Sm2PublicKey> Sm2PublicKey::from_pem(std::string_view pem) {
  Bio bio = reader(view(pem));
  Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return failed(Code::invalid_argument, "crypto.key_format");
  return sm2_public_key(key.get());
}

std::string Sm2PublicKey::to_pem() const {
  Bio bio = writer();
  PEM_write_bio_PUBKEY(bio.get(), impl_->pkey());
  return to_string(written(bio));
}

Result<Sm2PrivateKey> Sm2PrivateKey::from_pem(std::string_view pem, std::string_view passphrase) {
  ASSIGN(PlainKey plain, plain_key(pem, passphrase));
  Key key(EVP_PKCS82PKEY(plain.get()));
  BIGNUM* scalar = nullptr;
  if (!key || !on_sm2_curve(key.get()) ||
      EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1)
    return failed(Code::invalid_argument, "crypto.key_format");
  Bignum owned(scalar);
  Secret bytes(32);
  if (BN_bn2binpad(scalar, bytes.data(), 32) != 32)
    return failed(Code::invalid_argument, "crypto.private_key");
  return from_scalar(bytes);
}

Result<std::string> Sm2PrivateKey::to_pem(std::string_view passphrase) const {
  if (impl_->delegate)
    return fail(Code::unsupported, "crypto.key_held", "the number of this key is elsewhere");
  PlainKey plain(EVP_PKEY2PKCS8(impl_->pkey()));
  Bio bio = writer();
  if (!plain || !bio) return failed(Code::internal, "crypto.key_format");
  if (passphrase.empty()) {
    if (PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio.get(), plain.get()) != 1)
      return failed(Code::internal, "crypto.key_format");
    return to_string(written(bio));
  }
  EncryptedKey encrypted = encrypt_key(plain.get(), passphrase);
  if (!encrypted || PEM_write_bio_PKCS8(bio.get(), encrypted.get()) != 1)
    return failed(Code::internal, "crypto.key_format");
  return to_string(written(bio));
}

}  // namespace chengxin::crypto
