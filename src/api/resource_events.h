#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource events_resource();  // blocks and receipts as server-sent events
}
