#pragma once
#include <map>

#include "base/bytes.h"

// Source archives (docs/formats/contract.md, "The source archive"): equal files give equal bytes.
namespace chengxin::project {

using Files = std::map<std::string, Bytes, std::less<>>;  // by path below one folder, with '/'

// project.archive: a path that it cannot hold.
Result<Bytes> pack(const Files& files);
// Only what pack() writes. project.archive.
Result<Files> unpack(ByteView archive);

}  // namespace chengxin::project
