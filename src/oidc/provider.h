#pragma once
#include <mutex>

#include "net/fetch.h"
#include "oidc/token.h"

// One provider: what its discovery document and its keys say, kept for a while, and the calls to it. All of
// them block, for ten seconds at most each.
namespace chengxin::oidc {

// Of its discovery document (OpenID Connect Discovery 1.0 section 3).
struct Metadata {
  std::string authorization, token, keys, userinfo, end_session;
  bool secret_in_body = false;  // client_secret_post, where client_secret_basic is not taken
  bool names_itself = false;    // RFC 9207: "iss" stands in each answer
};

class Provider {
 public:
  // `secret_file`: absolute, empty for a public client.
  Provider(config::OidcProvider settings, std::vector<jose::SignedBy> algorithms, std::string roots,
           std::string secret_file)
      : settings_(std::move(settings)),
        algorithms_(std::move(algorithms)),
        roots_(std::move(roots)),
        secret_file_(std::move(secret_file)) {}
  const config::OidcProvider& settings() const { return settings_; }

  // oidc.discovery (not what the standard says, or of another issuer), and those of net::fetch: oidc.timeout,
  // oidc.unreachable, oidc.too_large, oidc.plain_http, oidc.address_forbidden, oidc.url.
  Result<Metadata> metadata(int64_t now_ms);

  struct Code {
    std::string code, redirect, verifier, nonce;
  };
  // The code for tokens, the ID token checked, userinfo where the settings say so. oidc.code (the provider
  // does not take it: used, old, of another client), oidc.secret_file, and the reasons of check_id_token and
  // identity_of.
  Result<Identity> redeem(const Code& code, int64_t now_ms);
  Result<Logout> check_logout(std::string_view token, int64_t now_ms);

 private:
  net::Request request(const std::string& url, std::vector<std::string> headers, size_t max_bytes) const;
  Result<Json> get(const std::string& url, size_t max_bytes, std::vector<std::string> headers = {}) const;
  Result<Json> exchange(const Metadata& metadata, const Code& code) const;
  Result<std::shared_ptr<const jose::KeySet>> keys(const Metadata& metadata, bool anew, int64_t now_ms);
  // Checks a token with the keys at hand; with new ones when its key is not among them.
  template <typename Check>
  auto with_keys(int64_t now_ms, Check check) -> decltype(check(std::declval<const jose::KeySet&>()));
  Result<Json> userinfo(const Metadata& metadata, const Json& claims, const std::string& access_token) const;
  Expected expected(int64_t now_ms) const;

  const config::OidcProvider settings_;
  const std::vector<jose::SignedBy> algorithms_;
  const std::string roots_, secret_file_;
  std::mutex mutex_;  // of what follows; never held over a call to the provider
  std::optional<Metadata> metadata_;
  int64_t metadata_ms_ = 0, keys_ms_ = 0, asked_keys_ms_ = 0;
  std::shared_ptr<const jose::KeySet> keys_;
};

}  // namespace chengxin::oidc
