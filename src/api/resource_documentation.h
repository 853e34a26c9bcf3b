#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource documentation_resource();  // the OpenAPI document, its reader page, and the offline verifier's page
}
