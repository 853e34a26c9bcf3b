#pragma once
#include "base/file.h"
#include "base/json.h"
#include "keys/provider.h"

// Where the platform's own keys are: in keys/NAME.pem and keys/blob.key, or, since `chengxin keys protect`,
// in the provider that keys/provider.json names. A file that is there comes first, so that an interrupted
// move changes nothing.
namespace chengxin::install {

// "validator", "service", "installation", "timestamp", "root".
fs::path pem_path(const fs::path& data, std::string_view name);

class PlatformKeys {
 public:
  explicit PlatformKeys(fs::path data) : data_(std::move(data)) {}
  // install.damaged: neither a file nor a provider has it; keys.locked: no passphrase is at hand.
  Result<crypto::Sm2PrivateKey> key(std::string_view name);
  Result<crypto::Secret> blob_key();

 private:
  Result<std::shared_ptr<keys::Provider>> provider();

  const fs::path data_;
  std::shared_ptr<keys::Provider> provider_;
  Json configuration_;
};

}  // namespace chengxin::install
