#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource outside_resource();
}
