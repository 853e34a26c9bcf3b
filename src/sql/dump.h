#pragma once
#include "sql/database.h"

// A logical copy of a database that either kind of database can be restored from, in constant memory. JSON
// lines (UTF-8):
//   {"format":"chengxin/sql-dump/v1","schema":{"evidence":3,…}}
//   {"table":"record","columns":["id","title",…]}      then its rows, one array each; tables in the order
//   they were made: [17,"text",null,{"b":"base64 of a blob"}]
//   {"rows":N}                                         the last line; without it the file was cut short
// Foreign keys may point to earlier tables only.
namespace chengxin::sql {

using Versions = std::vector<std::pair<std::string, int>>;  // by component

// One snapshot, while others write. Tables whose name starts with one of `skip` are left out: what can be
// made again; and a component whose tables all do (`mirror` for "mirror_") is not asked for when the dump is
// restored. The file appears whole, durable and readable by its owner only. Errors: sql.*, file.*.
// `columns`: of tables whose name starts with the first, the column of that name is left out: it can be made
// again too.
Status dump(Database& database, const fs::path& file, const std::vector<std::string>& skip = {},
            const std::vector<std::pair<std::string, std::string>>& columns = {});

// The schema that a dump needs: migrate an empty database to these versions, restore, then migrate on.
// Errors: sql.dump_malformed, sql.newer_version (a later format), file.*.
Result<Versions> dump_versions(const fs::path& file);

// `make_tables`: asked when the dump comes to a table that is not there, after those before it were filled:
// for tables that are made of data. All or nothing. Errors: sql.not_empty (a table that the dump fills has
// rows), sql.schema_mismatch (other versions), sql.dump_malformed (names the line), sql.dump_truncated,
// file.*, sql.*.
Status restore(Database& database, const fs::path& file,
               const std::function<Status(Session&)>& make_tables = nullptr);

}  // namespace chengxin::sql
