#include "crypto/sm4.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "crypto/impl/sm4_lanes.h"
#include "crypto/impl/tongsuo.h"
#include "crypto/random.h"

namespace chengxin::crypto {
namespace {
using namespace tongsuo;

constexpr size_t kBlock = 16, kTag = 16;
constexpr size_t kMaxMessage = 1u << 30;  // Tongsuo counts in int; larger data: sealed_blob.h

enum Direction { kDecrypt = 0, kEncrypt = 1 };

// Fetched once: a lookup for each message costs more than a short message does.
const EVP_CIPHER* fetched(const char* name) { return EVP_CIPHER_fetch(nullptr, name, nullptr); }

Status check_key(ByteView key, size_t size) {
  if (key.size() != size) return fail(Code::invalid_argument, "crypto.key_length", "{} bytes", key.size());
  return {};
}
Status check_nonce(ByteView nonce, size_t least, size_t most) {
  if (nonce.size() < least || nonce.size() > most)
    return fail(Code::invalid_argument, "crypto.nonce_length", "{} bytes", nonce.size());
  return {};
}
Status check_message(ByteView bytes, size_t least = 0) {
  if (bytes.size() < least || bytes.size() > kMaxMessage)
    return fail(Code::invalid_argument, "crypto.cipher_length", "{} bytes", bytes.size());
  return {};
}
tl::unexpected<Error> not_decrypted() {
  ERR_clear_error();
  return fail(Code::invalid_argument, "crypto.decrypt");
}

// The modes without a tag.
Result<Bytes> run(const EVP_CIPHER* cipher, Direction direction, ByteView key, ByteView iv, ByteView bytes,
                  const OSSL_PARAM* params = nullptr) {
  CipherContext context(EVP_CIPHER_CTX_new());
  Bytes out(bytes.size() + kBlock);
  int size = 0, last = 0;
  if (EVP_CipherInit_ex2(context.get(), cipher, key.data(), iv.data(), direction, params) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &size, bytes.data(), int(bytes.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out.data() + size, &last) != 1) {
    if (direction == kDecrypt) return not_decrypted();
    return failed(Code::internal, "crypto.encrypt");
  }
  out.resize(size_t(size + last));
  return out;
}

Result<Bytes> seal(const EVP_CIPHER* cipher, bool ccm, ByteView key, ByteView nonce, ByteView associated,
                   ByteView plain) {
  TRY(check_key(key, 16));
  TRY(check_message(plain));
  TRY(check_message(associated));
  CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX* c = context.get();
  Bytes out(plain.size() + kTag);
  int size = 0;
  bool good = EVP_EncryptInit_ex2(c, cipher, nullptr, nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, int(nonce.size()), nullptr) == 1 &&
              (!ccm || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTag, nullptr) == 1) &&
              EVP_EncryptInit_ex2(c, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
              (!ccm || EVP_EncryptUpdate(c, nullptr, &size, nullptr, int(plain.size())) == 1) &&
              (associated.empty() ||
               EVP_EncryptUpdate(c, nullptr, &size, associated.data(), int(associated.size())) == 1) &&
              EVP_EncryptUpdate(c, out.data(), &size, plain.data() ? plain.data() : out.data(),
                                int(plain.size())) == 1 &&
              EVP_EncryptFinal_ex(c, out.data() + plain.size(), &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kTag, out.data() + plain.size()) == 1;
  if (!good) return failed(Code::internal, "crypto.encrypt");
  return out;
}

Result<Bytes> open(const EVP_CIPHER* cipher, bool ccm, ByteView key, ByteView nonce, ByteView associated,
                   ByteView sealed) {
  TRY(check_key(key, 16));
  TRY(check_message(sealed, kTag));
  TRY(check_message(associated));
  size_t plain_size = sealed.size() - kTag;
  CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX* c = context.get();
  Bytes out(plain_size), tag = to_bytes(sealed.last(kTag));
  Bytes spare(kBlock);
  int size = 0;
  bool good = EVP_DecryptInit_ex2(c, cipher, nullptr, nullptr, nullptr) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, int(nonce.size()), nullptr) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) == 1 &&
              EVP_DecryptInit_ex2(c, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
              (!ccm || EVP_DecryptUpdate(c, nullptr, &size, nullptr, int(plain_size)) == 1) &&
              (associated.empty() ||
               EVP_DecryptUpdate(c, nullptr, &size, associated.data(), int(associated.size())) == 1) &&
              EVP_DecryptUpdate(c, plain_size ? out.data() : spare.data(), &size, sealed.data(),
                                int(plain_size)) == 1 &&
              (ccm || EVP_DecryptFinal_ex(c, spare.data(), &size) == 1);  // CCM checks its tag in the update
  if (!good) return not_decrypted();
  return out;
}

Result<Bytes> xts(Direction direction, ByteView key, ByteView tweak, ByteView bytes) {
  static const EVP_CIPHER* const cipher = fetched("SM4-XTS");
  TRY(check_key(key, 32));
  if (equal(key.first(16), key.subspan(16)))
    return fail(Code::invalid_argument, "crypto.key_length", "the halves of an XTS key are the same");
  TRY(check_nonce(tweak, 16, 16));
  TRY(check_message(bytes, kBlock));
  char standard[] = "GB";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_CIPHER_PARAM_XTS_STANDARD, standard, 0),
                               OSSL_PARAM_construct_end()};
  return run(cipher, direction, key, tweak, bytes, params);
}

