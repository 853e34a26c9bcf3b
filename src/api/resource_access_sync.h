#pragma once
#include "api/route.h"

// What an export of a chain-management system would change (access/sync.h): of accounts and chains, which a
// system administrator carries out, and of the policy, which is proposed and approved.
namespace chengxin::api {

Resource access_sync_resource();

}  // namespace chengxin::api
