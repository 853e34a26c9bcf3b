#pragma once
#include <functional>

#include "base/bytes.h"

// A time-stamp authority elsewhere, over HTTP (RFC 3161 section 3.4).
namespace chengxin::evidence {

struct TimestampServer {
  std::string url;             // http or https
  bool allow_private = false;  // whether it may be at a loopback, private or otherwise not public address
  int timeout_ms = 10'000;     // for all of a request
  std::vector<Bytes> roots;    // DER: tokens must chain to one of these; empty: to any
};

// A function that fits Options::timestamp; thread-safe. Follows no redirect, uses no proxy, sends no
// credentials, takes at most 64 KiB. What an authority answers is verified before it is handed on.
// timestamp.url: not http(s)://host…. Errors of the function: timestamp.unreachable, timestamp.timeout,
// timestamp.address_forbidden, timestamp.http_status, timestamp.too_large, crypto.timestamp_* (the answer
// refuses, is malformed, or is no token of our profile).
Result<std::function<Result<Bytes>(const Digest&)>> timestamp_client(TimestampServer server);

}  // namespace chengxin::evidence
