#pragma once
#include <optional>

#include "base/bytes.h"

// Requests to servers that an operator, or a document of others, names (HTTP over libcurl). Blocks.
namespace chengxin::net {

// Which addresses a server may have. Only public ones, so that nobody uses this platform to reach what stands
// beside it; with `local`, loopback ones too; or any.
enum class Reach { public_only, public_or_loopback, any };

struct Request {
  std::string url;             // http or https
  std::string method = "GET";  // POST and others with a body
  std::optional<Bytes> body = {};
  std::vector<std::string> headers = {};  // "Name: value"
  Reach reach = Reach::public_only;
  bool https_unless_loopback = false;  // plain http to loopback only
  std::string roots = {};              // PEM file that https is believed by; empty: the system's
  size_t max_bytes = 64 << 10;         // of the answer's body
  int timeout_ms = 10'000;             // for all of it
  std::string realm = "net";           // first part of the reasons
};

struct Answer {
  int status = 0;
  std::string type;  // Content-Type
  Bytes body;
};

// Follows no redirect, uses no proxy, sends no credentials but what `headers` has. The address is judged when
// it is connected to, so a name that resolves to something else than a moment ago (DNS rebinding) gains
// nothing. Errors, with `realm` before the dot: .url (not http(s)://host…, or with credentials),
// .address_forbidden, .plain_http, .too_large, .timeout, .unreachable.
Result<Answer> fetch(const Request& request);
// The url's form alone.
Status check_url(const Request& request);

// Whether an address (4 or 16 bytes) is one that hosts of the public internet have; addresses that embed an
// IPv4 address count as that one.
bool is_public_address(ByteView address);
bool is_loopback_address(ByteView address);

}  // namespace chengxin::net
