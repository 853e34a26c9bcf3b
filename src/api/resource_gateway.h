#pragma once
#include "api/route.h"

namespace chengxin::api {

// The entry for applications (src/gateway): calls that pass to what stands behind, its routes, tickets and
// traffic.
Resource gateway_resource();

}  // namespace chengxin::api
