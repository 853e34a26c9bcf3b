#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"

// Who may do what with files of this host: "UID:GID MODE", a link's target, POSIX access lists beyond the
// mode, and the SM3 of files whose contents say who may do what. Contents themselves are never kept.
namespace chengxin::install {

using Entries = std::map<std::string, std::string>;

// This program, its folder, the engine beside it, and the watched files: paths separated by commas, relative
// to the data folder; "FOLDER/*" stands for a folder and the files in it. What does not exist is left out. Of
// what cannot be read, and of /etc/shadow, no digest is made.
Result<Entries> files_access(const fs::path& data, const std::string& watched);

// install.access_live_file: one of the watched files belongs to one of these databases of SQLite, whose bytes
// change with each call.
Status check_watched(const fs::path& data, const std::string& watched,
                     const std::vector<fs::path>& databases);

// A path below the data folder for each value that its kind has: kind ("sql/*.db") → value → one such path.
using Kinds = std::map<std::string, std::map<std::string, std::string>>;
Kinds folder_access(const fs::path& data);

// Grants nothing to others than its owner, who is that of the data folder.
bool is_private(const std::string& value, const fs::path& data);

}  // namespace chengxin::install
