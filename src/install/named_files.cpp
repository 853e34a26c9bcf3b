#include "crypto/certificate.h"
#include "install/install.h"

namespace chengxin::install {
namespace {

enum class Holds { anything, certificates, certificates_for_tls };

struct NamedFile {
  std::string setting, file;  // none: not set
  Holds holds = Holds::anything;
};

std::vector<NamedFile> named_files(const config::Config& config) {
  std::vector<NamedFile> out = {{"access.roots", config.access_roots, Holds::certificates},
                                {"access.crls", config.access_crls},
                                {"credential.roots", config.credential_roots, Holds::certificates_for_tls}};
  for (const std::string& file : config::listed(config.packs_signers)) out.push_back({"packs.signers", file});
  if (!config.blobs_url.empty()) {
    out.push_back({"blobs.credentials", config.blobs_credentials});
    out.push_back({"blobs.roots", config.blobs_roots, Holds::certificates_for_tls});
  }
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
  // What only libcurl reads may hold forms that our own reader refuses.
  if (one.holds == Holds::certificates_for_tls &&
      text(*bytes).find("-----BEGIN CERTIFICATE") == std::string_view::npos)
    return fail(Code::invalid_argument, "config.file", "{}: {}: no certificate", one.setting,
                (data / one.file).string());
  if (one.holds != Holds::certificates) return {};
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
