#include "keys/own_keys.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/random.h"
#include "crypto/sm2_delegate.h"
#include "keys/configured.h"
#include "keys/impl/files.h"
#include "keys/sealed.h"

namespace chengxin::keys {
namespace {

constexpr size_t kMostBytes = 64 << 10;
constexpr char kSealer[] = "platform-seal", kKek[] = "platform-kek", kDataKey[] = "platform";
constexpr OwnKeys::Row kRows[] = {
    {"validator", "keys/validator.pem"},
    {"service", "keys/service.pem"},
    {"installation", "keys/installation.pem"},
    {"timestamp", "keys/authority/timestamp.pem"},
    {"root", "keys/authority/root.pem"},
    {"authority.root", "keys/ca/root.pem"},
    {"authority.issuing", "keys/ca/issuing.pem"},
    {"authority.ocsp", "keys/ca/ocsp.pem"},
    {"credential.sm2", "keys/issuer.sm2.pem"},
    {"credential.p256", "keys/issuer.p256.pem", Algorithm::es256},
};

const OwnKeys::Row& row_of(std::string_view name) {
  const auto at =
      std::find_if(std::begin(kRows), std::end(kRows), [&](auto& row) { return row.name == name; });
  CHECK(at != std::end(kRows));
  return *at;
}

bool there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

tl::unexpected<Error> lost(std::string_view file, std::string_view why) {
  return fail(Code::data_loss, "install.damaged", "{}: {}", file, why);
}

// What a file holds, zeroed when it is done with.
Result<crypto::Secret> read_secret(const fs::path& file) {
  ASSIGN(Bytes bytes, read_file(file, kMostBytes));
  crypto::Secret out = crypto::to_secret(bytes);
  crypto::secure_zero(bytes.data(), bytes.size());
  return out;
}

bool encrypted(ByteView pem) {
  return text(pem).find("BEGIN ENCRYPTED PRIVATE KEY") != std::string_view::npos;
}

// The two kinds of keys, for what is the same over both.
template <typename PrivateKey>
struct Curve;
template <>
struct Curve<crypto::Sm2PrivateKey> {
  static constexpr Algorithm algorithm = Algorithm::sm2;
  static auto from_pem(std::string_view pem, std::string_view passphrase) {
    return crypto::Sm2PrivateKey::from_pem(pem, passphrase);
  }
  static auto to_pem(const crypto::Sm2PrivateKey& key, std::string_view passphrase) {
    return key.to_pem(passphrase);
  }
  static auto scalar(const crypto::Sm2PrivateKey& key) { return crypto::scalar_of(key); }
  static auto held(const std::shared_ptr<Provider>& provider, const std::string& id) {
    return private_key(provider, id);
  }
};
template <>
struct Curve<crypto::Es256PrivateKey> {
  static constexpr Algorithm algorithm = Algorithm::es256;
  static auto from_pem(std::string_view pem, std::string_view) {
    return crypto::Es256PrivateKey::from_pem(pem);
  }
  static auto to_pem(const crypto::Es256PrivateKey& key, std::string_view) { return key.to_pem(); }
  static auto scalar(const crypto::Es256PrivateKey& key) { return key.scalar(); }
  static auto held(const std::shared_ptr<Provider>& provider, const std::string& id) {
    return es256_key(provider, id);
  }
};

template <typename PrivateKey>
Status write_pem(const fs::path& file, const PrivateKey& key, std::string_view passphrase) {
  TRY(make_folder(file.parent_path()));
  ASSIGN(std::string pem, Curve<PrivateKey>::to_pem(key, passphrase));
  const Status written = write_durable(file, view(pem), 0600);
  crypto::secure_zero(pem.data(), pem.size());
  return written;
}

template <typename PrivateKey>
Result<crypto::Secret> scalar_in(const OwnKeys::Row& row, ByteView pem) {
  auto key = Curve<PrivateKey>::from_pem(text(pem), {});
  if (!key) return lost(row.file, "not such a private key");
  return Curve<PrivateKey>::scalar(*key);
}

// "blob.key" was sealed under another name of its file before there were others.
fs::path sealed_file(const fs::path& secret) {
  if (secret.filename() == "blob.key") return secret.parent_path() / "blob.sealed.key";
  return secret.string() + ".sealed";
}

bool holds_key_text(std::string_view content) {
  constexpr std::string_view begin = "-----BEGIN ", end = "PRIVATE KEY-----";
  for (size_t at = content.find(begin); at != content.npos; at = content.find(begin, at + 1)) {
    const std::string_view label = content.substr(at + begin.size(), 32);
    const size_t stop = label.find(end);
    if (stop != label.npos && label.find("ENCRYPTED") == label.npos) return true;
  }
  return content.find("\"priv_key\"") != content.npos;  // of the consensus engine
}

bool holds_key(const fs::path& file) {
  const auto content = read_secret(file);
  return content && holds_key_text(text(*content));
}

// Folders may go while this looks.
void find_files(const fs::path& folder, std::vector<fs::path>& out) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; at != end; at.increment(error)) {
    if (at->is_directory(error) && !at->is_symlink(error))
      find_files(at->path(), out);
    else if (at->is_regular_file(error))
      out.push_back(at->path());
  }
}

