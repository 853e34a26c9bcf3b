#pragma once
#include "sql/database.h"

namespace chengxin::api {

// The tables of this module: credentials and idempotency keys.
Status prepare_storage(sql::Database& database);

}  // namespace chengxin::api
