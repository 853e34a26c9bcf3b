#pragma once
#include "config/config.h"
#include "install/impl/host_access.h"

namespace chengxin::install {

// Who may do what in the database, entry by entry; what grants nothing to others than our own role has no
// entry, so that tables of a newer version are no change.
//   PostgreSQL: roles that may log in or have a right of their own, memberships, owners that are not our
//   role, what is granted on the database, its schemas, tables, columns, sequences and functions, default
//   rights, row security and policies, functions, triggers, rules and views (by SM3), and pg_hba where our
//   role may read it. SQLite: triggers and views (by SM3); its files are the folder's.
// Opens a connection of its own. A SQLite file that is not there yet is not made. Errors: sql.*.
Result<Entries> database_access(const fs::path& data, const config::Config& config);

// The platform's own; none when it has PostgreSQL.
std::vector<fs::path> sqlite_databases(const fs::path& data, const config::Config& config);

}  // namespace chengxin::install
