#include "keys/provider.h"

#include "crypto/sha256.h"
#include "crypto/sm2_delegate.h"
#include "crypto/sm3.h"

namespace chengxin::keys {

std::string_view algorithm_name(Algorithm algorithm) { return algorithm == Algorithm::sm2 ? "sm2" : "es256"; }

tl::unexpected<Error> unsupported(std::string_view what) {
  return fail(Code::unsupported, "keys.unsupported", "{}", what);
}

tl::unexpected<Error> no_key(std::string_view id) {
  return fail(Code::not_found, "keys.not_found", "{}", id);
}

Status check_id(std::string_view id) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  bool good = !id.empty() && id.size() <= 64 && id[0] != '.';
  for (char c : id) good = good && allowed(c);
  return good ? Status() : fail(Code::invalid_argument, "keys.name", "\"{}\" cannot name a key", id);
}

Result<Key> Provider::generate(const std::string&, Algorithm) {
  return unsupported("this provider makes no keys");
}
Result<Key> Provider::import_public(const std::string&, const crypto::Sm2PublicKey&) {
  return unsupported("this provider takes no keys");
}
Status Provider::destroy(const std::string&) { return unsupported("this provider destroys no keys"); }
Result<crypto::Secret> Provider::decrypt(const std::string&, ByteView) {
  return unsupported("this provider does not decrypt");
}
Result<crypto::Secret> Provider::reveal(const std::string&) {
  return unsupported("keys do not leave this provider: back them up with its own means");
}
Result<Key> Provider::import_private(const std::string&, ByteView) {
  return unsupported("this provider takes no private keys");
}

Result<Key> Provider::find(const std::string& id) {
  ASSIGN(auto all, list());
  for (Key& key : all)
    if (key.id == id) return std::move(key);
  return no_key(id);
}

Result<crypto::Sm2Signature> Provider::sign_message(const std::string& id, ByteView message,
                                                    std::string_view user_id) {
  ASSIGN(const Key key, find(id));
  Digest e{};
  if (key.algorithm == Algorithm::es256) {
    e = crypto::Sha256().update(message).finish();
  } else {
    auto z = sm2::z_of(key.public_key, user_id);
    if (!z) return fail(Code::invalid_argument, "crypto.id_length", "{} bytes", user_id.size());
    e = crypto::sm3({*z, message});
  }
  ASSIGN(auto made, sign(id, {&e, 1}));
  return made.at(0);
}

Result<crypto::Sm2PrivateKey> private_key(const std::shared_ptr<Provider>& provider, const std::string& id) {
  ASSIGN(const Key key, provider->find(id));
  if (key.algorithm != Algorithm::sm2 || !key.held) return unsupported("not an SM2 key that is held there");
  ASSIGN(auto public_key, crypto::Sm2PublicKey::from_point(key.public_key));
  crypto::Sm2Delegate delegate;
  delegate.sign = [provider, id](std::span<const Digest> digests) { return provider->sign(id, digests); };
  delegate.decrypt = [provider, id](ByteView cipher) { return provider->decrypt(id, cipher); };
  return crypto::delegated_key(public_key, std::move(delegate));
}

Result<crypto::Es256PrivateKey> es256_key(const std::shared_ptr<Provider>& provider, const std::string& id) {
  ASSIGN(const Key key, provider->find(id));
  if (key.algorithm != Algorithm::es256 || !key.held)
    return unsupported("not an ES256 key that is held there");
  return crypto::Es256PrivateKey::delegated(
      key.public_key, [provider, id](const Digest& e) -> Result<crypto::Es256Signature> {
        ASSIGN(const auto made, provider->sign(id, {&e, 1}));
        return made.at(0);
      });
}

}  // namespace chengxin::keys
