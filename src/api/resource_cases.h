#pragma once
#include "api/route.h"

namespace chengxin::api {

// Cases of the processes of packs, tasks in them, and the messages that they send.
Resource cases_resource();

}  // namespace chengxin::api
