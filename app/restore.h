#pragma once
#include "backup/backup.h"

namespace chengxin::app {

// Restores a backup into an empty or missing data folder, then checks that every chain stands at the head and
// the roots that the backup noted. Errors: install.not_empty, those of backup and of what it opens
// (keys.locked: the backup is of a protected platform and wants its passphrase); after one the folder is no
// installation.
Result<Json> restore(const fs::path& from, const fs::path& data, const backup::Report& report);

}  // namespace chengxin::app
