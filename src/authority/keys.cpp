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

// What is lost is named; that a passphrase is wanting is no damage.
Result<crypto::Sm2PrivateKey> key_of(keys::OwnKeys& keys, std::string_view name,
                                     const std::string& passphrase = {}) {
  auto key = keys.sm2(name, passphrase);
  if (!key && key.error().code == Code::data_loss) return damaged(name, key.error());
  return key;
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
  ASSIGN(const auto key, options_.keys->make_sm2("authority.ocsp"));
  const int64_t from = std::max(whole_seconds(now()) - kSkewMs, issuing.certificate().not_before_ms);
  const crypto::Name subject{"", "", "", "OCSP " + hex(ByteView(issuing.certificate().serial).first(4))};
  const crypto::CertificateOrder order{
      &kind,
      &subject,
      {},
      {from, std::min(from + kResponderMs, issuing.certificate().not_after_ms)},
      key.public_key().point()};
  ASSIGN(const auto made, issuing.issue_many({&order, 1}));
  return write_durable(options_.folder / "ocsp.der", made[0].der, kOwner);
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
  ASSIGN(auto root_key, options_.keys->make_sm2("authority.root", asked.passphrase));
  ASSIGN(const auto root,
         crypto::Authority::create_root(name(" Root CA"), {from, from + asked.root_years * 365 * kDayMs},
                                        std::move(root_key)));
  static const crypto::CertificateKind kind{.key_usage = crypto::kKeyCertSign | crypto::kCrlSign,
                                            .authority = 0};
  ASSIGN(const auto key, options_.keys->make_sm2("authority.issuing"));
  const crypto::Name subject = name(" Issuing CA");
  const int64_t until = std::min(from + asked.issuing_years * 365 * kDayMs, root.certificate().not_after_ms);
  const crypto::CertificateOrder order{&kind, &subject, {}, {from, until}, key.public_key().point()};
  ASSIGN(const auto made, root.issue_many({&order, 1}));
  ASSIGN(auto certificate, crypto::Certificate::from_der(made[0].der));
  ASSIGN(const auto issuing, crypto::Authority::open(std::move(certificate), key));
  TRY(write_durable(options_.folder / "root.der", root.certificate().der, kOwner));
  TRY(write_root_list(root));
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

// key and certificate are of one another, and of the issuing authority.
Status Service::read_responder(Keys& keys) const {
  ASSIGN(keys.responder, certificate_in(options_.folder, "ocsp.der"));
  ASSIGN(keys.responder_key, key_of(*options_.keys, "authority.ocsp"));
  if (keys.responder.public_key &&
      keys.responder.public_key->point() == keys.responder_key.public_key().point())
    return {};
  return fail(Code::data_loss, "authority.damaged", "ocsp.der is not of the responder's key");
}

Result<Service::KeysPtr> Service::read_keys() {
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
  ASSIGN(auto key, key_of(*options_.keys, "authority.issuing"));
  auto issuing = crypto::Authority::open(std::move(certificate), std::move(key));
  if (!issuing) return damaged("issuing.der", issuing.error());
  out->issuing = std::move(*issuing);
  // Key and certificate are replaced one after the other; whatever was cut short, the issuing authority makes
  // others.
  if (!read_responder(*out)) {
    TRY(create_responder(out->issuing));
    TRY(read_responder(*out));
  }
  return KeysPtr(std::move(out));
}

Status Service::renew_root_list(const std::string& passphrase) {
  {
    std::lock_guard one(creating_);
    ASSIGN(const auto current, keys());
    ASSIGN(auto key, key_of(*options_.keys, "authority.root", passphrase));
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
