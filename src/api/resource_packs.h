#pragma once
#include "api/route.h"

namespace chengxin::api {

// Packs: applications as data, applied while the platform runs.
Resource packs_resource();

}  // namespace chengxin::api
