#include "keys/keystore.h"

#include <fcntl.h>

#include <algorithm>

#include "base/clock.h"
#include "base/descriptor.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "keys/impl/files.h"

namespace chengxin::keys {
namespace {

constexpr char kStoreFormat[] = "chengxin/keystore/v1", kKeyFormat[] = "chengxin/key/v1";
constexpr size_t kMasterBytes = 16;
constexpr uint32_t kMostIterations = 100'000'000;

tl::unexpected<Error> locked() { return fail(Code::forbidden, "keys.locked", "unlock the keystore first"); }

std::string member(const Json& json, const char* name) {
  auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// keystore.json with the master key under the passphrase.
Result<Json> sealed_master(ByteView master, ByteView passphrase, uint32_t iterations) {
  Json body = {{"format", kStoreFormat}};
  if (passphrase.empty()) {
    body["kdf"] = "none";
    body["master"] = hex(master);
    return body;
  }
  if (passphrase.size() < kLeastPassphrase)
    return fail(Code::invalid_argument, "keys.passphrase_short", "at least {} bytes", kLeastPassphrase);
  const Bytes salt = crypto::random_bytes(16);
  const crypto::Secret key = crypto::pbkdf2(passphrase, salt, iterations, kMasterBytes);
  body["kdf"] = "pbkdf2-hmac-sm3";
  body["iterations"] = iterations;
  body["salt"] = hex(salt);
  ASSIGN(body["master"], seal_field(key, view(kStoreFormat), master));
  return body;
}

Result<crypto::Secret> open_master(const fs::path& path, const Json& body, ByteView passphrase) {
  if (member(body, "kdf") == "none") {
    auto bytes = unhex(member(body, "master"));
    if (!bytes || bytes->size() != kMasterBytes) return damaged(path, "no master key");
    crypto::Secret out = crypto::to_secret(*bytes);
    crypto::secure_zero(bytes->data(), bytes->size());
    return out;
  }
  const auto iterations = body.value("iterations", Json());
  auto salt = unhex(member(body, "salt"));
  if (member(body, "kdf") != "pbkdf2-hmac-sm3" || !iterations.is_number_unsigned() || iterations == 0u ||
      iterations.get<uint64_t>() > kMostIterations || !salt || salt->empty())
    return damaged(path, "no key derivation that is known");
  const crypto::Secret key = crypto::pbkdf2(passphrase, *salt, iterations.get<uint32_t>(), kMasterBytes);
  auto master = open_field(key, view(kStoreFormat), member(body, "master"));
  if (!master || master->size() != kMasterBytes)
    return fail(Code::forbidden, "keys.passphrase", "the keystore does not open with it");
  return master;
}

// What a private key is bound to.
Result<std::string> context_of(Json body) {
  body.erase("sealed");
  return canonical_json(body);
}

Result<Key> key_of(const fs::path& path, const Json& body) {
  Key out;
  out.id = member(body, "id");
  auto point = unhex(member(body, "public_key"));
  const std::string algorithm = member(body, "algorithm");
  if (algorithm == algorithm_name(Algorithm::es256)) out.algorithm = Algorithm::es256;
  if (out.id + ".key" != path.filename() || algorithm != algorithm_name(out.algorithm) || !point ||
      point->size() != out.public_key.size())
    return damaged(path, "it does not describe its key");
  std::copy(point->begin(), point->end(), out.public_key.begin());
  out.held = body.contains("sealed");
  return out;
}

// The public half of a private key.
Result<Key> half_of(const std::string& id, Algorithm algorithm, ByteView scalar) {
  Key out{.id = id, .algorithm = algorithm, .public_key = {}};
  if (algorithm == Algorithm::es256) {
    ASSIGN(const auto key, crypto::Es256PrivateKey::from_scalar(scalar));
    out.public_key = key.public_key();
  } else {
    ASSIGN(const auto key, crypto::Sm2PrivateKey::from_scalar(scalar));
    out.public_key = key.public_key().point();
  }
  return out;
}

}  // namespace

Status Keystore::create(const fs::path& folder, ByteView passphrase, uint32_t iterations) {
  std::error_code error;
  const fs::path path = folder / "keystore.json";
  if (fs::exists(path, error)) return fail(Code::conflict, "keys.exists", "{}", path.string());
  ASSIGN(Json body, sealed_master(crypto::random_secret(kMasterBytes), passphrase, iterations));
  TRY(make_folder(folder));
  return write_checked(path, std::move(body));
}

Result<std::shared_ptr<Keystore>> Keystore::open(const fs::path& folder) {
  auto body = read_checked(folder / "keystore.json", kStoreFormat);
  if (!body && body.error().reason == "file.not_found")
    return fail(Code::not_found, "keys.no_keystore", "{}", folder.string());
  if (!body) return tl::unexpected(body.error());
  std::shared_ptr<Keystore> out(new Keystore(folder));
  out->has_passphrase_ = member(*body, "kdf") != "none";
  return out;
}

Status Keystore::change_passphrase(ByteView old_one, ByteView new_one, uint32_t iterations) {
  std::lock_guard lock(mutex_);
  const fs::path path = folder_ / "keystore.json";
  ASSIGN(const Json body, read_checked(path, kStoreFormat));
  ASSIGN(const crypto::Secret master, open_master(path, body, old_one));
  ASSIGN(Json changed, sealed_master(master, new_one, iterations));
  const Descriptor old_file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  TRY(write_checked(path, std::move(changed)));
  (void)overwrite(old_file.get());  // which may hold the master key in the clear
  has_passphrase_ = !new_one.empty();
  return {};
}

Result<Info> Keystore::info() {
  Info out{.kind = "software",
           .name = folder_.filename().string(),
           .maker = "Chengxin",
           .serial = "",
           .version = "1"};
  out.algorithms = {Algorithm::sm2, Algorithm::es256};
  out.generates = out.imports = out.decrypts = out.destroys = true;
  return out;
}

Status Keystore::unlock(ByteView passphrase) {
  std::lock_guard lock(mutex_);
  const fs::path path = folder_ / "keystore.json";
  ASSIGN(const Json body, read_checked(path, kStoreFormat));
  ASSIGN(master_, open_master(path, body, passphrase));
  return {};
}

void Keystore::lock() {
  std::lock_guard lock(mutex_);
  opened_.clear();
  master_ = {};
}

Result<Json> Keystore::read(const std::string& id) const {
  if (!check_id(id)) return no_key(id);
  auto body = read_checked(path_of(id), kKeyFormat);
  if (!body && body.error().reason == "file.not_found") return no_key(id);
  return body;
}

Result<std::vector<Key>> Keystore::list() {
  std::lock_guard lock(mutex_);
  std::vector<Key> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".key") continue;
    ASSIGN(const Json body, read_checked(entry.path(), kKeyFormat));
    ASSIGN(Key key, key_of(entry.path(), body));
    out.push_back(std::move(key));
  }
  if (error) return tl::unexpected(file_error(folder_, error.value()));
  std::sort(out.begin(), out.end(), [](const Key& a, const Key& b) { return a.id < b.id; });
  return out;
}

