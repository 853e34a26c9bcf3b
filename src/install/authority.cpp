#include "crypto/authority.h"

#include "base/clock.h"
#include "crypto/secret.h"
#include "install/impl/authority.h"

namespace chengxin::install {
namespace {

constexpr int64_t kYearMs = int64_t(365) * 24 * 3600 * 1000;

tl::unexpected<Error> damaged(std::string_view name, const Error& error) {
  return fail(Code::data_loss, "install.damaged", "keys/authority/{}: {}", name, error.to_string());
}

}  // namespace

Status create_authority(const fs::path& folder, keys::OwnKeys& keys) {
  std::error_code error;
  if (fs::exists(folder / "timestamp.der", error)) return {};
  TRY(make_folder(folder));
  int64_t now = now_ms() / 1000 * 1000;  // certificates hold whole seconds
  crypto::Validity validity{now - 3600'000, now + 20 * kYearMs};
  ASSIGN(auto root_key, keys.make_sm2("root"));
  ASSIGN(auto root, crypto::Authority::create_root({"CN", "Chengxin", "", "Chengxin Root"}, validity,
                                                   std::move(root_key)));
  ASSIGN(const auto key, keys.make_sm2("timestamp"));
  crypto::CertificateRequest request;
  request.purpose = crypto::Purpose::timestamp;
  request.subject = {"CN", "Chengxin", "", "Chengxin Time-stamp Authority"};
  request.validity = validity;
  ASSIGN(auto certificate, root.issue(request, key.public_key()));
  TRY(write_durable(folder / "root.der", root.certificate().der, 0600));
  return write_durable(folder / "timestamp.der", certificate.der, 0600);  // last: it says that all is there
}

Result<Authority> open_authority(const fs::path& folder, keys::OwnKeys& keys) {
  auto certificate_in = [&](const char* name) -> Result<crypto::Certificate> {
    auto der = read_file(folder / name, 64 << 10);
    if (!der) return damaged(name, der.error());
    auto certificate = crypto::Certificate::from_der(*der);
    if (!certificate) return damaged(name, certificate.error());
    return certificate;
  };
  ASSIGN(auto root, certificate_in("root.der"));
  ASSIGN(auto certificate, certificate_in("timestamp.der"));
  ASSIGN(auto key, keys.sm2("timestamp"));
  Bytes root_der = root.der;
  auto opened = crypto::TimestampAuthority::open(std::move(key), {std::move(certificate), std::move(root)});
  if (!opened) return damaged("timestamp.pem", opened.error());
  return Authority{std::make_shared<crypto::TimestampAuthority>(std::move(*opened)), std::move(root_der)};
}

}  // namespace chengxin::install
