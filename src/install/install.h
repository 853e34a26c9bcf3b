#pragma once
#include <functional>

#include "base/descriptor.h"
#include "config/config.h"
#include "crypto/secret.h"
#include "crypto/sm2.h"
#include "crypto/timestamp.h"
#include "install/baseline.h"
#include "keys/own_keys.h"

// An installation: the data folder with its keys, configuration, credential and signed manifest.
//
//   VERSION           format of the folder
//   LOCK              held by the process that serves it
//   chengxin.yaml     configuration
//   keys/             owner-only: keys and secrets of the platform and its components (keys/own_keys.h)
//   audit/ audit.marker   the audit log and the marker of its end
//   chains/ sql/ blobs/
//   run/credential    owner-only: the token by which the same user's commands authenticate
//   run/address       where the platform listens now
//   manifest.json     digests of executable and configuration, signed with the installation's key
//   (manifest.sig)
//   access-baseline.json  who may do what with the host's and the database's resources, as it was when it was
//   (access-baseline.sig) sealed (baseline.h)
namespace chengxin::install {

inline constexpr int kVersion = 1;

// Makes an installation, or completes one that was interrupted. One that is there is left as it is, even when
// something is missing from it: that was lost, and open() says so. Errors: file.*, install.*.
Status create(const fs::path& data);

// The latter half of create(), for a folder whose keys and configuration a backup has put there: folders, a
// credential, a manifest of this executable, VERSION last. install.damaged when a key is missing.
Status complete(const fs::path& data);

// Signs a new manifest over the executable and the configuration as they are now, and a new baseline of
// access control. Returns what the latter accepts.
Result<std::vector<AccessChange>> seal(const fs::path& data);

// What seal() would accept now: of the baseline of access control.
Result<std::vector<AccessChange>> unsealed(const fs::path& data);

// Holds the folder's lock while it lives.
class Lock {
 public:
  // install.in_use, install.not_empty (somebody else's folder)
  static Result<Lock> take(const fs::path& data);

 private:
  explicit Lock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

// Whether the files that the configuration names are there, and certificates where they must be: those of
// access, of blobs, of credential and of server.tls. config.file; the detail says which setting and which
// file.
Status check_named_files(const fs::path& data, const config::Config& config);

struct Installation {
  fs::path data;
  config::Config config;
  std::shared_ptr<keys::OwnKeys> keys;  // for components that have keys of their own
  crypto::Sm2PrivateKey validator_key, service_key, installation_key;
  crypto::Secret blob_key;  // 16 bytes
  std::string owner_token;
  std::shared_ptr<crypto::TimestampAuthority> timestamp_authority;
  Bytes timestamp_root;  // DER
};

// Checks and reads everything that a start needs. Errors: install.missing (run `chengxin init`),
// install.newer_version, install.other_user, install.modes (a secret that others can read), install.damaged,
// install.manifest (what differs and the command that accepts it), config.invalid, config.file.
Result<Installation> open(const fs::path& data);

// Everything that is wrong, for `chengxin doctor`: the errors of open(), all of them, each with what to do.
struct Finding {
  std::string reason, detail, advice;
};
std::vector<Finding> examine(const fs::path& data);
Finding finding_of(const AccessChange& change);

// Whether the keys of a folder open that is not whole yet: a backup, before it is restored. keys.locked (the
// detail says where the passphrase is looked for), keys.passphrase, install.damaged.
Status check_keys(const fs::path& data);

// For commands that sign without serving: install.damaged.
Result<crypto::Sm2PrivateKey> installation_key(const fs::path& data);

// The credential for the same user's commands: install.no_credential.
Result<std::string> owner_token(const fs::path& data);

}  // namespace chengxin::install
