#include "authority/impl/keys.h"
#include "authority/impl/tables.h"
#include "crypto/secret.h"

namespace chengxin::authority {
namespace {

constexpr unsigned kOwner = 0600;
constexpr size_t kMaxFile = 16 << 20;

tl::unexpected<Error> damaged(std::string_view name, const Error& error) {
  return fail(Code::data_loss, "authority.damaged", "{}: {}", name, error.to_string());
}

Result<crypto::Certificate> certificate_in(const fs::path& folder, const char* name) {
  auto der = read_file(folder / name, kMaxFile);
  if (!der) return damaged(name, der.error());
  auto certificate = crypto::Certificate::from_der(*der);
  if (!certificate) return damaged(name, certificate.error());
  return certificate;
}

// crypto.passphrase stays what it is: it is no damage.
Result<crypto::Sm2PrivateKey> key_in(const fs::path& folder, const char* name,
                                     const std::string& passphrase = {}) {
  auto pem = read_file(folder / name, kMaxFile);
  if (!pem) return damaged(name, pem.error());
  auto key = crypto::Sm2PrivateKey::from_pem(text(*pem), passphrase);
  crypto::secure_zero(pem->data(), pem->size());
  if (!key && key.error().reason != "crypto.passphrase") return damaged(name, key.error());
  return key;
}

Status write_key(const fs::path& path, const crypto::Sm2PrivateKey& key, const std::string& passphrase = {}) {
  ASSIGN(std::string pem, key.to_pem(passphrase));
  const Status written = write_durable(path, view(pem), kOwner);
  crypto::secure_zero(pem.data(), pem.size());
  return written;
}

}  // namespace

Addresses Service::addresses() const {
  if (options_.public_url.empty()) return {};
  const std::string base = options_.public_url + "/api/v1/authority/";
  return {base + "crl", base + "ocsp", base + "certificates/issuing"};
}

Status Service::create_responder(const crypto::Authority& issuing) {
  static const crypto::CertificateKind kind{.extended = {crypto::ExtendedUsage::ocsp_signing},
                                            .ocsp_no_check = true};
  ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
  const int64_t from = std::max(whole_seconds(now()) - kSkewMs, issuing.certificate().not_before_ms);
  const crypto::Name subject{"", "", "", "OCSP " + hex(ByteView(issuing.certificate().serial).first(4))};
  const crypto::CertificateOrder order{
      &kind,
      &subject,
      {},
      {from, std::min(from + kResponderMs, issuing.certificate().not_after_ms)},
      key.public_key().point()};
  ASSIGN(const auto made, issuing.issue_many({&order, 1}));
  ASSIGN(const auto certificate, crypto::Certificate::from_der(made[0].der));
  ASSIGN(std::string pem, key.to_pem());
  pem.reserve(pem.size() + 4096);  // so that no copy of the key is left behind
  pem += certificate.to_pem();
  const Status written = write_durable(options_.folder / "ocsp.pem", view(pem), kOwner);
  crypto::secure_zero(pem.data(), pem.size());
  return written;
}

Status Service::write_root_list(const crypto::Authority& root) {
  const int64_t from = whole_seconds(now());
  ASSIGN(const auto list, root.issue_crl({}, uint64_t(from / 1000), {from, from + kRootListMs}));
  return write_durable(options_.folder / "root_list.der", list.der, kOwner);
}

Status Service::create(const Created& asked) {
  std::lock_guard one(creating_);
  std::error_code error;
  if (fs::exists(options_.folder / "issuing.der", error)) return fail(Code::conflict, "authority.exists");
  TRY(make_folder(options_.folder));
  const int64_t from = whole_seconds(now()) - kSkewMs;
  const auto name = [&](const char* what) {
    return crypto::Name{asked.country, asked.organization, "", asked.organization + what};
  };
  ASSIGN(const auto root,
         crypto::Authority::create_root(name(" Root CA"), {from, from + asked.root_years * 365 * kDayMs}));
  static const crypto::CertificateKind kind{.key_usage = crypto::kKeyCertSign | crypto::kCrlSign,
                                            .authority = 0};
  ASSIGN(const auto key, crypto::Sm2PrivateKey::generate());
  const crypto::Name subject = name(" Issuing CA");
  const int64_t until = std::min(from + asked.issuing_years * 365 * kDayMs, root.certificate().not_after_ms);
  const crypto::CertificateOrder order{&kind, &subject, {}, {from, until}, key.public_key().point()};
  ASSIGN(const auto made, root.issue_many({&order, 1}));
  ASSIGN(auto certificate, crypto::Certificate::from_der(made[0].der));
  ASSIGN(const auto issuing, crypto::Authority::open(std::move(certificate), key));
  TRY(write_key(options_.folder / "root.pem", root.key(), asked.passphrase));
  TRY(write_durable(options_.folder / "root.der", root.certificate().der, kOwner));
  TRY(write_root_list(root));
  TRY(write_key(options_.folder / "issuing.pem", key));
  TRY(create_responder(issuing));
  TRY(write_durable(options_.folder / "issuing.der", made[0].der,
                    kOwner));  // last: it says that all is there
  ASSIGN(auto keys, read_keys());
  {
    std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
  }
  forget_trust();
  return renew_list();
}

Result<Service::KeysPtr> Service::read_keys() const {
  std::error_code error;
  if (!fs::exists(options_.folder / "issuing.der", error)) return nullptr;
  auto out = std::make_shared<Keys>();
  ASSIGN(out->root, certificate_in(options_.folder, "root.der"));
  auto list = read_file(options_.folder / "root_list.der", kMaxFile);
  if (!list) return damaged("root_list.der", list.error());
  auto root_list = crypto::Crl::from_der(*list);
  if (!root_list) return damaged("root_list.der", root_list.error());
  out->root_list = std::move(*root_list);
  ASSIGN(auto certificate, certificate_in(options_.folder, "issuing.der"));
  ASSIGN(auto key, key_in(options_.folder, "issuing.pem"));
  auto issuing = crypto::Authority::open(std::move(certificate), std::move(key));
  if (!issuing) return damaged("issuing.pem", issuing.error());
  out->issuing = std::move(*issuing);
  auto pem = read_file(options_.folder / "ocsp.pem", kMaxFile);
  auto responder = pem ? crypto::Certificate::from_pem(text(*pem)) : tl::unexpected(pem.error());
  if (!responder) return damaged("ocsp.pem", responder.error());
  out->responder = std::move(*responder);
  crypto::secure_zero(pem->data(), pem->size());
  ASSIGN(out->responder_key, key_in(options_.folder, "ocsp.pem"));
  return KeysPtr(std::move(out));
}

Status Service::renew_root_list(const std::string& passphrase) {
  {
    std::lock_guard one(creating_);
    ASSIGN(const auto current, keys());
    ASSIGN(auto key, key_in(options_.folder, "root.pem", passphrase));
    ASSIGN(const auto root, crypto::Authority::open(current->root, std::move(key)));
    TRY(write_root_list(root));
    ASSIGN(auto renewed, read_keys());
    std::lock_guard lock(mutex_);
    keys_ = std::move(renewed);
  }
  forget_trust();
  return {};
}

}  // namespace chengxin::authority
