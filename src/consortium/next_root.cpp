#include "consortium/impl/identity_files.h"

// The root of the organisation that takes the place of the present one, and certificates that this node is
// given.
namespace chengxin::consortium {
namespace {

constexpr const char *kNextRoot = "next-root", *kTaken = "taken", *kRoot = "root.der";

Result<NodeCertificates> issue_other(const crypto::Authority& authority, const Names& own,
                                     const format::Node& node, const crypto::Sm2PublicKey& encrypt_key,
                                     int64_t now_ms) {
  ASSIGN(auto key, crypto::Sm2PublicKey::from_point(node.key));
  return issue_node(authority, {own.organisation, own.title, node.name, node.address}, key, encrypt_key,
                    now_ms);
}

Status put_in_place(const fs::path& folder, const fs::path& next) {
  for (const char* name : {"root.pem", kRoot, "encrypt.der", "sign.der"}) {
    if (!there(next / name)) continue;
    ASSIGN(Bytes bytes, read_file(next / name, 64 << 10));
    Status written = write_durable(folder / name, bytes, kOwner);
    crypto::secure_zero(bytes.data(), bytes.size());
    TRY(written);
  }
  std::error_code error;
  fs::remove(folder / "crl.der", error);  // of the old one
  TRY(sync_folder(folder));
  fs::remove(next / kRoot, error);  // which says that all is there: what else is left is nothing now
  return sync_folder(next);
}

}  // namespace

Result<crypto::Authority> make_root(const Names& names, int64_t now_ms) {
  const int64_t from = whole_seconds(now_ms) - kHourMs;
  ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
  const auto point = key.public_key().point();
  // No two roots have one subject, whatever organisations call themselves.
  const crypto::Name subject{"CN", names.title, names.organisation,
                             "Root " + hex(ByteView(point).subspan(1, 8))};
  return crypto::Authority::create_root(subject, {from, from + kRootMs}, key);
}

Status finish_next_root(const fs::path& folder) {
  const fs::path next = folder / kNextRoot;
  std::error_code error;
  if (!there(next / kTaken)) return {};
  if (there(next / kRoot)) TRY(put_in_place(folder, next));
  fs::remove_all(next, error);
  return sync_folder(folder);
}

Status Identity::load_next_root() {
  const fs::path next = folder_ / kNextRoot;
  if (!there(next / kRoot)) return {};
  ASSIGN(auto root, read_certificate(next, kRoot));
  if (there(next / "root.pem")) {
    ASSIGN(auto key, read_key(next, "root.pem"));
    auto opened = crypto::Authority::open(root, std::move(key));
    if (!opened) return damaged("next-root/root.pem", opened.error());
    next_authority_ = std::move(*opened);
  } else {
    NodeCertificates own;
    ASSIGN(own.sign, read_certificate(next, "sign.der"));
    ASSIGN(own.encrypt, read_certificate(next, "encrypt.der"));
    next_root_certificates_ = std::move(own);
  }
  next_root_ = std::move(root);
  return {};
}

Result<crypto::Certificate> Identity::prepare_root(int64_t now_ms) {
  if (!governs()) return not_governing();
  if (next_root_) return *next_root_;
  ASSIGN(auto authority, make_root(names_, now_ms));
  ASSIGN(const auto own, issue_node(authority, names_, key_.public_key(), encrypt_key_.public_key(), now_ms));
  const fs::path next = folder_ / kNextRoot;
  TRY(make_folder(next, 0700));
  TRY(write_certificates(next, own));  // so that it can be taken up by hand
  TRY(write_key(next / "root.pem", authority.key()));
  TRY(write_durable(next / kRoot, authority.certificate().der, kOwner));
  next_root_ = authority.certificate();
  next_authority_ = std::move(authority);
  return *next_root_;
}

Result<NodeCertificates> Identity::issue(const format::Node& node, const crypto::Sm2PublicKey& encrypt_key,
                                         int64_t now_ms) const {
  return issue_other(*authority_, names_, node, encrypt_key, now_ms);
}

Result<NodeCertificates> Identity::issue_next(const format::Node& node,
                                              const crypto::Sm2PublicKey& encrypt_key, int64_t now_ms) const {
  return issue_other(*next_authority_, names_, node, encrypt_key, now_ms);
}

Status Identity::check_given(const crypto::Certificate& root, const NodeCertificates& certificates,
                             int64_t now_ms) const {
  const std::vector<crypto::Certificate> roots = {root};
  auto check_one = [&](const crypto::Certificate& certificate, const crypto::Sm2PrivateKey& key,
                       crypto::Purpose purpose) -> Status {
    auto chain = crypto::verify_chain(certificate, {}, roots, {.at_ms = now_ms, .purpose = purpose});
    if (!chain)
      return fail(Code::invalid_argument, "consortium.certificates_given", "{}", chain.error().to_string());
    if (!certificate.public_key || certificate.public_key->point() != key.public_key().point())
      return fail(Code::invalid_argument, "consortium.certificates_given", "a certificate of another key");
    return {};
  };
  TRY(check_one(certificates.sign, key_, crypto::Purpose::tls_sign));
  return check_one(certificates.encrypt, encrypt_key_, crypto::Purpose::tls_encrypt);
}

Status Identity::put_certificates(const NodeCertificates& certificates, int64_t now_ms) {
  TRY(check_given(root_, certificates, now_ms));
  TRY(write_certificates(folder_, certificates));
  sign_ = certificates.sign;
  encrypt_ = certificates.encrypt;
  return {};
}

Status Identity::put_next_root(const crypto::Certificate& root, const NodeCertificates& certificates,
                               int64_t now_ms) {
  if (governs())
    return fail(Code::conflict, "consortium.certificates_given", "this node makes the root itself");
  TRY(check_given(root, certificates, now_ms));
  const fs::path next = folder_ / kNextRoot;
  std::error_code error;
  fs::remove(next / kRoot, error);  // which says that all is there
  TRY(make_folder(next, 0700));
  TRY(write_certificates(next, certificates));
  TRY(write_durable(next / kRoot, root.der, kOwner));
  next_root_ = root;
  next_root_certificates_ = certificates;
  return {};
}

Status Identity::take_next_root(int64_t now_ms) {
  if (!next_root_) return {};
  NodeCertificates certificates;
  if (next_authority_) {
    ASSIGN(certificates,
           issue_node(*next_authority_, names_, key_.public_key(), encrypt_key_.public_key(), now_ms));
    TRY(write_certificates(folder_ / kNextRoot, certificates));
  } else {
    certificates = *next_root_certificates_;
  }
  TRY(write_durable(folder_ / kNextRoot / kTaken, {}));
  TRY(finish_next_root(folder_));
  root_ = std::move(*next_root_);
  sign_ = std::move(certificates.sign);
  encrypt_ = std::move(certificates.encrypt);
  if (next_authority_) authority_ = std::move(next_authority_);
  next_root_.reset();
  next_authority_.reset();
  next_root_certificates_.reset();
  crls_.clear();
  return {};
}

}  // namespace chengxin::consortium
