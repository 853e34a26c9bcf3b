#pragma once
#include "api/route.h"

namespace chengxin::jobs {
struct Job;
}

// Long work of the owner: verify a chain, prune, export, back up, rebuild a mirror. Started, then watched.
namespace chengxin::api {

Resource jobs_resource();
Response job_response(const jobs::Job& job);  // 202 and where to watch it

}  // namespace chengxin::api
