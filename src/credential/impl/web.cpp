#include "credential/impl/web.h"

#include <algorithm>

#include "net/fetch.h"

namespace chengxin::credential {
namespace {

// host[:port] of an address; "" for what is none.
std::string_view authority_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

}  // namespace

Result<std::string> get(const std::string& url, const WebOptions& options, size_t max_bytes,
                        const std::string& accept) {
  const auto& hosts = options.trusted_hosts;
  const bool trusted = std::find(hosts.begin(), hosts.end(), authority_of(url)) != hosts.end();
  ASSIGN(const net::Answer answer, net::fetch({.url = url,
                                               .headers = {"Accept: " + accept},
                                               .reach = trusted ? net::Reach::any : net::Reach::public_only,
                                               .https_unless_loopback = true,
                                               .roots = options.roots.string(),
                                               .max_bytes = max_bytes,
                                               .timeout_ms = options.timeout_ms,
                                               .realm = "fetch"}));
  if (answer.status == 404 || answer.status == 410)
    return fail(Code::not_found, "fetch.not_found", "{}", url);
  if (answer.status != 200)
    return fail(Code::unavailable, "fetch.http_status", "{}: status {}", url, answer.status);
  return to_string(answer.body);
}

}  // namespace chengxin::credential
