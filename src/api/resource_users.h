#pragma once
#include "api/resources.h"

namespace chengxin::api {
Resource users_resource();  // accounts, by a system administrator
}
