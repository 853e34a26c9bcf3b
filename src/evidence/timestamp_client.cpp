#include "evidence/timestamp_client.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "crypto/timestamp.h"

namespace chengxin::evidence {
namespace {

constexpr size_t kMaxResponse = 64 << 10;

struct Exchange {
  const TimestampServer& server;
  Bytes response;
  bool too_large = false, forbidden = false;
};

size_t on_body(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  exchange.too_large = exchange.response.size() + size * count > kMaxResponse;
  if (exchange.too_large) return 0;
  append(exchange.response, ByteView(reinterpret_cast<const uint8_t*>(data), size * count));
  return size * count;
}

// Looks at the address that is really connected to, so that a name which resolves to something else than a
// moment ago (DNS rebinding) gains nothing.
curl_socket_t on_open(void* context, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(context);
  ByteView bytes;
  if (address->family == AF_INET)
    bytes = {reinterpret_cast<const uint8_t*>(&reinterpret_cast<sockaddr_in*>(&address->addr)->sin_addr), 4};
  if (address->family == AF_INET6)
    bytes = {reinterpret_cast<const uint8_t*>(&reinterpret_cast<sockaddr_in6*>(&address->addr)->sin6_addr),
             16};
  exchange.forbidden = bytes.empty() || (!exchange.server.allow_private && !is_public_address(bytes));
  if (exchange.forbidden) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

struct Closer {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

Result<Bytes> post(const TimestampServer& server, const Bytes& request) {
  std::unique_ptr<CURL, Closer> curl(curl_easy_init());
  std::unique_ptr<curl_slist, Closer> headers(
      curl_slist_append(nullptr, "Content-Type: application/timestamp-query"));
  if (!curl || !headers) return fail(Code::unavailable, "timestamp.unreachable", "out of memory");
  Exchange exchange{server, {}};
  curl_easy_setopt(curl.get(), CURLOPT_URL, server.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, long(server.timeout_ms));
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, long(request.size()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETDATA, &exchange);
  CURLcode done = curl_easy_perform(curl.get());
  if (exchange.forbidden)
    return fail(Code::forbidden, "timestamp.address_forbidden", "{} is not at a public address", server.url);
  if (exchange.too_large)
    return fail(Code::unavailable, "timestamp.too_large", "above {} bytes", kMaxResponse);
  if (done == CURLE_OPERATION_TIMEDOUT)
    return fail(Code::unavailable, "timestamp.timeout", "no answer within {} ms", server.timeout_ms);
  if (done != CURLE_OK)
    return fail(Code::unavailable, "timestamp.unreachable", "{}", curl_easy_strerror(done));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return fail(Code::unavailable, "timestamp.http_status", "status {}", status);
  return std::move(exchange.response);
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

Result<std::function<Result<Bytes>(const Digest&)>> timestamp_client(TimestampServer server) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  char* scheme = nullptr;
  bool parsed =
      curl_url_set(url.get(), CURLUPART_URL, server.url.c_str(), CURLU_DISALLOW_USER) == CURLUE_OK &&
      curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  bool web = parsed && (std::string_view(scheme) == "http" || std::string_view(scheme) == "https");
  curl_free(scheme);
  if (!web)
    return fail(Code::invalid_argument, "timestamp.url", "not an http or https address without credentials");
  return [server = std::move(server)](const Digest& imprint) -> Result<Bytes> {
    auto request = crypto::TimestampRequest::make(imprint);
    ASSIGN(Bytes response, post(server, request.to_der()));
    ASSIGN(Bytes token, crypto::parse_timestamp_response(response, request));
    auto verified = crypto::verify_timestamp(token, imprint, server.roots);
    if (!verified) return tl::unexpected(verified.error());
    return token;
  };
}

}  // namespace chengxin::evidence
