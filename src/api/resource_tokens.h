#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource tokens_resource();  // credentials besides the owner's
}
