#pragma once
#include "api/route.h"

namespace chengxin::api {

// The cryptographic service, for who runs it: keys and their policies, settings, journal, uses.
Resource crypto_keys_resource();

}  // namespace chengxin::api
