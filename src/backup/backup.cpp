#include "backup/backup.h"

#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "crypto/sm3.h"

namespace chengxin::backup {
namespace {

constexpr char kTag[] = "chengxin/backup/v1";
constexpr std::string_view kFormat = "chengxin/backup/v1";

Bytes message_of(std::string_view manifest) {
  Bytes message(kTag, kTag + sizeof kTag);
  append(message, view(manifest));
  return message;
}

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::data_loss, "backup.damaged", "{}", what);
}

Result<std::vector<fs::path>> files_below(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::end(it);) {
    bool regular = it->symlink_status(error).type() == fs::file_type::regular;
    if (error) break;
    if (regular) out.push_back(it->path());
    it.increment(error);
  }
  if (error) return fail(Code::unavailable, "file.io", "{}: {}", folder.string(), error.message());
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> digest_of(const fs::path& file) {
  crypto::Sm3 hash;
  TRY(stream_file(file, [&](ByteView chunk) {
    hash.update(chunk);
    return Status();
  }));
  return hex(hash.finish());
}

Result<Json> describe(const fs::path& folder, const Report& report) {
  ASSIGN(auto files, files_below(folder));
  Json out = Json::array();
  std::error_code ignored;
  for (size_t i = 0; i < files.size(); ++i) {
    ASSIGN(std::string digest, digest_of(files[i]));
    out.push_back({{"path", fs::relative(files[i], folder).string()},
                   {"size", fs::file_size(files[i], ignored)},
                   {"sm3", digest}});
    if (report) report(i + 1, files.size());
  }
  return out;
}

// Everything below is written and synced before the folder gets its name.
Result<Json> write_all(const fs::path& folder, const std::vector<Part>& parts,
                       const crypto::Sm2PrivateKey& key, int64_t now_ms, const Report& report) {
  Json facts = Json::object();
  for (const Part& part : parts) {
    TRY(make_folder(folder / part.name));
    ASSIGN(facts[part.name], part.write(folder / part.name));
  }
  ASSIGN(Json files, describe(folder, report));
  Json manifest = {{"format", kFormat},
                   {"created_ms", now_ms},
                   {"key", hex(key.public_key().point())},
                   {"parts", facts},
                   {"files", std::move(files)}};
  ASSIGN(std::string document, canonical_json(manifest));
  ASSIGN(auto signature, key.sign(message_of(document)));
  TRY(write_durable(folder / "backup.json", view(document), 0600));
  TRY(write_durable(folder / "backup.sig", view(hex(signature)), 0600));
  ::sync();  // the parts' own files: some writers leave syncing to whoever keeps the copy
  return manifest;
}

}  // namespace

Result<Json> create(const fs::path& target, const std::vector<Part>& parts, const crypto::Sm2PrivateKey& key,
                    int64_t now_ms, const Report& report) {
  std::error_code error;
  if (fs::exists(target, error)) return fail(Code::conflict, "backup.exists", "{}", target.string());
  fs::path partial = target;
  partial += ".partial";
  fs::remove_all(partial, error);
  TRY(make_folder(partial, 0700));
  auto manifest = write_all(partial, parts, key, now_ms, report);
  if (manifest) {
    fs::rename(partial, target, error);
    if (error) manifest = fail(Code::unavailable, "file.io", "{}: {}", target.string(), error.message());
  }
  if (!manifest) {
    fs::remove_all(partial, error);
    return manifest;
  }
  TRY(sync_folder(target.has_parent_path() ? target.parent_path() : fs::path(".")));
  return manifest;
}

Result<Checked> check(const fs::path& backup, const Report& report) {
  auto document = read_file(backup / "backup.json", size_t(1) << 30);
  if (!document)
    return fail(Code::not_found, "backup.missing", "{} is no backup: {}", backup.string(),
                document.error().detail);
  auto signature_text = read_file(backup / "backup.sig", 4096);
  auto signature = signature_text ? unhex(text(*signature_text)) : tl::unexpected(signature_text.error());
  auto manifest = parse_json(text(*document), {.max_bytes = size_t(1) << 30, .max_depth = 16});
  if (!manifest || !manifest->is_object()) return damaged("backup.json does not parse");
  Checked out;
  try {
    auto point = unhex(manifest->at("key").get<std::string>());
    auto key = point ? crypto::Sm2PublicKey::from_point(*point) : tl::unexpected(point.error());
    if (!key || !signature || !key->verify(message_of(text(*document)), *signature))
      return fail(Code::data_loss, "backup.signature", "the signature over backup.json does not hold");
    if (manifest->at("format") != kFormat)
      return fail(Code::unsupported, "backup.newer_version", "{}", manifest->at("format").dump());
    out.key = key->point();
    if (!manifest->at("parts").is_object()) return damaged("backup.json names no parts");
    const Json& files = manifest->at("files");
    for (size_t i = 0; i < files.size(); ++i) {
      std::string path = files[i].at("path").get<std::string>();
      auto digest = digest_of(backup / path);
      if (!digest || *digest != files[i].at("sm3"))
        return damaged(path + (digest ? " is not what was backed up" : " cannot be read"));
      if (report) report(i + 1, files.size());
    }
  } catch (const Json::exception& error) {
    return damaged(error.what());
  }
  out.manifest = std::move(*manifest);
  return out;
}

Status restore_part(const fs::path& backup, const Json& manifest, const std::string& part,
                    const fs::path& into) {
  TRY(make_folder(into));
  for (const Json& file : manifest.at("files")) {
    fs::path path = file.at("path").get<std::string>();
    if (path.empty() || path.begin()->string() != part) continue;
    for (const fs::path& piece : path)
      if (piece == ".." || path.is_absolute()) return damaged(path.string() + " leads out of the backup");
    fs::path target = into / path.lexically_relative(part);
    TRY(make_folder(target.parent_path()));
    std::error_code error;
    fs::copy_file(backup / path, target, error);
    if (error) return fail(Code::unavailable, "file.io", "{}: {}", target.string(), error.message());
    ASSIGN(std::string digest, digest_of(target));
    if (digest != file.at("sm3")) return damaged(path.string() + " changed while it was copied");
  }
  ::sync();
  return {};
}

}  // namespace chengxin::backup
