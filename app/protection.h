#pragma once
#include <optional>

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

}  // namespace chengxin::app
