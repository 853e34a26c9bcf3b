#include "protection.h"

namespace chengxin::app {
namespace {

constexpr size_t kMaxPemBytes = 256 << 10;

Result<std::string> read_pem(const fs::path& data, const std::string& file, std::string_view setting) {
  if (file.empty()) return fail(Code::invalid_argument, "crypto.tls_identity", "{} is not set", setting);
  ASSIGN(Bytes bytes, read_file(data / file, kMaxPemBytes));  // an absolute path stays what it is
  return to_string(bytes);
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

}  // namespace chengxin::app
