#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource verify_resource();  // checks a proof bundle for anybody
}
