#pragma once
#include <map>
#include <mutex>

#include "base/file.h"
#include "base/json.h"
#include "keys/provider.h"

// Encryption of what must stay secret on a disk, with keys in two steps: a data key (SM4) for each name, and
// a key of the provider (KEK) that wraps it. A new KEK wraps the data keys anew and touches no data; a data
// key that is erased makes all that was sealed under it unreadable, on every copy and backup of the data.
//
// In the folder, owner-only: sealed.json names the KEK; NAME.dk holds the versions of a data key, each
// encrypted to the KEK (SM2), the file signed by the provider's signing key, so that nobody puts a data key
// of his own there. A file of an erased data key stays, without keys. Thread-safe.
namespace chengxin::keys {

class Sealed {
 public:
  struct Options {
    std::string kek;     // id of a key of the provider that decrypts
    std::string signer;  // and of one that signs
  };
  // The first time with these options; afterwards the folder's own KEK counts. keys.damaged, errors of the
  // provider.
  static Result<std::shared_ptr<Sealed>> open(std::shared_ptr<Provider> provider, const fs::path& folder,
                                              const Options& options);

  Status create(const std::string& name);  // keys.exists (an erased name too), keys.name
  Status renew(const std::string& name);   // what is sealed from now on is under a new version
  // SM4-GCM; 36 bytes longer than `plain`. keys.not_found, keys.erased
  Result<Bytes> seal(const std::string& name, ByteView context, ByteView plain);
  // crypto.decrypt: not of this name and context, or bent.
  Result<crypto::Secret> unseal(const std::string& name, ByteView context, ByteView sealed);
  // A key for another purpose, of the first version: the same for good.
  Result<crypto::Secret> derive(const std::string& name, std::string_view purpose, size_t size);

  // Wraps every data key to another key of the provider; how many. Interrupted, it is to be called again.
  Result<size_t> change_kek(const std::string& kek);
  Status erase(const std::string& name);
  std::string kek() const;
  void forget();  // the data keys in memory; the provider may be locked then

 private:
  using Versions = std::vector<crypto::Secret>;  // [0] is version 1
  Sealed(std::shared_ptr<Provider> provider, fs::path folder, crypto::Sm2Point signer_key, Options options);
  fs::path path_of(const std::string& name) const { return folder_ / (name + ".dk"); }
  Result<Versions*> versions(const std::string& name);
  Result<Json> read(const std::string& name) const;
  Status write(const std::string& name, const Versions& versions, const std::string& kek);
  Status write_signed(const std::string& name, Json body);

  const std::shared_ptr<Provider> provider_;
  const fs::path folder_;
  const crypto::Sm2Point signer_key_;
  mutable std::mutex mutex_;
  Options options_;
  std::map<std::string, Versions> open_;
};

}  // namespace chengxin::keys
