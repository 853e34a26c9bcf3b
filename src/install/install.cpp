#include "install/install.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "crypto/random.h"
#include "install/impl/authority.h"
#include "install/impl/manifest.h"

namespace chengxin::install {
namespace {

constexpr mode_t kSecretMode = 0600;
constexpr std::string_view kBlobKey = "blob.key";
constexpr size_t kBlobKeyBytes = 16;

Status write_if_missing(const fs::path& path, const std::function<Result<Bytes>()>& content, unsigned mode) {
  std::error_code error;
  if (fs::exists(path, error)) return {};
  ASSIGN(Bytes bytes, content());
  return write_durable(path, bytes, mode);
}

const std::vector<std::string_view>& key_names() {
  static const std::vector<std::string_view> names = {"validator", "service", "installation"};
  return names;
}

Status check_version(const fs::path& data) {
  auto version = read_file(data / "VERSION", 64);
  if (!version && version.error().reason == "file.not_found")
    return fail(Code::not_found, "install.missing", "there is no installation in {}", data.string());
  if (!version) return tl::unexpected(version.error());
  int number = std::atoi(to_string(*version).c_str());
  if (number < 1) return fail(Code::data_loss, "install.damaged", "VERSION does not hold a number");
  if (number > kVersion)
    return fail(Code::unsupported, "install.newer_version",
                "the folder is of version {}, this program knows {}", number, kVersion);
  return {};
}

Status check_owner(const fs::path& data) {
  struct stat info {};
  if (::stat(data.c_str(), &info) != 0) return tl::unexpected(file_error(data, errno));
  if (info.st_uid != ::geteuid())
    return fail(Code::forbidden, "install.other_user", "{} belongs to user {}, this is user {}",
                data.string(), info.st_uid, ::geteuid());
  return {};
}

// Secrets that others can read or write, relative to the folder. Certificates and public keys are none.
std::vector<std::string> exposed_secrets(const fs::path& data) {
  std::error_code error;
  std::vector<fs::path> secrets = {data / "keys", data / "run" / "credential"};
  for (const auto& entry : fs::recursive_directory_iterator(data / "keys", error))
    if (entry.path().extension() != ".der" && entry.path().extension() != ".pub")
      secrets.push_back(entry.path());
  std::vector<std::string> out;
  for (const fs::path& path : secrets) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && info.st_mode & 077)
      out.push_back(fs::relative(path, data).string());
  }
  return out;
}

Status check_modes(const fs::path& data) {
  auto exposed = exposed_secrets(data);
  if (exposed.empty()) return {};
  return fail(Code::forbidden, "install.modes", "{} can be read or written by others",
              fmt::join(exposed, ", "));
}

// An installation, whole or interrupted, or nothing yet: not a folder of somebody else's things.
Status check_ours(const fs::path& data) {
  static const std::set<std::string> ours = {"keys",
                                             "chains",
                                             "sql",
                                             "blobs",
                                             "run",
                                             "consortium",
                                             "engine",
                                             "LOCK",
                                             "audit",
                                             "audit.marker",
                                             "chengxin.yaml",
                                             "manifest.json",
                                             "manifest.sig",
                                             "access-baseline.json",
                                             "access-baseline.sig"};
  std::error_code error;
  if (fs::exists(data / "VERSION", error)) return {};
  for (const auto& entry : fs::directory_iterator(data, error))
    // What write_durable() was writing when it was interrupted ends in .tmp.
    if (entry.path().extension() != ".tmp" && !ours.contains(entry.path().filename().string()))
      return fail(Code::conflict, "install.not_empty", "{} holds something that is no installation",
                  data.string());
  return {};
}

// With mistakes in it, which a start names, its defaults.
config::Config configured(const fs::path& data) {
  return config::load_file(data / "chengxin.yaml").value_or(config::Config());
}

}  // namespace

Status create(const fs::path& data) {
  std::error_code error;
  if (fs::exists(data / "VERSION", error)) {
    // Whole already. What is missing from it now was lost: making it anew would hide that.
    TRY(check_version(data));
    return check_owner(data);
  }
  TRY(check_ours(data));
  TRY(make_folder(data));
  TRY(make_folder(data / "keys"));
  keys::OwnKeys keys(data);
  for (std::string_view name : key_names()) {
    ASSIGN(const bool made, keys.has(name));
    if (made) continue;
    ASSIGN([[maybe_unused]] const auto key, keys.make_sm2(name));
  }
  if (Status made = keys.make_secret(kBlobKey, kBlobKeyBytes); !made && made.error().reason != "keys.exists")
    return made;
  TRY(create_authority(data / "keys" / "authority", keys));
  TRY(write_if_missing(
      data / "chengxin.yaml", [] { return Result<Bytes>(to_bytes(view(config::documented_defaults()))); },
      0600));
  return complete(data);
}

Status complete(const fs::path& data) {
  for (std::string_view folder : {"chains", "sql", "blobs", "run"}) TRY(make_folder(data / folder));
  TRY(check_keys(data));
  TRY(write_if_missing(
      data / "run" / "credential",
      [] { return Result<Bytes>(to_bytes(view(hex(crypto::random_bytes(32))))); }, kSecretMode));
  TRY(seal(data).map([](auto&&) {}));
  // Last, so that a folder with a VERSION is whole.
  return write_durable(data / "VERSION", view(std::to_string(kVersion) + "\n"), 0600);
}

