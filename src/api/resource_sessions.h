#pragma once
#include "api/resources.h"

namespace chengxin::api {
Resource sessions_resource();  // signing in and out, and what concerns who is signed in
}