const EVP_CIPHER* gcm() {
  static const EVP_CIPHER* const cipher = (install_sm4_lanes(), fetched("SM4-GCM"));
  return cipher;
}
const EVP_CIPHER* ccm() {
  static const EVP_CIPHER* const cipher = fetched("SM4-CCM");
  return cipher;
}
const EVP_CIPHER* cbc() {
  static const EVP_CIPHER* const cipher = fetched("SM4-CBC");
  return cipher;
}

Status check_ccm(ByteView nonce, size_t plain_size) {
  TRY(check_nonce(nonce, 7, 13));
  if (nonce.size() > 11 && plain_size >> 8 * (15 - nonce.size()) != 0)
    return fail(Code::invalid_argument, "crypto.cipher_length", "too long for a nonce of {} bytes",
                nonce.size());
  return {};
}

}  // namespace

Result<Bytes> sm4_ctr(ByteView key, ByteView counter, ByteView bytes) {
  static const EVP_CIPHER* const cipher = fetched("SM4-CTR");
  TRY(check_key(key, 16));
  TRY(check_nonce(counter, 16, 16));
  TRY(check_message(bytes));
  return run(cipher, kEncrypt, key, counter, bytes);
}

Result<Bytes> sm4_cbc_encrypt(ByteView key, ByteView iv, ByteView plain) {
  TRY(check_key(key, 16));
  TRY(check_nonce(iv, 16, 16));
  TRY(check_message(plain));
  return run(cbc(), kEncrypt, key, iv, plain);
}

Result<Bytes> sm4_cbc_decrypt(ByteView key, ByteView iv, ByteView cipher) {
  TRY(check_key(key, 16));
  TRY(check_nonce(iv, 16, 16));
  TRY(check_message(cipher, kBlock));
  if (cipher.size() % kBlock != 0)
    return fail(Code::invalid_argument, "crypto.cipher_length", "{}", cipher.size());
  return run(cbc(), kDecrypt, key, iv, cipher);
}

Result<Bytes> sm4_gcm_encrypt(ByteView key, ByteView nonce, ByteView associated, ByteView plain) {
  TRY(check_nonce(nonce, 12, 12));
  return seal(gcm(), false, key, nonce, associated, plain);
}

Result<Bytes> sm4_gcm_decrypt(ByteView key, ByteView nonce, ByteView associated, ByteView cipher) {
  TRY(check_nonce(nonce, 12, 12));
  return open(gcm(), false, key, nonce, associated, cipher);
}

Result<Bytes> sm4_gcm_seal(ByteView key, ByteView context, ByteView plain) {
  Bytes out = random_bytes(12);
  ASSIGN(const Bytes cipher, sm4_gcm_encrypt(key, out, context, plain));
  append(out, cipher);
  return out;
}

Result<Bytes> sm4_gcm_unseal(ByteView key, ByteView context, ByteView sealed) {
  if (sealed.size() < kSm4SealBytes) return fail(Code::invalid_argument, "crypto.decrypt");
  return sm4_gcm_decrypt(key, sealed.first(12), context, sealed.subspan(12));
}

Result<Bytes> sm4_ccm_encrypt(ByteView key, ByteView nonce, ByteView associated, ByteView plain) {
  TRY(check_ccm(nonce, plain.size()));
  return seal(ccm(), true, key, nonce, associated, plain);
}

Result<Bytes> sm4_ccm_decrypt(ByteView key, ByteView nonce, ByteView associated, ByteView cipher) {
  TRY(check_ccm(nonce, cipher.size() < kTag ? 0 : cipher.size() - kTag));
  return open(ccm(), true, key, nonce, associated, cipher);
}

Result<Bytes> sm4_xts_encrypt(ByteView key, ByteView tweak, ByteView plain) {
  return xts(kEncrypt, key, tweak, plain);
}

Result<Bytes> sm4_xts_decrypt(ByteView key, ByteView tweak, ByteView cipher) {
  return xts(kDecrypt, key, tweak, cipher);
}

}  // namespace chengxin::crypto
