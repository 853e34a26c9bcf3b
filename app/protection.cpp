#include "protection.h"

#include <sys/stat.h>

namespace chengxin::app {
namespace {

constexpr size_t kMaxPemBytes = 256 << 10;

Result<std::string> read_pem(const fs::path& data, const std::string& file, std::string_view setting) {
  if (file.empty()) return fail(Code::invalid_argument, "crypto.tls_identity", "{} is not set", setting);
  ASSIGN(Bytes bytes, read_file(data / file, kMaxPemBytes));  // an absolute path stays what it is
  return to_string(bytes);
}

// Which file it is and when it was changed: zeros where there is none.
std::array<int64_t, 4> stamp_of(const fs::path& file) {
  struct stat one {};
  if (::stat(file.c_str(), &one) != 0) return {};
  const auto ns = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {int64_t(one.st_ino), one.st_size, ns(one.st_mtim), ns(one.st_ctim)};
}

}  // namespace

Result<Protection> protection_of(const config::Config& config, const fs::path& data) {
  Protection out;
  if (config.server_tls == "off") return out;
  ASSIGN(out.root_pem, read_pem(data, config.server_tls_certificate, "server.tls_certificate"));
  ASSIGN(std::string key, read_pem(data, config.server_tls_key, "server.tls_key"));
  out.scheme = config.server_tls == "tlcp" ? "tlcp" : "https";
  if (config.server_tls == "tls13") {
    ASSIGN(out.tls, crypto::TlsContext::create_tls13(out.root_pem, key));
    return out;
  }
  const auto protocol =
      config.server_tls == "tlcp" ? crypto::TlsProtocol::tlcp : crypto::TlsProtocol::tls13_sm;
  crypto::TlsIdentity identity;
  ASSIGN(identity.chain, crypto::certificates_from_pem(out.root_pem));
  identity.sign = std::move(identity.chain.front());
  identity.chain.erase(identity.chain.begin());
  ASSIGN(identity.sign_key, crypto::Sm2PrivateKey::from_pem(key));
  if (protocol == crypto::TlsProtocol::tlcp) {
    ASSIGN(std::string certificate,
           read_pem(data, config.server_tls_encrypt_certificate, "server.tls_encrypt_certificate"));
    ASSIGN(std::string encrypt_key, read_pem(data, config.server_tls_encrypt_key, "server.tls_encrypt_key"));
    ASSIGN(identity.encrypt, crypto::Certificate::from_pem(certificate));
    ASSIGN(identity.encrypt_key, crypto::Sm2PrivateKey::from_pem(encrypt_key));
    out.root_pem += certificate;
  }
  TRY(check_tls_identity(protocol, identity));
  ASSIGN(out.tls, crypto::TlsContext::create(protocol, std::move(identity)));
  return out;
}

Result<api::ClientCertificates> client_certificates_of(const config::Config& config) {
  const std::string& mode = config.server_client_certificates;
  if (mode == "off") return api::ClientCertificates::off;
  if (config.server_tls != "tlcp")
    return fail(Code::invalid_argument, "config.invalid",
                "server.client_certificates needs server.tls: tlcp");
  return mode == "required" ? api::ClientCertificates::required : api::ClientCertificates::asked;
}

TrustFiles::TrustFiles(const config::Config& config, fs::path data)
    : roots_(data / config.access_roots),
      crls_(config.access_crls.empty() ? fs::path() : data / config.access_crls),
      crl_required_(config.access_crl_required),
      stale_ms_(config.revocation_stale_hours * 3600'000) {}

Result<access::Trust> TrustFiles::read() const {
  access::Trust out;
  out.crl_required = crl_required_;
  out.callers = true;
  ASSIGN(Bytes roots, read_file(roots_, 1 << 20));
  ASSIGN(out.roots, crypto::certificates_from_pem(text(roots)));
  if (crls_.empty()) return out;
  ASSIGN(Bytes pem, read_file(crls_, 64 << 20));
  constexpr std::string_view end = "-----END X509 CRL-----";
  std::string_view rest = text(pem);
  for (size_t at = rest.find(end); at != rest.npos; at = rest.find(end)) {
    ASSIGN(auto crl, crypto::Crl::from_pem(rest.substr(0, at + end.size())));
    crl.next_update_ms += stale_ms_;
    out.crls.push_back(std::move(crl));
    rest.remove_prefix(at + end.size());
  }
  return out;
}

Result<std::shared_ptr<const access::Trust>> TrustFiles::now() {
  std::lock_guard lock(mutex_);
  // Taken before reading: what changes meanwhile is read again the next time.
  std::vector<std::array<int64_t, 4>> stamps = {stamp_of(roots_), stamp_of(crls_)};
  if (trust_ && stamps == stamps_) return trust_;
  ASSIGN(auto fresh, read());
  trust_ = std::make_shared<const access::Trust>(std::move(fresh));
  stamps_ = std::move(stamps);
  return trust_;
}

}  // namespace chengxin::app