Status check_keys(const fs::path& data) {
  keys::OwnKeys keys(data);
  for (std::string_view name : key_names()) {
    ASSIGN([[maybe_unused]] const auto key, keys.sm2(name));
  }
  ASSIGN([[maybe_unused]] const auto blob_key, keys.secret(kBlobKey, kBlobKeyBytes));
  ASSIGN([[maybe_unused]] const auto authority, open_authority(data / "keys" / "authority", keys));
  return {};
}

Result<std::vector<AccessChange>> seal(const fs::path& data) {
  ASSIGN(auto key, installation_key(data));
  TRY(write_manifest(data, key));
  return write_baseline(data, configured(data), key);
}

Result<std::vector<AccessChange>> unsealed(const fs::path& data) {
  ASSIGN(auto key, installation_key(data));
  return access_changes(data, configured(data), key.public_key());
}

Result<Lock> Lock::take(const fs::path& data) {
  TRY(check_ours(data));
  fs::path path = data / "LOCK";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return tl::unexpected(file_error(path, errno));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::conflict, "install.in_use", "another process serves {}", data.string());
  return Lock(std::move(file));
}

Result<Installation> open(const fs::path& data) {
  TRY(check_version(data));
  TRY(check_owner(data));
  TRY(check_modes(data));
  Installation out;
  out.keys = std::make_shared<keys::OwnKeys>(data);
  ASSIGN(out.installation_key, out.keys->sm2("installation"));
  TRY(check_manifest(data, out.installation_key.public_key()));
  out.data = data;
  ASSIGN(out.config, config::load_file(data / "chengxin.yaml"));
  TRY(check_named_files(data, out.config));
  ASSIGN(out.validator_key, out.keys->sm2("validator"));
  ASSIGN(out.service_key, out.keys->sm2("service"));
  ASSIGN(out.blob_key, out.keys->secret(kBlobKey, kBlobKeyBytes));
  ASSIGN(out.owner_token, owner_token(data));
  ASSIGN(Authority authority, open_authority(data / "keys" / "authority", *out.keys));
  out.timestamp_authority = std::move(authority.timestamps);
  out.timestamp_root = std::move(authority.root);
  return out;
}

std::vector<Finding> examine(const fs::path& data) {
  std::vector<Finding> out;
  auto note = [&](const Status& status, std::string advice) {
    if (!status) out.push_back({status.error().reason, status.error().detail, std::move(advice)});
    return status.has_value();
  };
  if (!note(check_version(data), "chengxin init --data DIR")) return out;
  if (!note(check_owner(data), "run as the user that owns the folder, or chown it")) return out;
  note(check_modes(data), "chmod -R go= keys run/credential");
  keys::OwnKeys keys(data);
  for (std::string_view name : key_names()) {
    auto key = keys.sm2(name);
    if (!key && key.error().reason.starts_with("keys.")) {
      note(tl::unexpected(key.error()), "name the file of the passphrase: CHENGXIN_KEYS_PIN_FILE");
      return out;
    }
    if (!key) {
      note(tl::unexpected(key.error()), "restore the key from a backup: chengxin backup restore");
    } else if (name == "installation") {
      note(check_manifest(data, key->public_key()),
           "if you made this change yourself: chengxin install seal");
      for (const AccessChange& change : access_changes(data, configured(data), key->public_key()))
        out.push_back(finding_of(change));
    }
  }
  if (auto blob_key = keys.secret(kBlobKey, kBlobKeyBytes); !blob_key)
    note(tl::unexpected(blob_key.error()),
         "restore keys/blob.key from a backup: without it no original opens");
  for (std::string& file : keys.left())
    out.push_back({"keys.in_clear", std::move(file), "stop the platform, then: chengxin keys protect"});
  auto authority = open_authority(data / "keys" / "authority", keys);
  if (!authority) note(tl::unexpected(authority.error()), "restore keys/authority from a backup");
  auto loaded = config::load_file(data / "chengxin.yaml");
  if (!loaded)
    note(tl::unexpected(loaded.error()), "edit chengxin.yaml, then: chengxin install seal");
  else
    note(check_named_files(data, *loaded),
         "put the file there, or edit chengxin.yaml and: chengxin install seal");
  return out;
}

Finding finding_of(const AccessChange& change) {
  std::string advice =
      "undo it; or look at all of them and accept them: chengxin install seal --show, chengxin install seal";
  if (change.reason.starts_with("install.baseline"))
    advice = "find out who did it, look at what is there now, then sign it anew: chengxin install seal";
  else if (change.reason == "install.access_unread")
    advice = "bring the database back; if it was never in the baseline: chengxin install seal";
  return {change.reason, change.describe(), std::move(advice)};
}

Result<crypto::Sm2PrivateKey> installation_key(const fs::path& data) {
  return keys::OwnKeys(data).sm2("installation");
}

Result<std::string> owner_token(const fs::path& data) {
  auto token = read_file(data / "run" / "credential", 4096);
  if (!token) return fail(Code::unauthenticated, "install.no_credential", "{}", token.error().detail);
  std::string out = to_string(*token);
  while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back()))) out.pop_back();
  if (out.size() < 32) return fail(Code::data_loss, "install.damaged", "run/credential is too short");
  return out;
}

}  // namespace chengxin::install
