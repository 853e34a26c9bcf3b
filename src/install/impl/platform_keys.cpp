#include "install/impl/platform_keys.h"

#include "crypto/sm2_delegate.h"
#include "install/protect.h"
#include "keys/configured.h"
#include "keys/sealed.h"

namespace chengxin::install {
namespace {

constexpr std::string_view kNames[] = {"validator", "service", "installation", "timestamp", "root"};
constexpr char kSealer[] = "platform-seal", kKek[] = "platform-kek", kDataKey[] = "platform";

tl::unexpected<Error> damaged(std::string_view file, std::string_view why) {
  return fail(Code::data_loss, "install.damaged", "keys/{}: {}", file, why);
}

fs::path relative_path(std::string_view name) {
  const std::string file = std::string(name) + ".pem";
  return name == "timestamp" || name == "root" ? fs::path("authority") / file : fs::path(file);
}

Result<std::shared_ptr<keys::Provider>> unlocked(const fs::path& folder, const Json& configuration) {
  ASSIGN(auto provider, keys::open_configured(folder, configuration));
  ASSIGN(const auto pin, keys::find_pin(configuration));
  Status opened = provider->unlock(pin ? ByteView(*pin) : ByteView());
  if (!opened && !pin)
    return fail(
        Code::forbidden, "keys.locked",
        "the platform's keys need a passphrase: CHENGXIN_KEYS_PIN_FILE, or systemd's chengxin-keys-pin");
  TRY(opened);
  return provider;
}

Result<std::shared_ptr<keys::Sealed>> sealed_in(const fs::path& folder,
                                                std::shared_ptr<keys::Provider> provider) {
  return keys::Sealed::open(std::move(provider), folder / "sealed", {kKek, kSealer});
}

Status remove_overwritten(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return {};
  TRY(write_durable(path, Bytes(size, 0), 0600));
  fs::remove(path, error);
  return error ? tl::unexpected(file_error(path, error.value())) : sync_folder(path.parent_path());
}

Status move_in(keys::Provider& provider, const fs::path& data, std::string_view name) {
  auto pem = read_file(pem_path(data, name), 64 << 10);
  if (!pem) return {};
  auto key = crypto::Sm2PrivateKey::from_pem(text(*pem));
  crypto::secure_zero(pem->data(), pem->size());
  if (!key) return damaged(relative_path(name).string(), "not an SM2 private key");
  const std::string id = "platform-" + std::string(name);
  auto there = provider.find(id);
  if (there)
    return there->public_key == key->public_key().point() ? Status()
                                                          : Status(damaged(id, "another key is there"));
  ASSIGN(const crypto::Secret scalar, crypto::scalar_of(*key));
  ASSIGN([[maybe_unused]] const auto kept, provider.import_private(id, scalar));
  return {};
}

Status move_blob_key(const std::shared_ptr<keys::Provider>& provider, const fs::path& data) {
  auto bytes = read_file(data / "keys" / "blob.key", 64);
  if (!bytes) return {};
  for (const char* id : {kSealer, kKek})
    if (!provider->find(id)) {
      ASSIGN([[maybe_unused]] const auto made, provider->generate(id, keys::Algorithm::sm2));
    }
  ASSIGN(auto sealed, sealed_in(data / "keys", provider));
  if (Status made = sealed->create(kDataKey); !made && made.error().reason != "keys.exists") return made;
  ASSIGN(const Bytes cipher, sealed->seal(kDataKey, view("blob.key"), *bytes));
  crypto::secure_zero(bytes->data(), bytes->size());
  return write_durable(data / "keys" / "blob.sealed.key", cipher, 0600);
}

}  // namespace

fs::path pem_path(const fs::path& data, std::string_view name) { return data / "keys" / relative_path(name); }

Result<std::shared_ptr<keys::Provider>> PlatformKeys::provider() {
  if (provider_) return provider_;
  ASSIGN(configuration_, keys::read_configuration(data_ / "keys"));
  if (!configuration_.contains("platform"))
    return damaged("provider.json", "it names no keys of the platform");
  ASSIGN(provider_, unlocked(data_ / "keys", configuration_));
  return provider_;
}

Result<crypto::Sm2PrivateKey> PlatformKeys::key(std::string_view name) {
  const std::string file = relative_path(name).string();
  auto pem = read_file(pem_path(data_, name), 64 << 10);
  if (pem) {
    auto key = crypto::Sm2PrivateKey::from_pem(text(*pem));
    crypto::secure_zero(pem->data(), pem->size());
    if (!key) return damaged(file, "not an SM2 private key");
    return key;
  }
  std::error_code error;
  if (pem.error().reason != "file.not_found" || !fs::exists(data_ / "keys" / "provider.json", error))
    return damaged(file, pem.error().detail);
  ASSIGN(auto own, provider());
  const Json id = configuration_["platform"].value(std::string(name), Json());
  if (!id.is_string()) return damaged(file, "neither the file nor the provider has it");
  if (auto scalar = own->reveal(id); scalar) return crypto::Sm2PrivateKey::from_scalar(*scalar);  // in lanes
  auto key = keys::private_key(own, id);
  if (!key && key.error().reason == "keys.not_found") return damaged(file, "the provider does not have it");
  return key;
}

Result<crypto::Secret> PlatformKeys::blob_key() {
  auto bytes = read_file(data_ / "keys" / "blob.key", 64);
  crypto::Secret out;
  if (bytes) {
    out = crypto::to_secret(*bytes);
    crypto::secure_zero(bytes->data(), bytes->size());
  } else if (auto cipher = read_file(data_ / "keys" / "blob.sealed.key", 4096)) {
    ASSIGN(auto own, provider());
    ASSIGN(auto sealed, sealed_in(data_ / "keys", own));
    auto plain = sealed->unseal(kDataKey, view("blob.key"), *cipher);
    if (!plain) return damaged("blob.sealed.key", plain.error().to_string());
    out = std::move(*plain);
  }
  if (out.size() != 16) return damaged("blob.key", "it does not hold 16 bytes");
  return out;
}

Status protect(const fs::path& data, ByteView passphrase) {
  const fs::path folder = data / "keys";
  ASSIGN(Json configuration, keys::read_configuration(folder));
  if (configuration.value("provider", "software") != "software")
    return fail(Code::unsupported, "keys.unsupported", "keys cannot be moved into a device: make them there");
  std::error_code error;
  if (!fs::exists(folder / "keystore" / "keystore.json", error))
    TRY(keys::Keystore::create(folder / "keystore", passphrase));
  ASSIGN(auto store, keys::Keystore::open(folder / "keystore"));
  if (!store->has_passphrase()) TRY(store->change_passphrase({}, passphrase));
  TRY(store->unlock(passphrase));
  for (std::string_view name : kNames) TRY(move_in(*store, data, name));
  TRY(move_blob_key(store, data));
  for (std::string_view name : kNames)
    configuration["platform"][std::string(name)] = "platform-" + std::string(name);
  TRY(write_durable(folder / "provider.json", view(configuration.dump(2) + "\n"), 0600));
  for (std::string_view name : kNames) TRY(remove_overwritten(pem_path(data, name)));
  return remove_overwritten(folder / "blob.key");
}

}  // namespace chengxin::install
