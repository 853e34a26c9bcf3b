#include "install/baseline.h"

#include <thread>

#include "base/clock.h"
#include "base/json.h"
#include "install/impl/database_access.h"

namespace chengxin::install {
namespace {

constexpr std::string_view kFormat = "chengxin/access-baseline/v1";  // the tag, too
constexpr size_t kMaxBytes = 16 << 20;
constexpr int kSealMs = 500;
constexpr std::string_view kName = "access-baseline.json";

struct Baseline {
  std::string watched, unread;  // unread: why there are no rights of the database
  Entries files, database;
  Kinds folder;  // without the paths when it was read
};

std::vector<std::string> values_of(const std::map<std::string, std::string>& kind) {
  std::vector<std::string> out;
  for (const auto& [value, path] : kind) out.push_back(value);
  return out;
}

Baseline survey(const fs::path& data, const config::Config& config, const std::string& watched) {
  Baseline out;
  out.watched = watched;
  if (auto files = files_access(data, watched))
    out.files = std::move(*files);
  else
    out.files["files"] = "unread " + files.error().to_string();
  out.folder = folder_access(data);
  if (auto database = database_access(data, config))
    out.database = std::move(*database);
  else
    out.unread = database.error().to_string();
  return out;
}

Bytes message_of(ByteView baseline) {
  Bytes message = to_bytes(view(kFormat));
  message.push_back(0);
  append(message, baseline);
  return message;
}

AccessChange broken(std::string_view key, std::string why) {
  return {std::string(key), std::string(kName), "", std::move(why)};
}

// What was sealed, or what is wrong with it.
tl::expected<Baseline, AccessChange> read_baseline(const fs::path& data, const crypto::Sm2PublicKey& key) {
  const auto bytes = read_file(data / kName, kMaxBytes),
             hex_of_it = read_file(data / "access-baseline.sig", 4096);
  for (const auto* file : {&bytes, &hex_of_it})
    if (!*file && file->error().reason == "file.not_found")
      return tl::unexpected(broken("install.baseline_missing", file->error().detail));
  if (!bytes || !hex_of_it)
    return tl::unexpected(
        broken("install.baseline_signature", (bytes ? hex_of_it.error() : bytes.error()).to_string()));
  const auto signature = unhex(text(*hex_of_it));
  if (!signature || !key.verify(message_of(*bytes), *signature))
    return tl::unexpected(broken("install.baseline_signature", "not signed with this installation's key"));
  const Json json = Json::parse(text(*bytes), nullptr, false);
  if (json.is_discarded() || json.value("format", "") != kFormat)
    return tl::unexpected(
        broken("install.baseline_signature", "signed, and of a form that is not known here"));
  Baseline out;
  out.watched = json.at("watched");
  out.files = json.at("files").get<Entries>();
  for (const auto& [kind, values] : json.at("folder").items())
    for (const Json& value : values) out.folder[kind].emplace(value.get<std::string>(), "");
  out.database = json.value("database", Entries());
  out.unread = json.value("unread", "");
  return out;
}

void compare(const std::string& reason, const Entries& then, const Entries& now,
             std::vector<AccessChange>& out) {
  for (const auto& [entry, value] : then)
    if (const auto at = now.find(entry); at == now.end() || at->second != value)
      out.push_back({reason, entry, value, at == now.end() ? "" : at->second});
  for (const auto& [entry, value] : now)
    if (!then.contains(entry)) out.push_back({reason, entry, "", value});
}

std::vector<AccessChange> compare(const fs::path& data, const Baseline& then, const Baseline& now) {
  std::vector<AccessChange> out;
  compare("install.access_file", then.files, now.files, out);
  for (const auto& [kind, values] : now.folder) {
    const auto at = then.folder.find(kind);
    const auto known = at == then.folder.end() ? Kinds::mapped_type() : at->second;
    for (const auto& [value, path] : values)
      if (!known.contains(value) && !is_private(value, data))
        out.push_back(
            {"install.access_file", path, fmt::format("{}", fmt::join(values_of(known), ", ")), value});
  }
  if (!now.unread.empty())
    out.push_back({"install.access_unread", "database", "", now.unread});
  else if (!then.unread.empty())
    out.push_back({"install.access_unread", "database", "not in the baseline: " + then.unread, "read now"});
  else
    compare("install.access_database", then.database, now.database, out);
  return out;
}

// A seal replaces two files: between them the signature does not fit, which is no forgery.
tl::expected<Baseline, AccessChange> read_settled(const fs::path& data, const crypto::Sm2PublicKey& key) {
  auto then = read_baseline(data, key);
  if (then || then.error().reason != "install.baseline_signature") return then;
  std::this_thread::sleep_for(std::chrono::milliseconds(kSealMs));
  return read_baseline(data, key);
}

}  // namespace

std::string AccessChange::describe() const {
  if (before.empty()) return fmt::format("{}: {}", entry, after);
  return fmt::format("{}: {} → {}", entry, before, after.empty() ? "gone" : after);
}

std::vector<AccessChange> access_changes(const fs::path& data, const config::Config& config,
                                         const crypto::Sm2PublicKey& key) {
  const auto then = read_settled(data, key);
  if (!then) return {then.error()};
  // A baseline that an earlier release signed: closing a file of a live database drops its locks, so nothing
  // of what it watches is opened.
  if (const Status live = check_watched(data, then->watched, sqlite_databases(data, config)); !live)
    return {{live.error().reason, "install.access_files", then->watched, live.error().detail}};
  return compare(data, *then, survey(data, config, then->watched));
}

Result<std::vector<AccessChange>> write_baseline(const fs::path& data, const config::Config& config,
                                                 const crypto::Sm2PrivateKey& key) {
  TRY(check_watched(data, config.install_access_files, sqlite_databases(data, config)));
  const Baseline now = survey(data, config, config.install_access_files);
  const auto then = read_baseline(data, key.public_key());
  auto changes = then ? compare(data, *then, now) : std::vector{then.error()};
  Json folder = Json::object();
  for (const auto& [kind, values] : now.folder) folder[kind] = values_of(values);
  Json json = {{"format", kFormat},
               {"sealed_ms", now_ms()},
               {"watched", now.watched},
               {"files", now.files},
               {"folder", std::move(folder)}};
  if (now.unread.empty())
    json["database"] = now.database;
  else
    json["unread"] = now.unread;
  ASSIGN(const std::string bytes, canonical_json(json));
  if (bytes.size() > kMaxBytes)
    return fail(Code::too_large, "install.access_unread", "more than {} MiB of rights", kMaxBytes >> 20);
  ASSIGN(const crypto::Sm2Signature signature, key.sign(message_of(view(bytes))));
  TRY(write_durable(data / kName, view(bytes), 0600));
  TRY(write_durable(data / "access-baseline.sig", view(hex(signature)), 0600));
  return changes;
}

}  // namespace chengxin::install
