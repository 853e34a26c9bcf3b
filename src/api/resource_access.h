#pragma once
#include "api/resources.h"

namespace chengxin::api {
Resource access_resource();  // the policy of roles, its proposals, labels of records
}
