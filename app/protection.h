#pragma once
#include <mutex>
#include <optional>

#include "access/service.h"
#include "api/server.h"
#include "base/file.h"
#include "config/config.h"
#include "crypto/tls.h"

namespace chengxin::app {

// How clients' connections are protected, as the configuration says.
struct Protection {
  std::optional<crypto::TlsContext> tls;
  std::string scheme = "http";
  std::string root_pem;  // what a client on this machine may trust: the server's own certificates
};
// Errors: of files; crypto.tls_identity and the reasons of reading certificates and keys.
Result<Protection> protection_of(const config::Config& config, const fs::path& data);
// config.invalid: they are for TLCP.
Result<api::ClientCertificates> client_certificates_of(const config::Config& config);

// The files of access.roots and access.crls, read again when one has changed. Thread-safe; blocks.
class TrustFiles {
 public:
  TrustFiles(const config::Config& config, fs::path data);
  // Errors: of files; crypto.certificate_malformed, crypto.crl_malformed.
  Result<std::shared_ptr<const access::Trust>> now();

 private:
  Result<access::Trust> read() const;

  const fs::path roots_, crls_;  // crls_ empty: none
  const bool crl_required_;
  const int64_t stale_ms_;
  std::mutex mutex_;
  std::vector<std::array<int64_t, 4>> stamps_;
  std::shared_ptr<const access::Trust> trust_;
};

}  // namespace chengxin::app
