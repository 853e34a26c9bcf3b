#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource contract_calls_resource();  // queries and calls of contracts, and what governs them
}
