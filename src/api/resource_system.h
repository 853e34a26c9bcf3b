#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource system_resource();  // health, readiness, metrics, version and findings
}
