#pragma once
#include "record/catalogue.h"

namespace chengxin::api {

// The OpenAPI 3.1 document of one application: the routes of records (resource_records.h) once for each of
// its entities, with the entity's own fields in place of any.
Json pack_openapi(const record::Catalogue& catalogue, const pack::Pack& pack);

}  // namespace chengxin::api
