#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource originals_resource();  // sealed originals, streamed in and out
}
