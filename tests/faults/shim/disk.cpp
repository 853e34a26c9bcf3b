#include "shim/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace faults {
namespace {

constexpr uint64_t kPage = 4096;

Inode inode_of(const struct stat& info) { return {info.st_dev, info.st_ino}; }

std::string parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string read_at(int fd, uint64_t offset, uint64_t bytes) {
  std::string out(bytes, '\0');
  long got = syscall(SYS_pread64, fd, out.data(), bytes, offset);
  out.resize(got < 0 ? 0 : size_t(got));
  return out;
}

void write_at(int fd, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    long done = syscall(SYS_pwrite64, fd, bytes.data(), bytes.size(), offset);
    if (done <= 0) return;
    bytes.remove_prefix(size_t(done));
    offset += uint64_t(done);
  }
}

int raw_rename(const std::string& from, const std::string& to) {
  return int(syscall(SYS_renameat, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str()));
}

int raw_unlink(const std::string& path, int flags = 0) {
  return int(syscall(SYS_unlinkat, AT_FDCWD, path.c_str(), flags));
}

void remove_tree(const std::string& path) {
  if (DIR* folder = ::opendir(path.c_str())) {
    while (dirent* entry = ::readdir(folder)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") remove_tree(path + "/" + name);
    }
    ::closedir(folder);
    raw_unlink(path, AT_REMOVEDIR);
  } else {
    raw_unlink(path);
  }
}

}  // namespace

Disk::File* Disk::track(int fd, struct stat& info) {
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return nullptr;
  auto [at, fresh] = files_.try_emplace(inode_of(info));
  if (fresh) {
    // The program's descriptor may be write-only, and may be closed before the file is synced.
    std::string self = "/proc/self/fd/" + std::to_string(fd);
    at->second.fd = int(syscall(SYS_openat, AT_FDCWD, self.c_str(), O_RDWR | O_CLOEXEC));
    at->second.durable_size = uint64_t(info.st_size);
    at->second.number = ++next_file_;
  }
  return &at->second;
}

void Disk::keep_pages(File& file, uint64_t first, uint64_t last) {
  for (uint64_t index = first; index <= last; ++index) {
    auto [at, fresh] = file.pages.try_emplace(index);
    if (fresh && index * kPage < file.durable_size) {
      uint64_t bytes = std::min(kPage, file.durable_size - index * kPage);
      at->second.before = read_at(file.fd, index * kPage, bytes);
    }
    at->second.written_at = clock_;
  }
}

void Disk::before_write(int fd, uint64_t offset, uint64_t bytes) {
  struct stat info {};
  File* file = track(fd, info);
  if (file == nullptr || bytes == 0) return;
  ++clock_;
  keep_pages(*file, offset / kPage, (offset + bytes - 1) / kPage);
}

void Disk::before_resize(int fd, uint64_t bytes) {
  struct stat info {};
  File* file = track(fd, info);
  if (file == nullptr) return;
  ++clock_;
  if (bytes < file->durable_size) {
    keep_pages(*file, bytes / kPage, (file->durable_size - 1) / kPage);
    file->truncated = true;
  }
}

void Disk::sync_file(File& file) {
  struct stat info {};
  if (::fstat(file.fd, &info) == 0) file.durable_size = uint64_t(info.st_size);
  file.pages.clear();
  file.truncated = false;
}

void Disk::sync_folder(const Inode& folder) {
  std::vector<NameChange> still;
  for (auto& change : names_) {
    if (change.folder != folder)
      still.push_back(std::move(change));
    else if (!change.grave.empty())
      forget(change.grave);
  }
  names_ = std::move(still);
}

void Disk::synced(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return;
  if (S_ISDIR(info.st_mode)) return sync_folder(inode_of(info));
  auto file = files_.find(inode_of(info));
  if (file != files_.end()) sync_file(file->second);
}

void Disk::synced_everything() {
  for (auto& [inode, file] : files_) sync_file(file);
  while (!names_.empty()) sync_folder(Inode(names_.front().folder));
}

void Disk::record(Change change, const std::string& path, std::string from, std::string grave) {
  struct stat info {};
  if (::stat(parent_of(path).c_str(), &info) != 0) return;
  names_.push_back({change, inode_of(info), path, std::move(from), std::move(grave)});
}

void Disk::created(const std::string& path) { record(Change::created, path, {}, {}); }
void Disk::made_folder(const std::string& path) { record(Change::made_folder, path, {}, {}); }

// Keeps what stands at `path` by a second name, so that the number of its inode is not used again either.
std::string Disk::bury(const std::string& path) {
  if (next_grave_ == 0) syscall(SYS_mkdirat, AT_FDCWD, plan_.graves.c_str(), 0700);
  std::string grave = plan_.graves + "/" + std::to_string(++next_grave_);
  if (syscall(SYS_linkat, AT_FDCWD, path.c_str(), AT_FDCWD, grave.c_str(), 0) != 0) return {};
  return grave;
}

