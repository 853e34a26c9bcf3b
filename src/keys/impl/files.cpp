#include "keys/impl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "crypto/sm3.h"
#include "crypto/sm4.h"

namespace chengxin::keys {
namespace {

constexpr size_t kMostBytes = 4 << 20;

Result<std::string> checksum(const Json& body) {
  ASSIGN(std::string canonical, canonical_json(body));
  return hex(crypto::sm3(view(canonical)));
}

}  // namespace

tl::unexpected<Error> damaged(const fs::path& path, std::string_view why) {
  return fail(Code::data_loss, "keys.damaged", "{}: {}", path.string(), why);
}

Status write_checked(const fs::path& path, Json body) {
  ASSIGN(body["checksum"], checksum(body));
  return write_durable(path, view(body.dump(1) + "\n"), 0600);
}

Result<Json> read_checked(const fs::path& path, std::string_view format) {
  ASSIGN(Bytes bytes, read_file(path, kMostBytes));
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return tl::unexpected(file_error(path, errno));
  if (info.st_mode & 077)
    return fail(Code::forbidden, "keys.permissions", "{}: others can read or write it; chmod go= it",
                path.string());
  auto body = parse_json(text(bytes), {.max_bytes = kMostBytes});
  if (!body) return damaged(path, body.error().to_string());
  if (!body->is_object() || body->value("format", Json()) != format)
    return damaged(path, "it is of another format");
  const Json told = body->value("checksum", Json());
  body->erase("checksum");
  auto found = checksum(*body);
  if (!found || told != *found) return damaged(path, "the checksum is another");
  return std::move(*body);
}

Result<std::string> seal_field(ByteView key, ByteView context, ByteView plain) {
  ASSIGN(const Bytes sealed, crypto::sm4_gcm_seal(key, context, plain));
  return hex(sealed);
}

Result<crypto::Secret> open_field(ByteView key, ByteView context, std::string_view sealed) {
  ASSIGN(const Bytes bytes, unhex(sealed));
  ASSIGN(Bytes plain, crypto::sm4_gcm_unseal(key, context, bytes));
  crypto::Secret out = crypto::to_secret(plain);
  crypto::secure_zero(plain.data(), plain.size());
  return out;
}

Status overwrite(int fd) {
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0) return tl::unexpected(file_error("", errno));
  const Bytes zeros(size_t(info.st_size), 0);
  const bool done = ::pwrite(fd, zeros.data(), zeros.size(), 0) == ssize_t(zeros.size()) && ::fsync(fd) == 0;
  return done ? Status() : tl::unexpected(file_error("", errno));
}

Status overwrite(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  Status done = overwrite(file.get());
  if (!done) done.error().detail = path.string() + done.error().detail;
  return done;
}

Status destroy_file(const fs::path& path) {
  fs::path gone = path;
  if (path.extension() != ".destroyed") gone += ".destroyed";
  std::error_code error;
  if (fs::exists(path, error)) fs::rename(path, gone, error);
  if (error) return tl::unexpected(file_error(path, error.value()));
  if (!fs::exists(gone, error)) return {};
  TRY(sync_folder(gone.parent_path()));  // whoever finds it under its name finds it whole
  TRY(overwrite(gone));
  fs::remove(gone, error);
  if (error) return tl::unexpected(file_error(gone, error.value()));
  return sync_folder(gone.parent_path());
}

}  // namespace chengxin::keys
