#include "base/json.h"
#include "credential/did.h"
#include "credential/impl/web.h"

namespace chengxin::credential {
namespace {

constexpr std::string_view kPrefix = "did:web:";

tl::unexpected<Error> invalid(std::string_view why) {
  return fail(Code::invalid_argument, "did.invalid", "did:web: {}", why);
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.back() == '.') return false;
  for (char c : host)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
      return false;
  return host.find("..") == host.npos;
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return false;
  int value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return value <= 65535;
}

// The host, its port behind %3A (the only escape that is taken there).
Result<std::string> authority_of(std::string_view part) {
  size_t escape = part.find('%');
  const auto host = part.substr(0, escape);
  if (!is_host(host)) return invalid("the host is not a domain name");
  if (escape == part.npos) return std::string(host);
  const auto mark = part.substr(escape, 3), port = part.substr(std::min(part.size(), escape + 3));
  if ((mark != "%3A" && mark != "%3a") || !is_port(port))
    return invalid("after the host only %3A and a port");
  return std::string(host) + ":" + std::string(port);
}

class WebResolver : public Resolver {
 public:
  explicit WebResolver(WebOptions options) : options_(std::move(options)) {}

  Result<Resolution> resolve(const std::string& did) override {
    ASSIGN(std::string address, web_address(did));
    ASSIGN(const std::string authority, authority_of(host_part(did)));
    for (const auto& host : options_.trusted_hosts)  // without TLS at loopback addresses only
      if (host == authority && is_loopback_name(authority)) address.replace(0, 5, "http");
    auto body = get(address, options_, kMaxDocumentBytes, "application/did+json, application/json");
    if (!body) {
      if (body.error().reason == "fetch.not_found")
        return fail(Code::not_found, "did.not_found", "{}", body.error().detail);
      return tl::unexpected(body.error());
    }
    auto json = parse_json(*body, {.max_bytes = kMaxDocumentBytes});
    if (!json) return fail(Code::invalid_argument, "did.document", "{}", json.error().to_string());
    ASSIGN(auto document, Document::parse(*json, did));
    return Resolution{std::make_shared<const Document>(std::move(document))};
  }

 private:
  static std::string_view host_part(std::string_view did) {
    did.remove_prefix(kPrefix.size());
    return did.substr(0, did.find(':'));
  }
  static bool is_loopback_name(std::string_view authority) {
    return authority.starts_with("127.") || authority == "localhost" || authority.starts_with("localhost:");
  }
  const WebOptions options_;
};

}  // namespace

Result<std::string> web_address(std::string_view did) {
  if (!is_did(did) || !did.starts_with(kPrefix)) return invalid("not such a DID");
  did.remove_prefix(kPrefix.size());
  size_t colon = did.find(':');
  ASSIGN(const std::string authority, authority_of(did.substr(0, colon)));
  std::string out = "https://" + authority;
  if (colon == did.npos) return out + "/.well-known/did.json";
  for (did.remove_prefix(colon + 1);; did.remove_prefix(colon + 1)) {
    colon = did.find(':');
    const auto part = did.substr(0, colon);
    if (part.empty() || part == "." || part == ".." || part.find('%') != part.npos)
      return invalid("an empty, dot or escaped part of the path");
    out += "/" + std::string(part);
    if (colon == did.npos) return out + "/did.json";
  }
}

std::unique_ptr<Resolver> web_resolver(WebOptions options) {
  return std::make_unique<WebResolver>(std::move(options));
}

}  // namespace chengxin::credential
