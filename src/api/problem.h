#pragma once
#include "api/call.h"

namespace chengxin::api {

// The one table from errors to HTTP statuses.
int http_status(const Error& error);

// application/problem+json (RFC 9457) with our members: reason, title_en, request_id. Retry-After with 429
// and 503.
Response problem(const Error& error, std::string_view request_id);

struct StatusText {
  int status;
  std::string_view en, zh;  // the standard's phrase (RFC 9110 section 15), and ours
};
const StatusText& status_text(int status);

}  // namespace chengxin::api
