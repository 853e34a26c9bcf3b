#include "install/impl/manifest.h"

#include "base/json.h"
#include "crypto/sm3.h"

namespace chengxin::install {
namespace {

constexpr char kTag[] = "chengxin/manifest/v1";

Result<std::string> digest_of(const fs::path& path) {
  crypto::Sm3 hash;
  TRY(stream_file(path, [&](ByteView chunk) {
    hash.update(chunk);
    return Status();
  }));
  return hex(hash.finish());
}

// The manifest as it would be written now.
Result<std::string> describe(const fs::path& data) {
  std::error_code error;
  fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::unavailable, "file.io", "cannot find the executable: {}", error.message());
  ASSIGN(std::string program, digest_of(executable));
  ASSIGN(std::string configuration, digest_of(data / "chengxin.yaml"));
  Json files = {{"chengxin", program}, {"chengxin.yaml", configuration}};
  const fs::path engine = executable.parent_path() / "chengxin-engine";  // where one was built
  if (fs::exists(engine, error)) {
    ASSIGN(files["chengxin-engine"], digest_of(engine));
  }
  return canonical_json({{"format", "chengxin/manifest/v1"}, {"files", files}});
}

Bytes message_of(ByteView manifest) {
  Bytes message(kTag, kTag + sizeof kTag);
  append(message, manifest);
  return message;
}

tl::unexpected<Error> differs(std::string_view what) {
  return fail(Code::data_loss, "install.manifest", "{}", what);
}

}  // namespace

Status write_manifest(const fs::path& data, const crypto::Sm2PrivateKey& key) {
  ASSIGN(std::string manifest, describe(data));
  ASSIGN(crypto::Sm2Signature signature, key.sign(message_of(view(manifest))));
  TRY(write_durable(data / "manifest.json", view(manifest), 0600));
  return write_durable(data / "manifest.sig", view(hex(signature)), 0600);
}

Status check_manifest(const fs::path& data, const crypto::Sm2PublicKey& key) {
  ASSIGN(Bytes manifest, read_file(data / "manifest.json", 1 << 20));
  ASSIGN(Bytes signature_hex, read_file(data / "manifest.sig", 4096));
  auto signature = unhex(text(signature_hex));
  if (!signature || !key.verify(message_of(manifest), *signature))
    return differs("the manifest's signature does not hold");
  ASSIGN(std::string now, describe(data));
  if (text(manifest) == now) return {};
  auto then = parse_json(text(manifest));
  Json current = Json::parse(now);
  for (const auto& [name, digest] : current["files"].items())
    if (!then || !then->contains("files") || (*then)["files"].value(name, "") != digest)
      return differs(name + " is not what was sealed; if you changed it yourself: chengxin install seal");
  return differs("the manifest lists other files; chengxin install seal makes a new one");
}

}  // namespace chengxin::install
