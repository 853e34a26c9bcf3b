#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource chains_resource();  // chains, their blocks, items, state and anchors
}
