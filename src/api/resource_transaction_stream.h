#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource transaction_stream_resource();
}