Result<crypto::Secret> Keystore::scalar_of(const std::string& id) const {
  ASSIGN(const Json body, read(id));
  if (master_.empty()) return locked();
  ASSIGN(const Key key, key_of(path_of(id), body));
  if (!key.held) return unsupported("the public half alone is here");
  ASSIGN(const std::string context, context_of(body));
  auto scalar = open_field(master_, view(context), member(body, "sealed"));
  if (!scalar) return damaged(path_of(id), "it is not of this keystore");
  return scalar;
}

Result<Keystore::Opened> Keystore::opened(const std::string& id) {
  if (auto at = opened_.find(id); at != opened_.end()) return at->second;
  ASSIGN(const Json body, read(id));
  ASSIGN(const Key key, key_of(path_of(id), body));
  ASSIGN(const crypto::Secret scalar, scalar_of(id));
  const auto kept = [&](auto made) -> Result<Opened> {
    if (!made) return damaged(path_of(id), made.error().to_string());
    return opened_.emplace(id, std::move(*made)).first->second;
  };
  return key.algorithm == Algorithm::es256 ? kept(crypto::Es256PrivateKey::from_scalar(scalar))
                                           : kept(crypto::Sm2PrivateKey::from_scalar(scalar));
}

Result<std::vector<crypto::Sm2Signature>> Keystore::sign(const std::string& id,
                                                         std::span<const Digest> digests) {
  Opened key;
  {
    std::lock_guard lock(mutex_);
    ASSIGN(key, opened(id));
  }
  if (const auto* sm2 = std::get_if<crypto::Sm2PrivateKey>(&key)) return sm2->sign_many(digests);
  std::vector<crypto::Sm2Signature> out;
  for (const Digest& e : digests) {
    ASSIGN(const auto made, std::get<crypto::Es256PrivateKey>(key).sign_digest(e));
    out.push_back(made);
  }
  return out;
}

