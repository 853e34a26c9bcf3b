#pragma once
#include "api/route.h"

// Long work of the owner: verify a chain, prune, export, back up, rebuild a mirror. Started, then watched.
namespace chengxin::api {

Resource jobs_resource();

}  // namespace chengxin::api
