#include "consortium/impl/identity_files.h"

namespace chengxin::consortium {

tl::unexpected<Error> damaged(std::string_view file, const Error& why) {
  return fail(Code::data_loss, "consortium.identity_damaged", "consortium/{}: {}", file, why.to_string());
}

tl::unexpected<Error> not_governing() {
  return fail(Code::forbidden, "consortium.not_governing",
              "the organisation's root and governor key are on another node");
}

bool there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

Status write_key(const fs::path& file, const crypto::Sm2PrivateKey& key) {
  ASSIGN(std::string pem, key.to_pem());
  return write_durable(file, view(pem), kOwner);
}

Result<crypto::Sm2PrivateKey> read_key(const fs::path& folder, const char* name) {
  auto pem = read_file(folder / name, 64 << 10);
  if (!pem) return damaged(name, pem.error());
  auto key = crypto::Sm2PrivateKey::from_pem(text(*pem));
  crypto::secure_zero(pem->data(), pem->size());
  if (!key) return damaged(name, key.error());
  return key;
}

Result<crypto::Certificate> read_certificate(const fs::path& folder, const char* name) {
  auto der = read_file(folder / name, 64 << 10);
  if (!der) return damaged(name, der.error());
  auto certificate = crypto::Certificate::from_der(*der);
  if (!certificate) return damaged(name, certificate.error());
  return certificate;
}

Status write_certificates(const fs::path& folder, const NodeCertificates& certificates) {
  TRY(write_durable(folder / "encrypt.der", certificates.encrypt.der, kOwner));
  return write_durable(folder / "sign.der", certificates.sign.der, kOwner);
}

}  // namespace chengxin::consortium