void Disk::forget(const std::string& grave) {
  struct stat info {};
  if (::lstat(grave.c_str(), &info) == 0 && info.st_nlink == 1) {
    auto file = files_.find(inode_of(info));
    if (file != files_.end()) {
      syscall(SYS_close, file->second.fd);
      files_.erase(file);
    }
  }
  raw_unlink(grave);
}

int Disk::remove_file(const std::string& path) {
  std::string grave = bury(path);
  if (raw_unlink(path) != 0) {
    int error_number = errno;
    if (!grave.empty()) raw_unlink(grave);
    errno = error_number;
    return -1;
  }
  record(Change::removed_file, path, {}, std::move(grave));
  return 0;
}

int Disk::remove_folder(const std::string& path) {
  if (raw_unlink(path, AT_REMOVEDIR) != 0) return -1;
  record(Change::removed_folder, path, {}, {});
  return 0;
}

int Disk::rename(const std::string& from, const std::string& to) {
  std::string grave = bury(to);
  if (raw_rename(from, to) != 0) {
    int error_number = errno;
    if (!grave.empty()) raw_unlink(grave);
    errno = error_number;
    return -1;
  }
  record(Change::renamed, to, from, std::move(grave));
  return 0;
}

void Disk::drop_page(const File& file, uint64_t index, const Page& page, uint64_t from, uint64_t size) {
  uint64_t start = index * kPage;
  uint64_t end = std::min(kPage, size > start ? size - start : 0);
  std::string content = page.before;
  content.resize(std::max<size_t>(content.size(), end), '\0');
  if (from < content.size()) write_at(file.fd, start + from, std::string_view(content).substr(from));
}

// Of the volatile pages either none, all, a random half, or the earliest written survive; in the last two
// cases one page may be torn. A truncation either happened before all of that or not at all.
std::string Disk::cut_file(File& file) {
  struct stat info {};
  if (file.fd < 0 || file.pages.empty() || ::fstat(file.fd, &info) != 0) return {};
  const uint64_t size = uint64_t(info.st_size);
  enum Policy { none, all, half, earliest };
  const Policy policy = Policy(plan_.below(4));
  const uint64_t pick =
      std::next(file.pages.begin(), long(plan_.below(file.pages.size())))->second.written_at;
  const bool zeros = file.truncated && policy != none;  // then a lost page reads as zeros, else as it was
  uint64_t kept_end = 0, dropped = 0;
  bool torn = false;
  for (auto& [index, page] : file.pages) {
    bool keep =
        policy == all || (policy == half && plan_.coin()) || (policy == earliest && page.written_at <= pick);
    uint64_t from = keep ? kPage : 0;
    if (keep && policy != all && !torn && page.written_at == pick) {
      torn = true;
      from = plan_.below(kPage);
    }
    if (from < kPage) drop_page(file, index, zeros ? Page{} : page, from, size);
    if (keep)
      kept_end = std::max(kept_end, std::min(size, index * kPage + from));
    else
      ++dropped;
  }
  uint64_t end = size;
  if (policy == none)
    end = file.durable_size;
  else if (!file.truncated && (policy == earliest || plan_.coin()))
    end = std::max(file.durable_size, kept_end);
  if (policy == none || end != size) syscall(SYS_ftruncate, file.fd, end);
  static const char* const kPolicies[] = {"none", "all", "half", "earliest"};
  return std::string(" kept=") + kPolicies[policy] + " dropped_pages=" + std::to_string(dropped) + "/" +
         std::to_string(file.pages.size()) + (torn ? " torn" : "") + " size=" + std::to_string(size) + "->" +
         std::to_string(end);
}

void Disk::undo(const NameChange& change) {
  switch (change.change) {
    case Change::created:
      raw_unlink(change.path);
      break;
    case Change::made_folder:
      remove_tree(change.path);
      break;
    case Change::removed_folder:
      syscall(SYS_mkdirat, AT_FDCWD, change.path.c_str(), 0700);
      break;
    case Change::renamed:
      raw_rename(change.path, change.from);
      break;
    case Change::removed_file:
      break;
  }
  if (!change.grave.empty()) raw_rename(change.grave, change.path);
}

std::string Disk::cut() {
  // In the order of first writing, not of inodes: the same seed then does the same whatever was on the disk
  // before.
  std::vector<File*> changed;
  for (auto& [inode, file] : files_)
    if (!file.pages.empty()) changed.push_back(&file);
  std::sort(changed.begin(), changed.end(), [](File* a, File* b) { return a->number < b->number; });
  std::string report;
  for (File* file : changed) {
    std::string self = "/proc/self/fd/" + std::to_string(file->fd);
    char path[4096];
    ssize_t length = ::readlink(self.c_str(), path, sizeof path);
    report += "file " + std::string(path, size_t(std::max<ssize_t>(length, 0))) + cut_file(*file) + "\n";
  }
  // Names change through a journal, so those that survive are the earliest.
  uint64_t survive = plan_.coin() ? 0 : plan_.below(names_.size() + 1);
  report += "names volatile=" + std::to_string(names_.size()) + " survive=" + std::to_string(survive) + "\n";
  for (size_t index = names_.size(); index > survive; --index) undo(names_[index - 1]);
  remove_tree(plan_.graves);
  return report;
}

}  // namespace faults
