#include "keys/configured.h"

#include <sys/stat.h>

#include <cstdlib>

namespace chengxin::keys {
namespace {

constexpr std::string_view kTexts[] = {"provider", "library",  "device",      "application",
                                       "token",    "pin_file", "journal_key", "seal_key"};
constexpr std::string_view kNumbers[] = {"sm2_key_type", "sm2_generate", "sm2_sign", "timeout_ms"};

tl::unexpected<Error> mistaken(std::string_view what) {
  return fail(Code::invalid_argument, "keys.configuration", "provider.json: {}", what);
}

template <typename List>
bool among(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

}  // namespace

Status check_configuration(const Json& configuration) {
  if (!configuration.is_object()) return mistaken("it is no object");
  for (const auto& [name, value] : configuration.items()) {
    if (among(kTexts, name) && !value.is_string()) return mistaken("\"" + name + "\" must be text");
    if (among(kNumbers, name) && !value.is_number_unsigned())
      return mistaken("\"" + name + "\" must be a number");
    if (name == "indices")
      for (const Json& index : value)
        if (!index.is_number_unsigned() || index > 65535u)
          return mistaken("\"indices\" must be numbers up to 65535");
    if (!among(kTexts, name) && !among(kNumbers, name) && name != "indices" && name != "platform")
      return mistaken("\"" + name + "\" is not known");
  }
  static constexpr std::string_view kinds[] = {"software", "sdf", "skf", "pkcs11"};
  const std::string kind = configuration.value("provider", "software");
  if (!among(kinds, kind)) return mistaken("\"provider\" is software, sdf, skf or pkcs11");
  if (kind != "software" && !configuration.contains("library")) return mistaken("\"library\" is missing");
  if (configuration.contains("platform") && !configuration["platform"].is_object())
    return mistaken("\"platform\" must be an object");
  return {};
}

Result<Json> read_configuration(const fs::path& folder) {
  auto bytes = read_file(folder / "provider.json", 64 << 10);
  if (!bytes && bytes.error().reason == "file.not_found") return Json{{"provider", "software"}};
  if (!bytes) return tl::unexpected(bytes.error());
  auto out = parse_json(text(*bytes));
  if (!out) return mistaken(out.error().to_string());
  TRY(check_configuration(*out));
  return std::move(*out);
}

Result<std::shared_ptr<Provider>> open_configured(const fs::path& folder, const Json& configuration) {
  TRY(check_configuration(configuration));
  const std::string kind = configuration.value("provider", "software"),
                    library = configuration.value("library", "");
  if (kind == "software") {
    ASSIGN(std::shared_ptr<Provider> store, Keystore::open(folder / "keystore"));
    return store;
  }
  Result<std::unique_ptr<Provider>> device = mistaken("");
  if (kind == "sdf") {
    SdfOptions options{.library = library, .indices = {}};
    for (const Json& index : configuration.value("indices", Json::array())) options.indices.push_back(index);
    device = open_sdf(options);
  } else if (kind == "skf") {
    device = open_skf({.library = library,
                       .device = configuration.value("device", ""),
                       .application = configuration.value("application", "")});
  } else {
    device = open_pkcs11({.library = library,
                          .token = configuration.value("token", ""),
                          .sm2_key_type = configuration.value("sm2_key_type", 0ul),
                          .sm2_generate = configuration.value("sm2_generate", 0ul),
                          .sm2_sign = configuration.value("sm2_sign", 0ul)});
  }
  if (!device) return tl::unexpected(device.error());
  return on_one_thread(std::move(*device), configuration.value("timeout_ms", 30'000));
}

Ring::Options ring_options(const Json& configuration, const Info& info, size_t custodians,
                           std::function<int64_t()> now_ms) {
  Ring::Options out{
      .custodians = custodians, .journal_key = "journal", .seal_key = "", .now_ms = std::move(now_ms)};
  if (info.kind == "sdf") out.journal_key = "1";
  if (info.decrypts) out.seal_key = info.kind == "sdf" ? "1e" : "kek";
  out.journal_key = configuration.value("journal_key", out.journal_key);
  out.seal_key = configuration.value("seal_key", out.seal_key);
  return out;
}

Result<crypto::Secret> read_pin(const fs::path& file) {
  ASSIGN(Bytes bytes, read_file(file, 4096));
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return tl::unexpected(file_error(file, errno));
  if (info.st_mode & 077)
    return fail(Code::forbidden, "keys.permissions", "{}: others can read or write it; chmod go= it",
                file.string());
  size_t size = 0;
  while (size < bytes.size() && bytes[size] != '\n' && bytes[size] != '\r') ++size;
  crypto::Secret out = crypto::to_secret(ByteView(bytes).first(size));
  crypto::secure_zero(bytes.data(), bytes.size());
  return out;
}

Result<std::optional<crypto::Secret>> find_pin(const Json& configuration) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const char* named = std::getenv("CHENGXIN_KEYS_PIN_FILE");
  fs::path file = configuration.value("pin_file", "");
  std::error_code error;
  if (file.empty() && named) file = named;
  if (file.empty() && credentials && fs::exists(fs::path(credentials) / "chengxin-keys-pin", error))
    file = fs::path(credentials) / "chengxin-keys-pin";
  if (file.empty()) return std::nullopt;
  ASSIGN(crypto::Secret pin, read_pin(file));
  return pin;
}

}  // namespace chengxin::keys
