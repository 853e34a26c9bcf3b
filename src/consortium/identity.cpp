#include "consortium/identity.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/json.h"
#include "consortium/impl/identity_files.h"

namespace chengxin::consortium {
namespace {

Status write_names(const fs::path& folder, const Names& names) {
  const Json json = {{"organisation", names.organisation},
                     {"title", names.title},
                     {"node", names.node},
                     {"address", names.address}};
  return write_durable(folder / "identity.json", view(json.dump(2) + "\n"), kOwner);
}

Status begin(const fs::path& folder) {
  if (there(folder / "identity.json"))
    return fail(Code::conflict, "consortium.identity_exists", "{}", folder.string());
  TRY(Identity::remove(folder));
  return make_folder(folder, 0700);
}

}  // namespace

Status check_names(const Names& names) {
  auto bad = [](std::string_view what) {
    return fail(Code::invalid_argument, "consortium.names", "{}", what);
  };
  if (!format::valid_name(names.organisation)) return bad("organisation: 1 to 40 of a-z 0-9 -");
  if (!format::valid_name(names.node)) return bad("node: 1 to 40 of a-z 0-9 -");
  if (!format::valid_address(names.address)) return bad("address: host:port");
  if (names.title.empty() || names.title.size() > 120) return bad("title: 1 to 120 bytes");
  for (unsigned char c : names.title)
    if (c < 0x20 || c == 0x7f) return bad("title: no control characters");
  return {};
}

Result<NodeCertificates> issue_node(const crypto::Authority& authority, const Names& names,
                                    const crypto::Sm2PublicKey& key, const crypto::Sm2PublicKey& encrypt_key,
                                    int64_t now_ms, int64_t valid_ms) {
  const auto& root = authority.certificate();
  crypto::CertificateRequest request;
  request.subject = {"CN", names.title, names.organisation, names.node};
  if (const std::string host = names.address.substr(0, names.address.rfind(':'));
      !host.empty() && host[0] != '[')
    request.hosts = {host};
  request.validity = {std::max(whole_seconds(now_ms) - kHourMs, root.not_before_ms),
                      std::min(whole_seconds(now_ms) + valid_ms, root.not_after_ms)};
  NodeCertificates out;
  request.purpose = crypto::Purpose::tls_sign;
  ASSIGN(out.sign, authority.issue(request, key));
  request.purpose = crypto::Purpose::tls_encrypt;
  ASSIGN(out.encrypt, authority.issue(request, encrypt_key));
  return out;
}

Status Identity::create(const fs::path& folder, const Names& names, const crypto::Sm2PrivateKey& node_key,
                        int64_t now_ms) {
  TRY(check_names(names));
  TRY(begin(folder));
  ASSIGN(auto authority, make_root(names, now_ms));
  ASSIGN(auto governor, crypto::Sm2PrivateKey::generate());
  ASSIGN(auto encrypt_key, crypto::Sm2PrivateKey::generate());
  ASSIGN(auto certificates,
         issue_node(authority, names, node_key.public_key(), encrypt_key.public_key(), now_ms));
  TRY(write_key(folder / "root.pem", authority.key()));
  TRY(write_durable(folder / "root.der", authority.certificate().der, kOwner));
  TRY(write_key(folder / "governor.pem", governor));
  TRY(write_key(folder / "encrypt.pem", encrypt_key));
  TRY(write_certificates(folder, certificates));
  return write_names(folder, names);  // last: it says that all is there
}

Status Identity::create(const fs::path& folder, const Granted& granted) {
  TRY(check_names(granted.names));
  TRY(begin(folder));
  TRY(write_durable(folder / "root.der", granted.root.der, kOwner));
  TRY(write_key(folder / "encrypt.pem", granted.encrypt_key));
  TRY(write_certificates(folder, granted.certificates));
  return write_names(folder, granted.names);
}

Status Identity::remove(const fs::path& folder) {
  if (!there(folder)) return {};
  std::error_code error;
  for (const char* name : {"identity.json", "root.der", "sign.der", "encrypt.der", "encrypt.pem", "node.pem",
                           "root.pem", "governor.pem", "governor.next.pem", "crl.der", "next", "next-root"}) {
    fs::remove_all(folder / name, error);
    if (error) return tl::unexpected(file_error(folder / name, error.value()));
  }
  return sync_folder(folder);
}

Result<Identity> Identity::open(const fs::path& folder, const crypto::Sm2PrivateKey& installation_key) {
  if (!there(folder / "identity.json"))
    return fail(Code::not_found, "consortium.no_identity", "there is none in {}", folder.string());
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return tl::unexpected(file_error(folder, errno));
  if (info.st_mode & 077)
    return fail(Code::forbidden, "consortium.modes", "{} can be read or written by others", folder.string());
  TRY(finish_next_root(folder));
  Identity out;
  out.folder_ = folder;
  TRY(out.load(installation_key));
  TRY(out.load_governing());
  TRY(out.load_next());
  TRY(out.load_next_root());
  return out;
}

Status Identity::load(const crypto::Sm2PrivateKey& installation_key) {
  auto bytes = read_file(folder_ / "identity.json", 64 << 10);
  if (!bytes) return damaged("identity.json", bytes.error());
  auto json = parse_json(text(*bytes));
  if (!json) return damaged("identity.json", json.error());
  try {
    names_ = {json->at("organisation").get<std::string>(), json->at("title").get<std::string>(),
              json->at("node").get<std::string>(), json->at("address").get<std::string>()};
  } catch (const Json::exception& error) {
    return damaged("identity.json", {Code::data_loss, "json.syntax", error.what()});
  }
  if (auto status = check_names(names_); !status) return damaged("identity.json", status.error());
  key_ = installation_key;
  if (there(folder_ / "node.pem")) {
    ASSIGN(key_, read_key(folder_, "node.pem"));
  }
  ASSIGN(encrypt_key_, read_key(folder_, "encrypt.pem"));
  ASSIGN(root_, read_certificate(folder_, "root.der"));
  ASSIGN(sign_, read_certificate(folder_, "sign.der"));
  ASSIGN(encrypt_, read_certificate(folder_, "encrypt.der"));
  return {};
}

Status Identity::load_governing() {
  if (there(folder_ / "root.pem")) {
    ASSIGN(auto key, read_key(folder_, "root.pem"));
    auto opened = crypto::Authority::open(root_, std::move(key));
    if (!opened) return damaged("root.pem", opened.error());
    authority_ = std::move(*opened);
  }
  if (there(folder_ / "governor.pem")) {
    ASSIGN(governor_, read_key(folder_, "governor.pem"));
  }
  if (there(folder_ / "governor.next.pem")) {
    ASSIGN(next_governor_, read_key(folder_, "governor.next.pem"));
  }
  if (there(folder_ / "crl.der")) {
    auto bytes = read_file(folder_ / "crl.der", 1 << 20);
    if (!bytes) return damaged("crl.der", bytes.error());
    auto crl = crypto::Crl::from_der(*bytes);
    if (!crl) return damaged("crl.der", crl.error());
    crls_ = {std::move(*crl)};
  }
  return {};
}

Status Identity::load_next() {
  const fs::path next = folder_ / "next";
  if (!there(next / "sign.der")) return {};
  Next out;
  ASSIGN(out.key, read_key(next, "node.pem"));
  ASSIGN(out.certificates.sign, read_certificate(next, "sign.der"));
  ASSIGN(out.certificates.encrypt, read_certificate(next, "encrypt.der"));
  next_ = std::move(out);
  return {};
}

std::vector<crypto::Sm2PrivateKey> Identity::signing_keys() const {
  std::vector<crypto::Sm2PrivateKey> out = {key_};
  if (next_) out.push_back(next_->key);
  return out;
}

link::Credentials Identity::credentials() const { return {sign_, encrypt_, key_, encrypt_key_, {root_}}; }

Result<format::Organisation> Identity::organisation() const {
  if (!governs()) return not_governing();
  return format::Organisation{names_.organisation, names_.title, root_.der, governor_->public_key().point()};
}

format::Node Identity::node(const EngineKeys& engine, const crypto::Sm2Point& service_key,
                            format::NodeRole role) const {
  format::Node out;
  out.name = names_.node;
  out.organisation = names_.organisation;
  out.key = key_.public_key().point();
  out.service_key = service_key;
  out.engine_key = engine.key;
  out.engine_id = engine.id;
  out.address = names_.address;
  out.role = role;
  return out;
}

Status Identity::renew(int64_t now_ms) {
  if (!governs()) return not_governing();
  ASSIGN(auto fresh, issue_node(*authority_, names_, key_.public_key(), encrypt_key_.public_key(), now_ms));
  TRY(write_certificates(folder_, fresh));
  sign_ = std::move(fresh.sign);
  encrypt_ = std::move(fresh.encrypt);
  return {};
}

Status Identity::set_address(std::string_view address) {
  Names names = names_;
  names.address = address;
  TRY(check_names(names));
  TRY(write_names(folder_, names));
  names_ = std::move(names);
  return {};
}

Result<crypto::Sm2Point> Identity::prepare_key(int64_t now_ms) {
  if (next_) return next_->key.public_key().point();
  if (!governs()) return not_governing();
  Next next;
  ASSIGN(next.key, crypto::Sm2PrivateKey::generate());
  ASSIGN(next.certificates,
         issue_node(*authority_, names_, next.key.public_key(), encrypt_key_.public_key(), now_ms));
  TRY(make_folder(folder_ / "next", 0700));
  TRY(write_key(folder_ / "next" / "node.pem", next.key));
  TRY(write_certificates(folder_ / "next", next.certificates));
  next_ = std::move(next);
  return next_->key.public_key().point();
}

Status Identity::take_next_key(int64_t now_ms) {
  if (!next_) return {};
  if (authority_) {  // the root may be another one than when it was prepared
    ASSIGN(next_->certificates,
           issue_node(*authority_, names_, next_->key.public_key(), encrypt_key_.public_key(), now_ms));
  }
  TRY(write_key(folder_ / "node.pem", next_->key));
  TRY(write_certificates(folder_, next_->certificates));
  key_ = std::move(next_->key);
  sign_ = std::move(next_->certificates.sign);
  encrypt_ = std::move(next_->certificates.encrypt);
  next_.reset();
  std::error_code ignored;
  fs::remove_all(folder_ / "next", ignored);
  return sync_folder(folder_);
}

Result<crypto::Crl> Identity::revoke(std::span<const Bytes> serials, int64_t now_ms) {
  if (!governs()) return not_governing();
  std::vector<crypto::Revocation> all = crls_.empty() ? std::vector<crypto::Revocation>() : crls_[0].revoked;
  for (const Bytes& serial : serials)
    if (std::none_of(all.begin(), all.end(), [&](const auto& each) { return each.serial == serial; }))
      all.push_back({serial, whole_seconds(now_ms), 0});
  // It stands until it is replaced: whoever cannot publish a new one in time shuts nobody out.
  ASSIGN(auto crl, authority_->issue_crl(all, uint64_t(now_ms), {whole_seconds(now_ms), root_.not_after_ms}));
  TRY(write_durable(folder_ / "crl.der", crl.der, kOwner));
  crls_ = {crl};
  return crl;
}

Result<crypto::Sm2Point> Identity::prepare_governor() {
  if (!governs()) return not_governing();
  if (!next_governor_) {
    ASSIGN(auto key, crypto::Sm2PrivateKey::generate());
    TRY(write_key(folder_ / "governor.next.pem", key));
    next_governor_ = std::move(key);
  }
  return next_governor_->public_key().point();
}

Status Identity::take_governor() {
  if (!next_governor_) return {};
  TRY(write_key(folder_ / "governor.pem", *next_governor_));
  governor_ = std::move(next_governor_);
  next_governor_.reset();
  std::error_code ignored;
  fs::remove(folder_ / "governor.next.pem", ignored);
  return sync_folder(folder_);
}

std::vector<install::Finding> certificate_findings(const Identity& identity, int64_t now_ms) {
  std::vector<install::Finding> out;
  const std::string renew = identity.governs() ? "chengxin consortium renew"
                                               : "chengxin consortium renew, while the organisation's "
                                                 "governing node runs and they have not ended yet";
  const link::Credentials own = identity.credentials();
  struct Half {
    const char* name;
    const crypto::Certificate& certificate;
    crypto::Sm2Point key;
    crypto::Purpose purpose;
  };
  for (const Half& half :
       {Half{"sign.der", own.sign, own.sign_key.public_key().point(), crypto::Purpose::tls_sign},
        Half{"encrypt.der", own.encrypt, own.encrypt_key.public_key().point(),
             crypto::Purpose::tls_encrypt}}) {
    const std::string file = std::string("consortium/") + half.name;
    if (!half.certificate.public_key || half.certificate.public_key->point() != half.key)
      out.push_back({"consortium.certificate_key", file + " is of another key than this node's", renew});
    const std::vector<crypto::Certificate> roots = {identity.root()};
    auto chain = crypto::verify_chain(half.certificate, {}, roots,
                                      {.at_ms = now_ms, .purpose = half.purpose, .crls = identity.crls()});
    if (!chain)
      out.push_back({chain.error().reason, fmt::format("{}: {}", file, chain.error().detail), renew});
    else if (half.certificate.not_after_ms - now_ms < kRenewBeforeMs)
      out.push_back(
          {"consortium.certificate_soon",
           fmt::format("{} ends in {} days", file, (half.certificate.not_after_ms - now_ms) / kDayMs),
           renew});
  }
  return out;
}

}  // namespace chengxin::consortium
