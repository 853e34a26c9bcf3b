#pragma once
#include "api/resources.h"

namespace chengxin::api {
Resource sessions_resource();  // signing in and out, and what concerns who is signed in

// The answer to who has signed in: a page gets a cookie that its scripts cannot read, anybody else the
// bearer.
Response opened_session(Call& call, const access::Sessions::Opened& opened, bool cookie, int status);
}  // namespace chengxin::api