// What an interruption leaves of a file that was being written or destroyed.
bool is_rest(const fs::path& file) { return file.extension() == ".destroyed" || file.extension() == ".tmp"; }

}  // namespace

std::span<const OwnKeys::Row> OwnKeys::rows() { return kRows; }

Status OwnKeys::read_where() {
  if (provider_) return {};
  ASSIGN(configuration_, read_configuration(folder()));
  in_keystore_ =
      configuration_.contains("platform") && configuration_.value("provider", "software") == "software";
  return {};
}

std::string OwnKeys::id_of(const Row& row) const {
  const std::string name(row.name);
  if (!configuration_.contains("platform")) return {};
  const Json& named = configuration_["platform"];
  if (const auto at = named.find(name); at != named.end() && at->is_string()) return at->get<std::string>();
  return in_keystore_ ? "platform-" + name : std::string();
}

Status OwnKeys::unlock() {
  if (provider_) return {};
  ASSIGN(auto provider, open_configured(folder(), configuration_));
  ASSIGN(const auto pin, find_pin(configuration_));
  const Status opened = provider->unlock(pin ? ByteView(*pin) : ByteView());
  if (!opened && !pin)
    return fail(
        Code::forbidden, "keys.locked",
        "the platform's keys need a passphrase: CHENGXIN_KEYS_PIN_FILE, or systemd's chengxin-keys-pin");
  TRY(opened);
  provider_ = std::move(provider);
  return {};
}

template <typename PrivateKey>
Result<PrivateKey> OwnKeys::get(const Row& row, std::string_view passphrase) {
  CHECK(row.algorithm == Curve<PrivateKey>::algorithm);
  std::lock_guard lock(mutex_);
  auto pem = read_secret(data_ / row.file);
  if (pem) {
    auto key = Curve<PrivateKey>::from_pem(text(*pem), passphrase);
    if (!key && key.error().reason != "crypto.passphrase") return lost(row.file, "not such a private key");
    return key;
  }
  if (pem.error().reason != "file.not_found") return lost(row.file, pem.error().detail);
  TRY(read_where());
  const std::string id = id_of(row);
  if (id.empty()) return lost(row.file, pem.error().detail);
  TRY(unlock());
  const auto scalar = provider_->reveal(id);
  if (scalar) return PrivateKey::from_scalar(*scalar);  // signs many at a time, in lanes
  Result<PrivateKey> key = tl::unexpected(scalar.error());
  if (key.error().reason == "keys.unsupported") key = Curve<PrivateKey>::held(provider_, id);
  if (!key && key.error().reason == "keys.not_found") return lost(row.file, "the provider does not have it");
  return key;
}

// Where an interrupted protect() left the file, the file is what counts: it is replaced first, and goes when
// the keystore has the new key.
template <typename PrivateKey>
Result<PrivateKey> OwnKeys::make(const Row& row, std::string_view passphrase) {
  CHECK(row.algorithm == Curve<PrivateKey>::algorithm);
  {
    std::lock_guard lock(mutex_);
    TRY(read_where());
    const std::string id = id_of(row);
    if (id.empty() || in_keystore_) {
      ASSIGN(auto key, PrivateKey::generate());
      const bool keep = in_keystore_ && passphrase.empty();
      if (!keep || there(data_ / row.file)) TRY(write_pem(data_ / row.file, key, passphrase));
      if (!keep) return key;
      TRY(unlock());
      ASSIGN(const crypto::Secret scalar, Curve<PrivateKey>::scalar(key));
      const auto store = std::dynamic_pointer_cast<Keystore>(provider_);
      ASSIGN([[maybe_unused]] const Key kept, store->put_private(id, row.algorithm, scalar));
      TRY(destroy_file(data_ / row.file));
      return key;
    }
  }
  return get<PrivateKey>(row, passphrase);  // a device's
}

