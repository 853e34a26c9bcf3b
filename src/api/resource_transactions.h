#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource transactions_resource();
}
