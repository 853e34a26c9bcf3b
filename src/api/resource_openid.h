#pragma once
#include "api/route.h"

namespace chengxin::api {
Resource openid_resource();  // OpenID4VCI, OpenID4VP, status lists and the platform's DID document
}
