#include "credentials.h"

#include "base/clock.h"

namespace chengxin::app {
namespace {

// Made when the platform issues for the first time.
Result<credential::PrivateKey> sm2_key(keys::OwnKeys& keys) {
  constexpr std::string_view name = "credential.sm2";
  ASSIGN(const bool there, keys.has(name));
  ASSIGN(auto key, there ? keys.sm2(name) : keys.make_sm2(name));
  return credential::PrivateKey(std::move(key));
}

Result<credential::PrivateKey> p256_key(keys::OwnKeys& keys) {
  constexpr std::string_view name = "credential.p256";
  ASSIGN(const bool there, keys.has(name));
  ASSIGN(auto key, there ? keys.es256(name) : keys.make_es256(name));
  return credential::PrivateKey(std::move(key));
}

}  // namespace

Result<credential::ServiceOptions> credential_options(const install::Installation& installation,
                                                      const std::string& address) {
  const auto& config = installation.config;
  const fs::path keys = installation.data / "keys";
  credential::ServiceOptions out;
  out.url = config.server_public_url.empty() ? address : config.server_public_url;
  while (out.url.ends_with('/')) out.url.pop_back();
  out.issuer = config.credential_issuer;
  ASSIGN(out.sm2_key, sm2_key(*installation.keys));
  ASSIGN(out.p256_key, p256_key(*installation.keys));
  std::error_code error;
  if (const fs::path chain = keys / "issuer.sm2.crt"; fs::exists(chain, error)) {
    ASSIGN(const Bytes pem, read_file(chain, 256 << 10));
    ASSIGN(out.certificates, crypto::certificates_from_pem(text(pem)));
  }
  out.web.trusted_hosts = config::listed(config.credential_trusted_hosts);
  if (!config.credential_roots.empty()) out.web.roots = installation.data / config.credential_roots;
  out.data_key = installation.blob_key;
  out.now_ms = now_ms;
  return out;
}

}  // namespace chengxin::app
