#include "net/fetch.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "net/curl.h"

namespace chengxin::net {
namespace {

struct Exchange {
  const Request& request;
  bool https = false;
  Bytes body;
  bool too_large = false, forbidden = false, plain = false;
};

size_t on_body(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.too_large = exchange.body.size() + size * count > exchange.request.max_bytes;
  if (exchange.too_large) return 0;
  append(exchange.body, ByteView(reinterpret_cast<const uint8_t*>(data), size * count));
  return size * count;
}

bool allowed(const Exchange& exchange, ByteView address) {
  if (address.empty()) return false;
  switch (exchange.request.reach) {
    case Reach::any:
      return true;
    case Reach::public_or_loopback:
      return is_public_address(address) || is_loopback_address(address);
    case Reach::public_only:
      break;
  }
  return is_public_address(address);
}

curl_socket_t on_open(void* context, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(context);
  ByteView bytes;
  if (address->family == AF_INET)
    bytes = {reinterpret_cast<const uint8_t*>(&reinterpret_cast<sockaddr_in*>(&address->addr)->sin_addr), 4};
  if (address->family == AF_INET6)
    bytes = {reinterpret_cast<const uint8_t*>(&reinterpret_cast<sockaddr_in6*>(&address->addr)->sin6_addr),
             16};
  exchange.forbidden = !allowed(exchange, bytes);
  exchange.plain = exchange.request.https_unless_loopback && !exchange.https && !is_loopback_address(bytes);
  if (exchange.forbidden || exchange.plain) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The scheme; empty for what is no address that we speak to.
std::string scheme_of(const std::string& text) {
  std::unique_ptr<CURLU, CurlCloser> url(curl_url());
  char* scheme = nullptr;
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
    return {};
  std::string out = scheme;
  curl_free(scheme);
  return out == "http" || out == "https" ? out : "";
}

void set_up(CURL* curl, Exchange& exchange, curl_slist* headers) {
  const Request& request = exchange.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  set_careful(curl, request.roots);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, long(request.timeout_ms));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (request.body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body->size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, request.body->data() ? request.body->data() : nullptr);
    if (request.body->empty()) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
  }
  if (request.method != "GET" || request.body)
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &exchange);
}

bool is_public_v4(ByteView address) {
  uint32_t ip = get_be<uint32_t>(address.data());
  struct Range {
    uint32_t first;
    int bits;
  };
  // The special-purpose registry of RFC 6890 and its updates, multicast and what is reserved.
  constexpr Range kSpecial[] = {{0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
                                {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
                                {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24},
                                {0xe0000000, 3}};
  return std::none_of(std::begin(kSpecial), std::end(kSpecial),
                      [&](const Range& range) { return (ip ^ range.first) >> (32 - range.bits) == 0; });
}

}  // namespace

Status check_url(const Request& request) {
  start_curl();
  if (scheme_of(request.url).empty())
    return fail(Code::invalid_argument, request.realm + ".url",
                "not an http or https address without credentials");
  return {};
}

Result<Answer> fetch(const Request& request) {
  TRY(check_url(request));
  auto failed = [&](Code code, std::string_view what, std::string_view detail) {
    return fail(code, fmt::format("{}.{}", request.realm, what), "{}: {}", request.url, detail);
  };
  std::unique_ptr<CURL, CurlCloser> curl(curl_easy_init());
  std::unique_ptr<curl_slist, CurlCloser> headers;
  for (const std::string& header : request.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  if (!curl) return failed(Code::unavailable, "unreachable", "out of memory");
  Exchange exchange{.request = request, .https = scheme_of(request.url) == "https", .body = {}};
  set_up(curl.get(), exchange, headers.get());
  const CURLcode done = curl_easy_perform(curl.get());
  if (exchange.forbidden) return failed(Code::forbidden, "address_forbidden", "not at an allowed address");
  if (exchange.plain) return failed(Code::forbidden, "plain_http", "https is needed");
  if (exchange.too_large)
    return failed(Code::unavailable, "too_large", fmt::format("above {} bytes", request.max_bytes));
  if (done == CURLE_OPERATION_TIMEDOUT)
    return failed(Code::unavailable, "timeout", fmt::format("no answer within {} ms", request.timeout_ms));
  if (done != CURLE_OK) return failed(Code::unavailable, "unreachable", curl_easy_strerror(done));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  const char* type = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &type);
  return Answer{int(status), type ? type : "", std::move(exchange.body)};
}

bool is_public_address(ByteView address) {
  if (address.size() == 4) return is_public_v4(address);
  if (address.size() != 16) return false;
  auto starts = [&](std::initializer_list<uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
  };
  if (starts({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
      starts({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))
    return is_public_v4(address.subspan(12));                            // mapped, NAT64
  if (starts({0x20, 0x02})) return is_public_v4(address.subspan(2, 4));  // 6to4
  bool documentation = starts({0x20, 0x01, 0x0d, 0xb8});
  bool special = starts({0x20, 0x01}) && address[2] < 2;  // 2001::/23, Teredo among them
  return (address[0] & 0xe0) == 0x20 && !documentation && !special;
}

bool is_loopback_address(ByteView address) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr uint8_t kLoopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (address.size() == 16 && equal(address.first(12), kMapped)) address = address.subspan(12);
  return address.size() == 4 ? address[0] == 127 : equal(address, kLoopback6);
}

}  // namespace chengxin::net
