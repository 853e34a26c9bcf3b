#pragma once
#include "api/route.h"

namespace chengxin::api {

// Records of the applications that are installed: every entity of every pack, by the same routes.
Resource records_resource();

}  // namespace chengxin::api
