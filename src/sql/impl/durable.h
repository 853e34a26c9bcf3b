#pragma once
#include "base/file.h"

namespace chengxin::sql {

// Syncs what another hand wrote to `partial`, then gives it the name `file`.
Status finish_durable(const fs::path& partial, const fs::path& file);

}  // namespace chengxin::sql
