#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource contracts_resource();  // what a chain holds about its contracts
}
