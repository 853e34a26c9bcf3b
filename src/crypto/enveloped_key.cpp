#include "crypto/enveloped_key.h"

#include "crypto/impl/der.h"
#include "crypto/impl/oids.h"
#include "crypto/impl/sm2_impl.h"
#include "crypto/random.h"

namespace chengxin::crypto {
namespace {
using namespace der;

constexpr size_t kScalar = 32;

// Two blocks of random bytes under a key that is used once: the only use of this mode.
Result<Secret> sm4_ecb(ByteView key, ByteView bytes, bool encrypt) {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "SM4-ECB", nullptr);
  tongsuo::CipherContext context(EVP_CIPHER_CTX_new());
  Secret out(bytes.size() + 16);
  int size = 0, last = 0;
  if (EVP_CipherInit_ex2(context.get(), cipher, key.data(), nullptr, encrypt, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &size, bytes.data(), int(bytes.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), out.data() + size, &last) != 1)
    return tongsuo::failed(Code::internal, "crypto.encrypt");
  out.resize(size_t(size + last));
  return out;
}

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::invalid_argument, "crypto.enveloped_key", "{}", what);
}

}  // namespace

Result<Bytes> envelop_key(const Sm2PrivateKey& key, const Sm2PublicKey& holder) {
  const Secret once = random_secret(16);
  ASSIGN(const Bytes hidden_once, holder.encrypt(once));
  ASSIGN(const Secret hidden, sm4_ecb(once, key.impl().scalar, true));
  return sequence({algorithm(oids::kSm4Ecb), hidden_once, bits(key.public_key().point()), bits(hidden)});
}

Result<Sm2PrivateKey> open_enveloped_key(ByteView der, const Sm2PrivateKey& holder) {
  Reader outer(der);
  Reader reader = outer.enter(kSequence);
  const bool ecb = equal(reader.algorithm(), oids::kSm4Ecb);
  const ByteView hidden_once = reader.take(kSequence).whole, point = reader.whole_bits(),
                 hidden = reader.whole_bits();
  outer.finish(reader);
  if (!outer.done() || !ecb || hidden.size() != kScalar) return malformed("form");
  ASSIGN(Bytes opened, holder.decrypt(hidden_once));
  const Secret once = to_secret(opened);
  secure_zero(opened.data(), opened.size());
  if (once.size() != 16) return fail(Code::invalid_argument, "crypto.decrypt");
  ASSIGN(const Secret scalar, sm4_ecb(once, hidden, false));
  auto key = Sm2PrivateKey::from_scalar(scalar);
  if (!key || !equal(key->public_key().point(), point)) return malformed("the keys do not belong together");
  return key;
}

}  // namespace chengxin::crypto
