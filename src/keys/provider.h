#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/es256.h"
#include "crypto/secret.h"
#include "crypto/sm2.h"

// Where private keys are: a file, a card, a token. One interface over all of them (ADR 0040); what a provider
// cannot do gives keys.unsupported, so that a platform runs on any of them with what that one can.
namespace chengxin::keys {

enum class Algorithm { sm2, es256 };
std::string_view algorithm_name(Algorithm algorithm);

struct Key {
  std::string id;  // unique in the provider: file, index, container or label
  Algorithm algorithm = Algorithm::sm2;
  crypto::Sm2Point public_key{};  // 04 || X || Y, of the algorithm's curve
  bool held = true;               // false: the public half alone (import_public)
};

struct Info {
  std::string kind;  // software, sdf, skf, pkcs11
  std::string name, maker, serial, version;
  std::vector<Algorithm> algorithms;
  bool generates = false, imports = false, decrypts = false, destroys = false;
};

// Errors of every call: keys.locked (unlock first), keys.not_found, keys.unsupported, and of devices:
// keys.token_gone, keys.busy (no session is free, or too many callers wait), keys.timeout, keys.device (the
// detail holds its code). Not thread-safe unless a provider says so; on_one_thread() makes any one so.
class Provider {
 public:
  virtual ~Provider() = default;

  virtual Result<Info> info() = 0;
  // The passphrase or PIN, which is not kept. keys.passphrase, keys.pin (the detail tells how many tries are
  // left, where the device does), keys.pin_locked, keys.damaged.
  virtual Status unlock(ByteView pin) = 0;
  virtual void lock() = 0;  // forgets what is secret
  virtual Result<std::vector<Key>> list() = 0;
  // 64 bytes r || s over each e: SM3(Z_A || M) for SM2, SHA-256 of the message for ES256.
  virtual Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                         std::span<const Digest> digests) = 0;
  virtual Result<Bytes> random(size_t count) = 0;

  virtual Result<Key> generate(const std::string& id, Algorithm algorithm);  // keys.exists, keys.name
  virtual Result<Key> import_public(const std::string& id, const crypto::Sm2PublicKey& key);
  virtual Status destroy(const std::string& id);
  // SM2, GB/T 32918.4 in the DER form of GB/T 35276 7.2. crypto.decrypt
  virtual Result<crypto::Secret> decrypt(const std::string& id, ByteView cipher);
  // The number itself, 32 bytes, for the shares of a backup; only of a keystore in software.
  virtual Result<crypto::Secret> reveal(const std::string& id);
  virtual Result<Key> import_private(const std::string& id, ByteView scalar);

  Result<Key> find(const std::string& id);
  // Computes e. For SM2 under the user's identifier; ES256 has none.
  Result<crypto::Sm2Signature> sign_message(const std::string& id, ByteView message,
                                            std::string_view user_id = crypto::kDefaultId);
};

// 1 to 64 letters, digits, '-', '_', '.', not beginning with '.': keys.name.
Status check_id(std::string_view id);

tl::unexpected<Error> unsupported(std::string_view what);
tl::unexpected<Error> no_key(std::string_view id);

// An SM2 key of the provider as a key of ours: it signs and decrypts by asking. The provider must be
// thread-safe.
Result<crypto::Sm2PrivateKey> private_key(const std::shared_ptr<Provider>& provider, const std::string& id);
Result<crypto::Es256PrivateKey> es256_key(const std::shared_ptr<Provider>& provider, const std::string& id);

// All calls on one thread of its own, because vendors' libraries are not made for many. Who waits longer than
// `timeout_ms` gets keys.timeout, and the thread goes on with that call alone; at most 64 wait, else
// keys.busy. Thread-safe.
std::shared_ptr<Provider> on_one_thread(std::unique_ptr<Provider> provider, int timeout_ms = 30'000);

}  // namespace chengxin::keys
