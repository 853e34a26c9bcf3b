#include "crypto/certificate.h"
#include "install/install.h"

namespace chengxin::install {
namespace {

struct NamedFile {
  std::string setting, file;  // none: not set
  bool certificates = false;
};

std::vector<NamedFile> named_files(const config::Config& config) {
  std::vector<NamedFile> out = {{"access.roots", config.access_roots, true},
                                {"access.crls", config.access_crls},
                                {"credential.roots", config.credential_roots, true}};
  if (config.server_tls != "off") {
    out.push_back({"server.tls_certificate", config.server_tls_certificate});
    out.push_back({"server.tls_key", config.server_tls_key});
    out.push_back({"server.tls_encrypt_certificate", config.server_tls_encrypt_certificate});
    out.push_back({"server.tls_encrypt_key", config.server_tls_encrypt_key});
  }
  return out;
}

Status check(const fs::path& data, const NamedFile& one) {
  auto bytes = read_file(data / one.file, 64 << 20);  // an absolute path stays what it is
  if (!bytes) return fail(Code::invalid_argument, "config.file", "{}: {}", one.setting, bytes.error().detail);
  if (!one.certificates) return {};
  if (const auto all = crypto::certificates_from_pem(text(*bytes)); !all)
    return fail(Code::invalid_argument, "config.file", "{}: {}: {}", one.setting, (data / one.file).string(),
                all.error().to_string());
  return {};
}

}  // namespace

Status check_named_files(const fs::path& data, const config::Config& config) {
  for (const NamedFile& one : named_files(config))
    if (!one.file.empty()) TRY(check(data, one));
  return {};
}

}  // namespace chengxin::install
