#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource evidence_resource();  // evidence and its proof bundles
}