Result<crypto::Sm2PrivateKey> OwnKeys::sm2(std::string_view name, std::string_view passphrase) {
  return get<crypto::Sm2PrivateKey>(row_of(name), passphrase);
}
Result<crypto::Es256PrivateKey> OwnKeys::es256(std::string_view name) {
  return get<crypto::Es256PrivateKey>(row_of(name), {});
}
Result<crypto::Sm2PrivateKey> OwnKeys::make_sm2(std::string_view name, std::string_view passphrase) {
  return make<crypto::Sm2PrivateKey>(row_of(name), passphrase);
}
Result<crypto::Es256PrivateKey> OwnKeys::make_es256(std::string_view name) {
  return make<crypto::Es256PrivateKey>(row_of(name), {});
}

Result<bool> OwnKeys::has(std::string_view name) {
  const Row& row = row_of(name);
  std::lock_guard lock(mutex_);
  if (there(data_ / row.file)) return true;
  TRY(read_where());
  const std::string id = id_of(row);
  if (id.empty()) return false;
  TRY(unlock());
  const auto found = provider_->find(id);
  if (!found && found.error().reason != "keys.not_found") return tl::unexpected(found.error());
  return found.has_value();
}

// ── Secrets ────────────────────────────────────────────────────────────────────────────────────────────────

Result<std::shared_ptr<Sealed>> OwnKeys::sealed() {
  TRY(unlock());
  if (!sealed_) {
    ASSIGN(sealed_, Sealed::open(provider_, folder() / "sealed", {kKek, kSealer}));
  }
  return sealed_;
}

bool OwnKeys::has_secret(std::string_view name) const {
  const fs::path file = folder() / name;
  return there(file) || there(sealed_file(file));
}

Result<crypto::Secret> OwnKeys::secret(std::string_view name, size_t size) {
  const fs::path file = folder() / name;
  std::lock_guard lock(mutex_);
  auto out = read_secret(file);
  if (!out && there(sealed_file(file))) {
    TRY(read_where());
    ASSIGN(const auto own, sealed());
    ASSIGN(const Bytes cipher, read_file(sealed_file(file), kMostBytes));
    out = own->unseal(kDataKey, view(file.filename().string()), cipher);
  }
  if (!out) return lost("keys/" + std::string(name), out.error().to_string());
  if (out->size() != size) return lost("keys/" + std::string(name), fmt::format("not {} bytes", size));
  return out;
}

Status OwnKeys::make_secret(std::string_view name, size_t size) {
  const fs::path file = folder() / name;
  std::lock_guard lock(mutex_);
  if (there(file) || there(sealed_file(file))) return fail(Code::conflict, "keys.exists", "{}", name);
  TRY(make_folder(file.parent_path()));
  TRY(read_where());
  const crypto::Secret made = crypto::random_secret(size);
  if (!in_keystore_) return write_durable(file, made, 0600);
  ASSIGN(const auto own, sealed());
  ASSIGN(const Bytes cipher, own->seal(kDataKey, view(file.filename().string()), made));
  return write_durable(sealed_file(file), cipher, 0600);
}

std::vector<fs::path> OwnKeys::secrets() const {
  std::vector<fs::path> out = {folder() / "blob.key"};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder() / "user", error))
    if (entry.path().extension() == ".cid") out.push_back(entry.path());
  return out;
}

// ── The move ───────────────────────────────────────────────────────────────────────────────────────────────

