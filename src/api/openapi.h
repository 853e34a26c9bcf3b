#pragma once
#include "api/route.h"
#include "api/schema.h"

namespace chengxin::api {

// The OpenAPI 3.1 document of the table. Texts are Chinese; English stands beside them as x-summary-en,
// x-description-en.
Json openapi_document(const std::vector<Route>& routes, const Schemas& schemas, const std::string& version);

// The schema of a problem document (problem.h).
Json problem_schema();

}  // namespace chengxin::api
