#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource audit_resource();  // who did what: search, export, verification of the log
}
