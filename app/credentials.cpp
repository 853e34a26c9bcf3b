#include "credentials.h"

#include <sstream>

#include "base/clock.h"

namespace chengxin::app {
namespace {

Result<credential::PrivateKey> issuer_key(const fs::path& file, credential::Algorithm algorithm) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    ASSIGN(const auto made, credential::PrivateKey::generate(algorithm));
    ASSIGN(std::string pem, made.to_pem());
    const Status kept = write_durable(file, view(pem), 0600);
    crypto::secure_zero(pem.data(), pem.size());
    TRY(kept);
  }
  ASSIGN(Bytes pem, read_file(file, 64 << 10));
  auto key = credential::PrivateKey::from_pem(text(pem));
  crypto::secure_zero(pem.data(), pem.size());
  if (!key || key->algorithm() != algorithm)
    return fail(Code::data_loss, "install.damaged", "keys/{}: not such a key", file.filename().string());
  return key;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');)
    if (!part.empty()) out.push_back(part);
  return out;
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
  ASSIGN(out.sm2_key, issuer_key(keys / "issuer.sm2.pem", credential::Algorithm::sm2sm3));
  ASSIGN(out.p256_key, issuer_key(keys / "issuer.p256.pem", credential::Algorithm::es256));
  std::error_code error;
  if (const fs::path chain = keys / "issuer.sm2.crt"; fs::exists(chain, error)) {
    ASSIGN(const Bytes pem, read_file(chain, 256 << 10));
    ASSIGN(out.certificates, crypto::certificates_from_pem(text(pem)));
  }
  out.web.trusted_hosts = split(config.credential_trusted_hosts);
  if (!config.credential_roots.empty()) out.web.roots = installation.data / config.credential_roots;
  out.data_key = installation.blob_key;
  out.now_ms = now_ms;
  return out;
}

}  // namespace chengxin::app
