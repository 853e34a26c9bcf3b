#pragma once
#include <mutex>

#include "crypto/es256.h"
#include "keys/keystore.h"

// The platform's own private keys and secrets, each under a name. Components ask here and do not learn where
// a key is: in a file that the owner alone reads; after protect() in the keystore; or in the device whose key
// provider.json names ("platform": {NAME: ID}).
//
// Invariants:
// - a file that is there comes first, so that an interrupted protect() changes nothing;
// - what is made after protect() goes into the keystore and never into a file; only a key with a passphrase
//   of its own (the certificate authority's root) stays in an encrypted file;
// - in the keystore a key's id is platform-NAME, unless provider.json gives another.
namespace chengxin::keys {

class Sealed;

class OwnKeys {
 public:
  struct Row {
    std::string_view name, file;  // below the data folder
    Algorithm algorithm = Algorithm::sm2;
  };
  static std::span<const Row> rows();  // all names of private keys

  // Reads nothing yet. Thread-safe.
  explicit OwnKeys(fs::path data) : data_(std::move(data)) {}

  // install.damaged: neither a file nor the provider has it; keys.locked: no passphrase is at hand
  // (find_pin()); crypto.passphrase: it is under another one than `passphrase`.
  Result<crypto::Sm2PrivateKey> sm2(std::string_view name, std::string_view passphrase = {});
  Result<crypto::Es256PrivateKey> es256(std::string_view name);
  Result<bool> has(std::string_view name);

  // A new key in place of any other; where provider.json names a device's key, that one.
  Result<crypto::Sm2PrivateKey> make_sm2(std::string_view name, std::string_view passphrase = {});
  Result<crypto::Es256PrivateKey> make_es256(std::string_view name);

  // Bytes that are no key of a curve: "blob.key", which seals originals and from which the platform derives
  // what it seals else, and "user/NAME.cid" of managers of pseudonyms; below keys/. Never replaced:
  // keys.exists.
  Result<crypto::Secret> secret(std::string_view name, size_t size);
  bool has_secret(std::string_view name) const;
  Status make_secret(std::string_view name, size_t size);

  // Moves all of them into the keystore in software, under a passphrase that every start needs then.
  // Interrupted at any point, the platform starts as before or with the passphrase, and this is to be called
  // again; what came in files since is taken up. keys.*, install.damaged (a file that is no key).
  Status protect(ByteView passphrase, uint32_t iterations = kIterations);
  // Files of the data folder that hold private keys in the clear, relative to it. Reads all files of keys/,
  // consortium/ and engine/.
  std::vector<std::string> in_clear() const;
  // Of a protected platform: files of its own keys and secrets that are there in the clear all the same,
  // since protect() was interrupted or they came later. Looks for those alone. Relative to the data folder.
  std::vector<std::string> left();

 private:
  template <typename PrivateKey>
  Result<PrivateKey> get(const Row& row, std::string_view passphrase);
  template <typename PrivateKey>
  Result<PrivateKey> make(const Row& row, std::string_view passphrase);
  fs::path folder() const { return data_ / "keys"; }
  std::string id_of(const Row& row) const;  // in the provider; empty: it is none of the provider's
  Status read_where();
  Status unlock();
  Result<std::shared_ptr<Sealed>> sealed();
  Status move_in(const Row& row);
  Status move_in(const fs::path& secret);
  std::vector<fs::path> secrets() const;
  Status destroy_files();

  const fs::path data_;
  std::mutex mutex_;
  Json configuration_;
  bool in_keystore_ = false;            // where new ones go
  std::shared_ptr<Provider> provider_;  // unlocked; null: not asked for yet
  std::shared_ptr<Sealed> sealed_;
};

}  // namespace chengxin::keys
