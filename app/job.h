#pragma once
#include "cli.h"

namespace chengxin::app {

// Starts a job on the platform and shows its progress until it ends: its result, or its error.
Result<Json> run_job(client::Client& platform, const std::string& kind, const Json& arguments,
                     const std::string& title, const std::string& at = "/api/v1/jobs");

}  // namespace chengxin::app
