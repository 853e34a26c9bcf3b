#include "sql/impl/durable.h"

#include <fcntl.h>
#include <unistd.h>

namespace chengxin::sql {

Status finish_durable(const fs::path& partial, const fs::path& file) {
  int fd = ::open(partial.c_str(), O_RDWR | O_CLOEXEC);
  bool synced = fd >= 0 && ::fsync(fd) == 0;
  int error = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) return tl::unexpected(file_error(partial, error));
  if (::rename(partial.c_str(), file.c_str()) != 0) return tl::unexpected(file_error(file, errno));
  return sync_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
}

}  // namespace chengxin::sql
