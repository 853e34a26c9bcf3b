// The library calls that change files, seen by every library of the process through LD_PRELOAD. Each goes:
// outside the root, passed on; inside, counted, perhaps failed or answered with a power cut, else made known
// to the model and carried out. One lock around all of it, so that the model and the disk agree.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>

#include "shim/disk.h"

using faults::Kind;
using faults::Mode;

namespace {

struct Shim {
  faults::Plan plan = faults::read_plan();
  faults::Disk disk{plan};
  std::mutex lock;
};

Shim& shim() {
  static Shim* one = new Shim;  // never destroyed: threads write until the very end
  return *one;
}

[[gnu::destructor]] void report_count() {
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  if (s.plan.mode == Mode::count || s.plan.mode == Mode::fail)
    faults::write_report(s.plan, "operations=" + std::to_string(s.plan.operations) + "\n");
}

bool models(const Shim& s) { return s.plan.mode == Mode::powercut; }

bool inside(const Shim& s, const std::string& path) {
  return path.size() > s.plan.root.size() && path.compare(0, s.plan.root.size(), s.plan.root) == 0 &&
         path[s.plan.root.size()] == '/';
}

std::string path_of(int fd) {
  char link[32], target[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = ::readlink(link, target, sizeof target);
  return length < 0 ? std::string() : std::string(target, size_t(length));
}

bool watched(int fd) {
  Shim& s = shim();
  if (s.plan.mode == Mode::off) return false;
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) return false;
  std::string path = path_of(fd);
  return path == s.plan.root || inside(s, path);
}

// The canonical path of a name, empty when it is not below the root.
std::string watched_path(int dirfd, const char* name) {
  Shim& s = shim();
  if (s.plan.mode == Mode::off || name == nullptr || *name == 0) return {};
  std::string path = name;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path[0] != '/') path = (dirfd == AT_FDCWD ? std::string(".") : path_of(dirfd)) + "/" + path;
  size_t slash = path.rfind('/');
  char folder[PATH_MAX];
  if (::realpath(slash == 0 ? "/" : path.substr(0, slash).c_str(), folder) == nullptr) return {};
  path = std::string(folder) + path.substr(slash);
  return inside(s, path) ? path : std::string();
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

bool all_threads_stopped(pid_t process) {
  std::string tasks = "/proc/" + std::to_string(process) + "/task";
  DIR* folder = ::opendir(tasks.c_str());
  bool stopped = folder != nullptr;
  while (dirent* entry = stopped ? ::readdir(folder) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    std::string path = tasks + "/" + entry->d_name + "/stat";
    int fd = int(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[512];
    long bytes = fd < 0 ? 0 : syscall(SYS_read, fd, text, sizeof text);
    if (fd >= 0) syscall(SYS_close, fd);
    std::string_view line(text, size_t(std::max(bytes, 0L)));
    size_t name_end = line.rfind(')');
    stopped = name_end != std::string_view::npos && name_end + 2 < line.size() && line[name_end + 2] == 'T';
  }
  if (folder != nullptr) ::closedir(folder);
  return stopped;
}

// A child does it while the process stands still: another thread would see its mapped files shrink, or act on
// what it reads of a state that is half put back.
[[noreturn]] void cut_power(Shim& s) {
  const pid_t process = ::getpid();
  if (::fork() == 0) {
    syscall(SYS_kill, process, SIGSTOP);
    while (!all_threads_stopped(process)) ::usleep(100);
    std::string what = "operations=" + std::to_string(s.plan.operations) + "\n" + s.disk.cut();
    faults::write_report(s.plan, what);
    syscall(SYS_kill, process, SIGKILL);
    ::_exit(0);
  }
  for (;;) ::pause();
}

// Counts an operation; true when it shall fail. At a power cut `last` may do part of the operation, and
// nothing returns.
bool fails(Shim& s, Kind kind, const std::function<void()>& last) {
  if (s.plan.mode == Mode::slow && (kind == Kind::write || kind == Kind::sync))
    ::usleep(unsigned(s.plan.below(s.plan.delay_us)));
  if (!s.plan.reached(kind)) return false;
  if (s.plan.mode == Mode::powercut) {
    if (last && s.plan.coin()) last();
    cut_power(s);
  }
  if (s.plan.mode != Mode::fail) return false;
  errno = s.plan.error_number;
  return true;
}

uint64_t write_offset(int fd) {
  if ((::fcntl(fd, F_GETFL) & O_APPEND) == 0) return uint64_t(::lseek(fd, 0, SEEK_CUR));
  struct stat info {};
  ::fstat(fd, &info);
  return uint64_t(info.st_size);
}

size_t length_of(const iovec* parts, int count) {
  size_t all = 0;
  for (int i = 0; i < count; ++i) all += parts[i].iov_len;
  return all;
}

// Writes at `offset`, or where the descriptor stands when it is negative.
ssize_t write_parts(int fd, const iovec* parts, int count, off_t offset) {
  auto pass = [&] {
    return offset < 0 ? syscall(SYS_writev, fd, parts, count)
                      : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
  };
  if (!watched(fd)) return pass();
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  size_t bytes = length_of(parts, count);
  bool append = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;  // then the kernel ignores an offset too
  uint64_t at = offset < 0 || append ? write_offset(fd) : uint64_t(offset);
  auto torn = [&] {
    if (count == 0) return;
    size_t some = s.plan.below(parts[0].iov_len + 1);
    s.disk.before_write(fd, at, some);
    if (offset < 0 || append)
      syscall(SYS_write, fd, parts[0].iov_base, some);
    else
      syscall(SYS_pwrite64, fd, parts[0].iov_base, some, offset);
  };
  if (fails(s, Kind::write, torn)) {
    // A disk fills up in the middle of a write: what fitted is written, the next write gets the error.
    bool first = s.plan.operations == s.plan.at;
    if (s.plan.error_number == ENOSPC && s.plan.forever && first && count > 0 && parts[0].iov_len > 1) {
      iovec half{parts[0].iov_base, parts[0].iov_len / 2};
      return offset < 0 ? syscall(SYS_writev, fd, &half, 1) : syscall(SYS_pwritev, fd, &half, 1, offset, 0L);
    }
    errno = s.plan.error_number;
    return -1;
  }
  if (models(s)) s.disk.before_write(fd, at, bytes);
  return pass();
}

int open_file(int dirfd, const char* name, int flags, mode_t mode) {
  auto pass = [&](int with) { return int(syscall(SYS_openat, dirfd, name, with, mode)); };
  bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
  if (!changes || (flags & O_TMPFILE) == O_TMPFILE) return pass(flags);
  std::string path = watched_path(dirfd, name);
  if (path.empty()) return pass(flags);
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  bool there = exists(path);
  auto carry_out = [&]() -> int {
    if (!models(s)) return pass(flags);
    int fd = pass(flags & ~O_TRUNC);
    if (fd < 0) return fd;
    if (!there) {
      s.disk.created(path);
    } else if ((flags & O_TRUNC) != 0) {
      s.disk.before_resize(fd, 0);
      syscall(SYS_ftruncate, fd, 0L);
    }
    return fd;
  };
  if (fails(s, Kind::open, carry_out)) return -1;
  return carry_out();
}

int resize(int fd, off_t bytes) {
  auto pass = [&] { return int(syscall(SYS_ftruncate, fd, bytes)); };
  if (!watched(fd)) return pass();
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  auto carry_out = [&] {
    if (models(s)) s.disk.before_resize(fd, uint64_t(bytes));
    return pass();
  };
  if (fails(s, Kind::write, carry_out)) return -1;
  return carry_out();
}

int allocate(int fd, int mode, off_t offset, off_t bytes) {
  auto pass = [&] { return int(syscall(SYS_fallocate, fd, mode, offset, bytes)); };
  if (!watched(fd)) return pass();
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  auto carry_out = [&] {
    constexpr int kKeepSize = 1;
    if (models(s) && mode != kKeepSize) s.disk.before_write(fd, uint64_t(offset), uint64_t(bytes));
    return pass();
  };
  if (fails(s, Kind::write, carry_out)) return -1;
  return carry_out();
}

// Nothing is really synced: what a power cut would take is decided here, and a fault test need not wait for a
// disk.
int sync_file(int fd, int number) {
  if (!watched(fd)) return int(syscall(number, fd));
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  auto carry_out = [&] {
    if (models(s) && !s.plan.lying) s.disk.synced(fd);
  };
  if (fails(s, Kind::sync, carry_out)) return -1;
  carry_out();
  return 0;
}

// A change of names: `plain` is the system call itself, `modelled` does it and tells the model.
int change_names(const std::string& path, const std::function<int()>& plain,
                 const std::function<int()>& modelled) {
  if (path.empty()) return plain();
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  auto carry_out = [&] { return models(s) ? modelled() : plain(); };
  if (fails(s, Kind::name, carry_out)) return -1;
  return carry_out();
}

int remove_name(int dirfd, const char* name, int flags) {
  std::string path = watched_path(dirfd, name);
  return change_names(
      path, [&] { return int(syscall(SYS_unlinkat, dirfd, name, flags)); },
      [&] {
        faults::Disk& disk = shim().disk;
        return (flags & AT_REMOVEDIR) != 0 ? disk.remove_folder(path) : disk.remove_file(path);
      });
}

int rename_name(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  std::string old_path = watched_path(from_dir, from), new_path = watched_path(to_dir, to);
  auto plain = [&] { return int(syscall(SYS_renameat2, from_dir, from, to_dir, to, flags)); };
  bool modelled = !old_path.empty() && !new_path.empty() && flags == 0;
  return change_names(modelled ? new_path : std::string(), plain,
                      [&] { return shim().disk.rename(old_path, new_path); });
}

int make_folder(int dirfd, const char* name, mode_t mode) {
  std::string path = watched_path(dirfd, name);
  auto plain = [&] { return int(syscall(SYS_mkdirat, dirfd, name, mode)); };
  return change_names(path, plain, [&] {
    int done = plain();
    if (done == 0) shim().disk.made_folder(path);
    return done;
  });
}

int add_name(int dirfd, const char* name, const std::function<int()>& plain) {
  std::string path = watched_path(dirfd, name);
  return change_names(path, plain, [&] {
    int done = plain();
    if (done == 0) shim().disk.created(path);
    return done;
  });
}

mode_t mode_argument(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode_t(va_arg(arguments, int)) : 0;
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// What stdio itself writes is not seen: a FILE counts as durable at once, only its name does not.
FILE* open_stream(const char* real, const char* name, const char* mode) {
  auto* function = next<FILE*(const char*, const char*)>(real);
  std::string path = mode[0] == 'r' ? std::string() : watched_path(AT_FDCWD, name);
  if (path.empty()) return function(name, mode);
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  if (fails(s, Kind::open, nullptr)) return nullptr;
  bool there = exists(path);
  FILE* file = function(name, mode);
  if (file != nullptr && !there && models(s)) s.disk.created(path);
  return file;
}

}  // namespace

#define SEEN extern "C" __attribute__((visibility("default")))
#define OPEN_BODY(dirfd)                         \
  va_list arguments;                             \
  va_start(arguments, flags);                    \
  mode_t mode = mode_argument(flags, arguments); \
  va_end(arguments);                             \
  return open_file(dirfd, path, flags, mode)

SEEN int open(const char* path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
SEEN int open64(const char* path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
SEEN int openat(int dirfd, const char* path, int flags, ...) { OPEN_BODY(dirfd); }
SEEN int openat64(int dirfd, const char* path, int flags, ...) { OPEN_BODY(dirfd); }
SEEN int __open_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
SEEN int __open64_2(const char* path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
SEEN int __openat_2(int dirfd, const char* path, int flags) { return open_file(dirfd, path, flags, 0); }
SEEN int __openat64_2(int dirfd, const char* path, int flags) { return open_file(dirfd, path, flags, 0); }
SEEN int creat(const char* path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
SEEN int creat64(const char* path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
SEEN FILE* fopen(const char* path, const char* mode) { return open_stream("fopen", path, mode); }
SEEN FILE* fopen64(const char* path, const char* mode) { return open_stream("fopen64", path, mode); }

SEEN ssize_t write(int fd, const void* data, size_t bytes) {
  iovec part{const_cast<void*>(data), bytes};
  return write_parts(fd, &part, 1, -1);
}
SEEN ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  iovec part{const_cast<void*>(data), bytes};
  return write_parts(fd, &part, 1, offset);
}
SEEN ssize_t pwrite64(int fd, const void* data, size_t bytes, off_t offset) {
  return pwrite(fd, data, bytes, offset);
}
SEEN ssize_t writev(int fd, const iovec* parts, int count) { return write_parts(fd, parts, count, -1); }
SEEN ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return write_parts(fd, parts, count, offset);
}
SEEN ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) {
  return write_parts(fd, parts, count, offset);
}
SEEN ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int) {
  return write_parts(fd, parts, count, offset);
}
SEEN ssize_t pwritev64v2(int fd, const iovec* parts, int count, off_t offset, int) {
  return write_parts(fd, parts, count, offset);
}

// Copies in the kernel are refused; every caller then falls back to reading and writing.
SEEN ssize_t sendfile(int out, int in, off_t* offset, size_t bytes) {
  if (!watched(out)) return syscall(SYS_sendfile, out, in, offset, bytes);
  errno = EINVAL;
  return -1;
}
SEEN ssize_t sendfile64(int out, int in, off_t* offset, size_t bytes) {
  return sendfile(out, in, offset, bytes);
}
SEEN ssize_t copy_file_range(int in, off_t* in_at, int out, off_t* out_at, size_t bytes, unsigned flags) {
  if (!watched(out)) return syscall(SYS_copy_file_range, in, in_at, out, out_at, bytes, flags);
  errno = EXDEV;
  return -1;
}

SEEN int ftruncate(int fd, off_t bytes) { return resize(fd, bytes); }
SEEN int ftruncate64(int fd, off_t bytes) { return resize(fd, bytes); }
SEEN int truncate(const char* path, off_t bytes) {
  int fd = int(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC));
  if (fd < 0) return -1;
  int done = resize(fd, bytes), error_number = errno;
  syscall(SYS_close, fd);
  errno = error_number;
  return done;
}
SEEN int truncate64(const char* path, off_t bytes) { return truncate(path, bytes); }
SEEN int fallocate(int fd, int mode, off_t offset, off_t bytes) { return allocate(fd, mode, offset, bytes); }
SEEN int fallocate64(int fd, int mode, off_t offset, off_t bytes) {
  return allocate(fd, mode, offset, bytes);
}
SEEN int posix_fallocate(int fd, off_t offset, off_t bytes) {
  return allocate(fd, 0, offset, bytes) == 0 ? 0 : errno;
}
SEEN int posix_fallocate64(int fd, off_t offset, off_t bytes) { return posix_fallocate(fd, offset, bytes); }

SEEN int fsync(int fd) { return sync_file(fd, SYS_fsync); }
SEEN int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
SEEN int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned flags) {
  // It neither flushes the disk's cache nor writes what is needed to find the bytes again: a hint, not an
  // operation.
  return watched(fd) ? 0 : int(syscall(SYS_sync_file_range, fd, offset, bytes, flags));
}
SEEN int syncfs(int fd) {
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  if (models(s)) s.disk.synced_everything();
  return models(s) ? 0 : int(syscall(SYS_syncfs, fd));
}
SEEN void sync() {
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  if (models(s))
    s.disk.synced_everything();
  else
    syscall(SYS_sync);
}

SEEN int unlink(const char* path) { return remove_name(AT_FDCWD, path, 0); }
SEEN int unlinkat(int dirfd, const char* path, int flags) { return remove_name(dirfd, path, flags); }
SEEN int rmdir(const char* path) { return remove_name(AT_FDCWD, path, AT_REMOVEDIR); }
SEEN int remove(const char* path) {
  struct stat info {};
  bool folder = ::lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
  return remove_name(AT_FDCWD, path, folder ? AT_REMOVEDIR : 0);
}
SEEN int rename(const char* from, const char* to) { return rename_name(AT_FDCWD, from, AT_FDCWD, to, 0); }
SEEN int renameat(int from_dir, const char* from, int to_dir, const char* to) {
  return rename_name(from_dir, from, to_dir, to, 0);
}
SEEN int renameat2(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  return rename_name(from_dir, from, to_dir, to, flags);
}
SEEN int mkdir(const char* path, mode_t mode) { return make_folder(AT_FDCWD, path, mode); }
SEEN int mkdirat(int dirfd, const char* path, mode_t mode) { return make_folder(dirfd, path, mode); }
SEEN int link(const char* from, const char* to) {
  return add_name(AT_FDCWD, to, [&] { return int(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0)); });
}
SEEN int linkat(int from_dir, const char* from, int to_dir, const char* to, int flags) {
  return add_name(to_dir, to, [&] { return int(syscall(SYS_linkat, from_dir, from, to_dir, to, flags)); });
}
SEEN int symlink(const char* target, const char* path) {
  return add_name(AT_FDCWD, path, [&] { return int(syscall(SYS_symlinkat, target, AT_FDCWD, path)); });
}
SEEN int mkstemp(char* pattern) {
  int fd = next<int(char*)>("mkstemp")(pattern);
  std::string path = fd < 0 ? std::string() : watched_path(AT_FDCWD, pattern);
  if (path.empty()) return fd;
  Shim& s = shim();
  std::scoped_lock held(s.lock);
  if (models(s)) s.disk.created(path);
  return fd;
}
