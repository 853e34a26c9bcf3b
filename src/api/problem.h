#pragma once
#include "api/call.h"

namespace chengxin::api {

// The one table from errors to HTTP statuses.
int http_status(const Error& error);

// application/problem+json (RFC 9457) with our members: reason, title_en, request_id. Retry-After with 429
// and 503.
Response problem(const Error& error, std::string_view request_id);

std::string_view status_text(int status);

}  // namespace chengxin::api
