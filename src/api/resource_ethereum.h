#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource ethereum_resource();  // Ethereum's JSON-RPC over a chain
}
