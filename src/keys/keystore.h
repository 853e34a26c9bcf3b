#pragma once
#include <map>
#include <mutex>
#include <variant>

#include "base/file.h"
#include "base/json.h"
#include "crypto/es256.h"
#include "keys/provider.h"

// The provider in software: a folder, owner-only, with keystore.json and one file for each key
// (docs/keys.md). A master key (SM4) stands in keystore.json under the passphrase (PBKDF2 with HMAC-SM3,
// SM4-GCM), so that a new passphrase rewrites one small file; each private key stands under the master key in
// its own file, bound to its public half. Each file is replaced at once or not at all, and carries a
// checksum, which tells a bent file from a wrong passphrase. SM2 and ES256. Thread-safe.
namespace chengxin::keys {

// 0.3 s on a core of 2020 for one guess (ADR 0040).
inline constexpr uint32_t kIterations = 600'000;
inline constexpr size_t kLeastPassphrase = 8;

class Keystore final : public Provider {
 public:
  // A new one. Without a passphrase the master key stands in the clear, in a file that only its owner reads:
  // unlock() then takes anything. keys.exists, keys.passphrase_short.
  static Status create(const fs::path& folder, ByteView passphrase, uint32_t iterations = kIterations);
  // keys.no_keystore, keys.damaged, keys.permissions (others can read it).
  static Result<std::shared_ptr<Keystore>> open(const fs::path& folder);

  bool has_passphrase() const { return has_passphrase_; }
  // keys.passphrase; unlocked or not stays as it is.
  Status change_passphrase(ByteView old_one, ByteView new_one, uint32_t iterations = kIterations);

  Result<Info> info() override;
  Status unlock(ByteView passphrase) override;
  void lock() override;
  Result<std::vector<Key>> list() override;
  Result<std::vector<crypto::Sm2Signature>> sign(const std::string& id,
                                                 std::span<const Digest> digests) override;
  Result<Bytes> random(size_t count) override;
  Result<Key> generate(const std::string& id, Algorithm algorithm) override;
  Result<Key> import_public(const std::string& id, const crypto::Sm2PublicKey& key) override;
  Status destroy(const std::string& id) override;
  Result<crypto::Secret> decrypt(const std::string& id, ByteView cipher) override;
  Result<crypto::Secret> reveal(const std::string& id) override;
  Result<Key> import_private(const std::string& id, ByteView scalar) override;
  // In place of the one that is there, at once: after a crash there is the one or the other.
  Result<Key> put_private(const std::string& id, Algorithm algorithm, ByteView scalar);

 private:
  using Opened = std::variant<crypto::Sm2PrivateKey, crypto::Es256PrivateKey>;
  explicit Keystore(fs::path folder) : folder_(std::move(folder)) {}
  fs::path path_of(const std::string& id) const { return folder_ / (id + ".key"); }
  Result<Json> read(const std::string& id) const;
  Result<crypto::Secret> scalar_of(const std::string& id) const;
  Result<Opened> opened(const std::string& id);
  Result<Key> keep(const Key& key, ByteView scalar, bool replace);

  const fs::path folder_;
  mutable std::mutex mutex_;
  bool has_passphrase_ = false;
  crypto::Secret master_;  // 16 bytes; empty: locked
  std::map<std::string, Opened> opened_;
};

}  // namespace chengxin::keys
