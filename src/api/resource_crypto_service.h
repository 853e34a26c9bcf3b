#pragma once
#include "api/route.h"

namespace chengxin::api {

// The cryptographic service, for its callers: sign, verify, encrypt, decrypt, hash, random, and the server's
// half of two-party signatures.
Resource crypto_service_resource();

}  // namespace chengxin::api
