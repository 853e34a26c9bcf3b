#pragma once
#include "credential/did.h"

namespace chengxin::credential {

// GET of what others named: https at a public address, or what the options allow. fetch.url,
// fetch.unreachable, fetch.timeout, fetch.address_forbidden, fetch.plain_http, fetch.too_large,
// fetch.not_found (404 and 410), fetch.http_status.
Result<std::string> get(const std::string& url, const WebOptions& options, size_t max_bytes,
                        const std::string& accept = "*/*");

}  // namespace chengxin::credential
