#pragma once
#include <string>
#include <vector>

#include "base/file.h"
#include "config/config.h"
#include "crypto/sm2.h"

// The baseline of access control (访问控制基线; ADR 0046): who may do what with the resources of the host and
// of the database, as it was when the installation was sealed. access-baseline.json is canonical JSON:
//   format, sealed_ms
//   watched    the setting install.access_files at the time
//   files      programs and watched files: "UID:GID MODE", with "acl …" and "sm3 DIGEST" where they have them
//   folder     the data folder: of each kind of entry in its two upper levels, all such values that it had
//   database   what install/impl/database_access.h says; absent when it could not be read
//   unread     why it could not
// access-baseline.sig is the installation key's signature over tag `chengxin/access-baseline/v1` || those
// bytes.
//
// Files and database compare entry by entry. In the data folder, where files come and go, something new or
// changed counts when it grants anything to others than the folder's owner and none of its kind had it.
namespace chengxin::install {

// What is not as it was sealed. reason: install.access_file, install.access_database, install.access_unread
// (what could not be compared), install.baseline_missing, install.baseline_signature (forged, or by another
// key; nothing else is compared then).
struct AccessChange {
  std::string reason, entry, before, after;  // before empty: it was not there; after empty: it is gone
  std::string describe() const;
  bool operator==(const AccessChange&) const = default;
};

// Never fails: what cannot be read is a change. Reads every watched file; opens the database.
std::vector<AccessChange> access_changes(const fs::path& data, const config::Config& config,
                                         const crypto::Sm2PublicKey& key);

// Signs the present state, and returns what differs from the baseline before. Errors:
// install.access_live_file (watched, and the database itself), file.*, of signing.
Result<std::vector<AccessChange>> write_baseline(const fs::path& data, const config::Config& config,
                                                 const crypto::Sm2PrivateKey& key);

}  // namespace chengxin::install
