#pragma once
#include <fcntl.h>
#include <unistd.h>

#include "audit/impl/frames.h"

// What the parts of the log share.
namespace chengxin::audit {

inline tl::unexpected<Error> damaged(std::string_view reason, uint64_t segment, std::string_view what) {
  return fail(Code::data_loss, reason, "segment {}: {}", segment, what);
}

inline tl::unexpected<Error> failed(const fs::path& path) { return tl::unexpected(file_error(path, errno)); }

inline Entry own(std::string action, std::string outcome, std::string detail) {
  Entry entry;
  entry.subject = "platform";
  entry.source = "local";
  entry.action = std::move(action);
  entry.outcome = std::move(outcome);
  entry.detail = std::move(detail);
  return entry;
}

inline Status write_at(int fd, ByteView bytes, uint64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), off_t(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path);
    bytes = bytes.subspan(size_t(count));
    offset += uint64_t(count);
  }
  return {};
}

inline void close_file(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace chengxin::audit
