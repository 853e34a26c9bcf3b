#pragma once
#include "api/route.h"

namespace chengxin::api {

// Identities on a chain with the contract `identity`: enrolling, what registrars do, and what the chain
// holds.
Resource identities_resource();

}  // namespace chengxin::api