Result<Bytes> Keystore::random(size_t count) { return crypto::random_bytes(count); }

Result<Key> Keystore::keep(const Key& key, ByteView scalar, bool replace) {
  TRY(check_id(key.id));
  std::lock_guard lock(mutex_);
  std::error_code error;
  if (!replace && fs::exists(path_of(key.id), error))
    return fail(Code::conflict, "keys.exists", "{}", key.id);
  Json body = {{"format", kKeyFormat},
               {"id", key.id},
               {"algorithm", algorithm_name(key.algorithm)},
               {"public_key", hex(key.public_key)},
               {"created_ms", now_ms()}};
  if (!scalar.empty()) {
    if (master_.empty()) return locked();
    ASSIGN(const std::string context, context_of(body));
    ASSIGN(body["sealed"], seal_field(master_, view(context), scalar));
  }
  ASSIGN(Key out, key_of(path_of(key.id), body));
  TRY(write_checked(path_of(key.id), std::move(body)));
  opened_.erase(key.id);
  return out;
}

Result<Key> Keystore::generate(const std::string& id, Algorithm algorithm) {
  const crypto::Secret scalar = crypto::random_secret(32);  // out of range: once in 2^32
  ASSIGN(const Key key, half_of(id, algorithm, scalar));
  return keep(key, scalar, false);
}

Result<Key> Keystore::import_public(const std::string& id, const crypto::Sm2PublicKey& key) {
  return keep({.id = id, .public_key = key.point()}, {}, false);
}

Result<Key> Keystore::import_private(const std::string& id, ByteView scalar) {
  ASSIGN(const Key key, half_of(id, Algorithm::sm2, scalar));
  return keep(key, scalar, false);
}

Result<Key> Keystore::put_private(const std::string& id, Algorithm algorithm, ByteView scalar) {
  ASSIGN(const Key key, half_of(id, algorithm, scalar));
  return keep(key, scalar, true);
}

// Out of the list at once; then what the file held is overwritten, as far as the file system does that in
// place.
Status Keystore::destroy(const std::string& id) {
  std::lock_guard lock(mutex_);
  ASSIGN([[maybe_unused]] const Json body, read(id));
  opened_.erase(id);
  return destroy_file(path_of(id));
}

Result<crypto::Secret> Keystore::decrypt(const std::string& id, ByteView cipher) {
  Opened key;
  {
    std::lock_guard lock(mutex_);
    ASSIGN(key, opened(id));
  }
  const auto* sm2 = std::get_if<crypto::Sm2PrivateKey>(&key);
  if (!sm2) return unsupported("ES256 keys sign only");
  ASSIGN(Bytes plain, sm2->decrypt(cipher));
  crypto::Secret out = crypto::to_secret(plain);
  crypto::secure_zero(plain.data(), plain.size());
  return out;
}

Result<crypto::Secret> Keystore::reveal(const std::string& id) {
  std::lock_guard lock(mutex_);
  return scalar_of(id);
}

}  // namespace chengxin::keys
