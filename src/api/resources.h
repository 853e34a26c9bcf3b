#pragma once
#include "api/route.h"
#include "api/server.h"

namespace chengxin::api {

// All rows whose services are there. The registry of resources stands in resources.cpp: a new one is a
// header, a source and a line in it.
Resource all_resources(const Options& options, const Services& services);

// Of every resource, whether its services are there or not.
Resource every_resource();
inline std::vector<Route> every_route() { return every_resource().routes; }
std::vector<access::Action> all_actions();  // what roles can allow

}  // namespace chengxin::api