// A key with a passphrase of its own stays where it is.
Status OwnKeys::move_in(const Row& row) {
  const auto pem = read_secret(data_ / row.file);
  if (!pem && pem.error().reason == "file.not_found") return {};
  if (!pem) return tl::unexpected(pem.error());
  if (encrypted(*pem)) return {};
  ASSIGN(const crypto::Secret scalar, row.algorithm == Algorithm::es256
                                          ? scalar_in<crypto::Es256PrivateKey>(row, *pem)
                                          : scalar_in<crypto::Sm2PrivateKey>(row, *pem));
  const std::string id = id_of(row);
  const auto there = provider_->reveal(id);
  if (there && crypto::constant_time_equal(*there, scalar)) return {};
  if (!there && there.error().reason != "keys.not_found") return tl::unexpected(there.error());
  ASSIGN([[maybe_unused]] const Key kept,
         std::dynamic_pointer_cast<Keystore>(provider_)->put_private(id, row.algorithm, scalar));
  return {};
}

Status OwnKeys::move_in(const fs::path& secret) {
  const auto bytes = read_secret(secret);
  if (!bytes && bytes.error().reason == "file.not_found") return {};
  if (!bytes) return tl::unexpected(bytes.error());
  ASSIGN(const auto own, sealed());
  ASSIGN(const Bytes cipher, own->seal(kDataKey, view(secret.filename().string()), *bytes));
  return write_durable(sealed_file(secret), cipher, 0600);
}

Status OwnKeys::protect(ByteView passphrase, uint32_t iterations) {
  std::lock_guard lock(mutex_);
  TRY(read_where());
  if (configuration_.value("provider", "software") != "software")
    return fail(Code::unsupported, "keys.unsupported", "keys cannot be moved into a device: make them there");
  const fs::path place = folder() / "keystore";
  if (!there(place / "keystore.json")) TRY(Keystore::create(place, passphrase, iterations));
  ASSIGN(auto store, Keystore::open(place));
  if (!store->has_passphrase()) TRY(store->change_passphrase({}, passphrase, iterations));
  TRY(store->unlock(passphrase));
  provider_ = store;
  in_keystore_ = true;
  if (!configuration_.contains("platform")) configuration_["platform"] = Json::object();
  for (const Row& row : kRows) TRY(move_in(row));
  for (const char* id : {kSealer, kKek})
    if (!store->find(id)) {
      ASSIGN([[maybe_unused]] const auto made, store->generate(id, Algorithm::sm2));
    }
  ASSIGN(const auto own, sealed());
  if (Status made = own->create(kDataKey); !made && made.error().reason != "keys.exists") return made;
  for (const fs::path& secret : secrets()) TRY(move_in(secret));
  TRY(write_durable(folder() / "provider.json", view(configuration_.dump(2) + "\n"), 0600));
  return destroy_files();
}

// What was moved, and what an interruption of this or of a writer has left.
Status OwnKeys::destroy_files() {
  for (const Row& row : kRows) {
    const auto pem = read_secret(data_ / row.file);
    if (pem && encrypted(*pem)) continue;
    TRY(destroy_file(data_ / row.file));
  }
  for (const fs::path& secret : secrets()) TRY(destroy_file(secret));
  std::vector<fs::path> rests;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder(), error))
    if (is_rest(entry.path())) rests.push_back(entry.path());
  if (error) return tl::unexpected(file_error(folder(), error.value()));
  for (const fs::path& rest : rests) TRY(destroy_file(rest));
  return {};
}

std::vector<std::string> OwnKeys::in_clear() const {
  std::vector<fs::path> files;
  for (const char* name : {"keys", "consortium", "engine"}) find_files(data_ / name, files);
  std::vector<std::string> out;
  for (const fs::path& file : files)
    if (file.extension() == ".cid" || holds_key(file)) out.push_back(file.lexically_relative(data_).string());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> OwnKeys::left() {
  std::lock_guard lock(mutex_);
  if (!read_where() || !in_keystore_) return {};
  std::vector<std::string> out;
  const auto note = [&](const fs::path& file) { out.push_back(file.lexically_relative(data_).string()); };
  for (const Row& row : kRows) {
    const fs::path file = data_ / row.file;
    std::error_code error;
    for (fs::directory_iterator at(file.parent_path(), error), end; at != end; at.increment(error)) {
      const fs::path& found = at->path();
      const bool of_it = found == file || (is_rest(found) && found.string().starts_with(file.string() + "."));
      if (of_it && holds_key(found)) note(found);
    }
  }
  for (const fs::path& secret : secrets())
    if (there(secret)) note(secret);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace chengxin::keys
