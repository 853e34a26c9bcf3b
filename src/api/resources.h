#pragma once
#include "api/route.h"
#include "api/server.h"

namespace chengxin::api {

// All rows whose services are there. The registry of resources stands in resources.cpp: a new one is a
// header, a source and a line in it.
Resource all_resources(const Options& options, const Services& services);

}  // namespace chengxin::api
