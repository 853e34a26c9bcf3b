#pragma once
#include <functional>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "crypto/sm2.h"

// A backup is a folder: copies of parts, and backup.json (canonical JSON: every file with size and SM3
// digest, facts about the parts) with the installation key's signature in backup.sig. It appears whole under
// its name or not at all. It holds private keys, of a protected platform under its passphrase: it is readable
// by its owner only, and belongs where the keys may be.
namespace chengxin::backup {

using Report = std::function<void(uint64_t done, uint64_t total)>;

// Writes one part below the folder it is given and says what is in it (heads of chains, versions).
struct Part {
  std::string name;  // of the subfolder
  std::function<Result<Json>(const fs::path& folder)> write;
};

// Parts are written in order. Errors: backup.exists, file.*, those of the parts. Leaves nothing behind when
// it fails.
Result<Json> create(const fs::path& target, const std::vector<Part>& parts, const crypto::Sm2PrivateKey& key,
                    int64_t now_ms, const Report& report);

// Reads every byte: backup.missing, backup.damaged (names the file), backup.signature, backup.newer_version.
// `key` is the point that signed, for the caller to show or compare. Returns the manifest.
struct Checked {
  Json manifest;
  crypto::Sm2Point key{};
};
Result<Checked> check(const fs::path& backup, const Report& report);

// Copies a checked part's files into `into`, each synced and its digest checked again on the way.
Status restore_part(const fs::path& backup, const Json& manifest, const std::string& part,
                    const fs::path& into);

}  // namespace chengxin::backup
