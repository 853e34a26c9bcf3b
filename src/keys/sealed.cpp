#include "keys/sealed.h"

#include "base/clock.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "crypto/sm4.h"
#include "keys/impl/files.h"

namespace chengxin::keys {
namespace {

constexpr char kFormat[] = "chengxin/data-key/v1", kFolderFormat[] = "chengxin/sealed/v1";
constexpr std::string_view kMagic = "CXS1";
constexpr size_t kNonce = 12, kHead = 4 + 4 + kNonce, kKeyBytes = 16;

Bytes context_of(ByteView head, const std::string& name, ByteView context) {
  Bytes out = to_bytes(head);
  append(out, view(name));
  out.push_back(0);
  append(out, context);
  return out;
}

Result<Bytes> signed_bytes(const Json& body) {
  ASSIGN(const std::string canonical, canonical_json(body));
  Bytes out(kFormat, kFormat + sizeof kFormat);
  append(out, view(canonical));
  return out;
}

tl::unexpected<Error> erased(const std::string& name) {
  return fail(Code::gone, "keys.erased",
              "the data key {} was erased: what was sealed under it cannot be read", name);
}

}  // namespace

Sealed::Sealed(std::shared_ptr<Provider> provider, fs::path folder, crypto::Sm2Point signer_key,
               Options options)
    : provider_(std::move(provider)),
      folder_(std::move(folder)),
      signer_key_(signer_key),
      options_(std::move(options)) {}

Result<std::shared_ptr<Sealed>> Sealed::open(std::shared_ptr<Provider> provider, const fs::path& folder,
                                             const Options& options) {
  TRY(make_folder(folder));
  const fs::path path = folder / "sealed.json";
  Options own = options;
  auto body = read_checked(path, kFolderFormat);
  if (body) {
    if (!body->value("kek", Json()).is_string() || !body->value("signer", Json()).is_string())
      return damaged(path, "it names no keys");
    own = {(*body)["kek"], (*body)["signer"]};
  } else if (body.error().reason != "file.not_found") {
    return tl::unexpected(body.error());
  }
  ASSIGN(const Key signer, provider->find(own.signer));
  ASSIGN([[maybe_unused]] const Key kek, provider->find(own.kek));
  if (!body) TRY(write_checked(path, {{"format", kFolderFormat}, {"kek", own.kek}, {"signer", own.signer}}));
  return std::shared_ptr<Sealed>(new Sealed(std::move(provider), folder, signer.public_key, std::move(own)));
}

Result<Json> Sealed::read(const std::string& name) const {
  if (!check_id(name)) return no_key(name);
  auto body = read_checked(path_of(name), kFormat);
  if (!body && body.error().reason == "file.not_found") return no_key(name);
  if (!body) return tl::unexpected(body.error());
  const auto signature =
      unhex(body->value("signature", Json()).is_string() ? (*body)["signature"].get<std::string>() : "");
  body->erase("signature");
  ASSIGN(const Bytes message, signed_bytes(*body));
  ASSIGN(const auto key, crypto::Sm2PublicKey::from_point(signer_key_));
  if (!signature || !key.verify(message, *signature) || (*body)["name"] != name)
    return damaged(path_of(name), "the signature does not hold");
  return std::move(*body);
}

Status Sealed::write_signed(const std::string& name, Json body) {
  body["format"] = kFormat;
  body["name"] = name;
  ASSIGN(const Bytes message, signed_bytes(body));
  ASSIGN(const auto signature, provider_->sign_message(options_.signer, message));
  body["signature"] = hex(signature);
  return write_checked(path_of(name), std::move(body));
}

Status Sealed::write(const std::string& name, const Versions& versions, const std::string& kek) {
  ASSIGN(const Key key, provider_->find(kek));
  ASSIGN(const auto wrapping, crypto::Sm2PublicKey::from_point(key.public_key));
  Json wrapped = Json::array();
  for (const crypto::Secret& each : versions) {
    ASSIGN(const Bytes cipher, wrapping.encrypt(each));
    wrapped.push_back(hex(cipher));
  }
  return write_signed(name, {{"kek", kek}, {"versions", wrapped}});
}

Result<Sealed::Versions*> Sealed::versions(const std::string& name) {
  if (auto at = open_.find(name); at != open_.end()) return &at->second;
  ASSIGN(const Json body, read(name));
  if (body.contains("erased_ms")) return erased(name);
  Versions out;
  for (const Json& each : body["versions"]) {
    ASSIGN(const Bytes cipher, unhex(each.get<std::string>()));
    ASSIGN(crypto::Secret key, provider_->decrypt(body["kek"], cipher));
    if (key.size() != kKeyBytes) return damaged(path_of(name), "a data key has another length");
    out.push_back(std::move(key));
  }
  if (out.empty()) return damaged(path_of(name), "it holds no data key");
  return &open_.emplace(name, std::move(out)).first->second;
}

Status Sealed::create(const std::string& name) {
  TRY(check_id(name));
  std::lock_guard lock(mutex_);
  std::error_code error;
  if (fs::exists(path_of(name), error)) return fail(Code::conflict, "keys.exists", "{}", name);
  Versions fresh;
  fresh.push_back(crypto::random_secret(kKeyBytes));
  TRY(write(name, fresh, options_.kek));
  open_[name] = std::move(fresh);
  return {};
}

Status Sealed::renew(const std::string& name) {
  std::lock_guard lock(mutex_);
  ASSIGN(Versions * own, versions(name));
  Versions more = *own;
  more.push_back(crypto::random_secret(kKeyBytes));
  TRY(write(name, more, options_.kek));
  *own = std::move(more);
  return {};
}

Result<Bytes> Sealed::seal(const std::string& name, ByteView context, ByteView plain) {
  crypto::Secret key;
  Bytes out = to_bytes(view(kMagic));
  {
    std::lock_guard lock(mutex_);
    ASSIGN(const Versions* own, versions(name));
    put_be(out, uint32_t(own->size()));
    key = own->back();
  }
  append(out, crypto::random_bytes(kNonce));
  ASSIGN(const Bytes cipher,
         crypto::sm4_gcm_encrypt(key, ByteView(out).last(kNonce), context_of(out, name, context), plain));
  append(out, cipher);
  return out;
}

Result<crypto::Secret> Sealed::unseal(const std::string& name, ByteView context, ByteView sealed) {
  const auto refused = [] { return fail(Code::invalid_argument, "crypto.decrypt"); };
  crypto::Secret key;
  {
    std::lock_guard lock(mutex_);
    ASSIGN(const Versions* own, versions(name));
    if (sealed.size() < kHead + 16 || text(sealed.first(4)) != kMagic) return refused();
    const uint32_t version = get_be<uint32_t>(sealed.data() + 4);
    if (version == 0 || version > own->size()) return refused();
    key = (*own)[version - 1];
  }
  const ByteView head = sealed.first(kHead);
  ASSIGN(Bytes plain, crypto::sm4_gcm_decrypt(key, head.last(kNonce), context_of(head, name, context),
                                              sealed.subspan(kHead)));
  crypto::Secret out = crypto::to_secret(plain);
  crypto::secure_zero(plain.data(), plain.size());
  return out;
}

Result<crypto::Secret> Sealed::derive(const std::string& name, std::string_view purpose, size_t size) {
  std::lock_guard lock(mutex_);
  ASSIGN(const Versions* own, versions(name));
  Digest base = crypto::hmac_sm3(own->front(), view(purpose));
  crypto::Secret out = crypto::kdf(base, size);
  crypto::secure_zero(base.data(), base.size());
  return out;
}

Result<size_t> Sealed::change_kek(const std::string& kek) {
  std::lock_guard lock(mutex_);
  ASSIGN([[maybe_unused]] const Key key, provider_->find(kek));
  // First what is made from now on, then what is there: each file says which KEK it is under.
  TRY(write_checked(folder_ / "sealed.json",
                    {{"format", kFolderFormat}, {"kek", kek}, {"signer", options_.signer}}));
  options_.kek = kek;
  size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".dk") continue;
    const std::string name = entry.path().stem().string();
    ASSIGN(const Json body, read(name));
    if (body.contains("erased_ms") || body["kek"] == kek) continue;
    ASSIGN(const Versions* own, versions(name));
    TRY(write(name, *own, kek));
    ++count;
  }
  if (error) return tl::unexpected(file_error(folder_, error.value()));
  return count;
}

Status Sealed::erase(const std::string& name) {
  std::lock_guard lock(mutex_);
  ASSIGN(const Json body, read(name));
  open_.erase(name);
  if (body.contains("erased_ms")) return {};
  // The old file is kept under another name until it is overwritten: a crash leaves an erased name, or
  // nothing done.
  fs::path gone = path_of(name);
  gone += ".erased";
  std::error_code error;
  fs::create_hard_link(path_of(name), gone, error);
  TRY(write_signed(name, {{"erased_ms", now_ms()}}));
  if (fs::exists(gone, error)) {
    TRY(overwrite(gone));
    fs::remove(gone, error);
  }
  return sync_folder(folder_);
}

std::string Sealed::kek() const {
  std::lock_guard lock(mutex_);
  return options_.kek;
}

void Sealed::forget() {
  std::lock_guard lock(mutex_);
  open_.clear();
}

}  // namespace chengxin::keys
