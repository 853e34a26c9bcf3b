#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource mirror_resource();  // the read model: how far it is, making it anew, and what is listed from it
}
