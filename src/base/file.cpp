#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"

namespace chengxin {
namespace {

tl::unexpected<Error> failed(const fs::path& path) { return tl::unexpected(file_error(path, errno)); }

Result<size_t> read_some(int fd, std::span<uint8_t> into, const fs::path& path) {
  for (;;) {
    ssize_t count = ::read(fd, into.data(), into.size());
    if (count >= 0) return size_t(count);
    if (errno != EINTR) return failed(path);
  }
}

Status write_all(int fd, ByteView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return failed(path);
    }
    bytes = bytes.subspan(size_t(count));
  }
  return {};
}

Result<struct stat> stat_regular(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return failed(path);
  if (!S_ISREG(info.st_mode))
    return fail(Code::invalid_argument, "file.not_regular", "{} is not a regular file", path.string());
  return info;
}

}  // namespace

Error file_error(const fs::path& path, int error_number) {
  std::string what = fmt::format("{}: {}", path.string(), std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {Code::not_found, "file.not_found", what};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::forbidden, "file.denied", what};
    case ENOSPC:
    case EDQUOT:
      return {Code::unavailable, "file.full", what};
    case ELOOP:
      return {Code::invalid_argument, "file.not_regular", what};
    default:
      return {Code::unavailable, "file.io", what};
  }
}

Result<Bytes> read_file(const fs::path& path, size_t max_bytes) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return failed(path);
  ASSIGN(auto info, stat_regular(file.get(), path));
  if (size_t(info.st_size) > max_bytes)
    return fail(Code::too_large, "file.too_large", "{} has {} bytes, the limit is {}", path.string(),
                info.st_size, max_bytes);
  Bytes out(size_t(info.st_size));
  size_t filled = 0;
  while (filled < out.size()) {
    ASSIGN(size_t count, read_some(file.get(), std::span(out).subspan(filled), path));
    if (count == 0) break;
    filled += count;
  }
  out.resize(filled);
  return out;
}

Status write_durable(const fs::path& path, ByteView bytes, unsigned mode) {
  fs::path beside = path;
  beside += fmt::format(".{}.tmp", ::getpid());
  {
    Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file) return failed(beside);
    Status written = write_all(file.get(), bytes, beside);
    if (written && ::fsync(file.get()) != 0) written = failed(beside);
    if (!written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    auto error = failed(path);
    ::unlink(beside.c_str());
    return error;
  }
  return sync_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

Status sync_folder(const fs::path& folder) {
  Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return failed(folder);
  return {};
}

Status make_folder(const fs::path& folder, unsigned mode) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return {};
  fs::path parent = folder.parent_path();
  if (!parent.empty() && parent != folder) TRY(make_folder(parent, mode));
  if (::mkdir(folder.c_str(), mode) != 0 && errno != EEXIST) return failed(folder);
  return sync_folder(parent.empty() ? fs::path(".") : parent);
}

Status stream_file(const fs::path& path, const std::function<Status(ByteView)>& on_chunk,
                   const std::function<void(uint64_t, uint64_t)>& on_progress) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return failed(path);
  ASSIGN(auto before, stat_regular(file.get(), path));
  Bytes chunk(1 << 20);
  uint64_t done = 0;
  for (;;) {
    ASSIGN(size_t count, read_some(file.get(), chunk, path));
    if (count == 0) break;
    TRY(on_chunk(ByteView(chunk).first(count)));
    done += count;
    if (on_progress) on_progress(done, uint64_t(before.st_size));
  }
  ASSIGN(auto after, stat_regular(file.get(), path));
  bool changed = done != uint64_t(before.st_size) || before.st_size != after.st_size ||
                 before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                 before.st_mtim.tv_nsec != after.st_mtim.tv_nsec;
  if (changed)
    return fail(Code::conflict, "file.changed", "{} changed while it was read; try again when it is at rest",
                path.string());
  return {};
}

}  // namespace chengxin
