#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/descriptor.h"
#include "blob/impl/objects.h"

// An object is <folder>/<first two digits of its id>/<id>; what is being written is in <folder>/incoming.
namespace chengxin::blob {
namespace {

constexpr unsigned kFolderMode = 0700, kFileMode = 0600;

Status write_all(int fd, ByteView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(file_error(path, errno));
    bytes = bytes.subspan(size_t(count));
  }
  return {};
}

class FolderUpload final : public Upload {
 public:
  FolderUpload(fs::path incoming, fs::path final, int fd)
      : incoming_(std::move(incoming)), final_(std::move(final)), file_(fd) {}

  ~FolderUpload() override {
    if (!finished_) ::unlink(incoming_.c_str());
  }

  Status write(ByteView bytes) override { return write_all(file_.get(), bytes, incoming_); }

  Status finish() override {
    if (::fsync(file_.get()) != 0) return tl::unexpected(file_error(incoming_, errno));
    file_.reset();
    TRY(make_folder(final_.parent_path(), kFolderMode));
    if (::rename(incoming_.c_str(), final_.c_str()) != 0) return tl::unexpected(file_error(final_, errno));
    finished_ = true;
    return sync_folder(final_.parent_path());
  }

 private:
  const fs::path incoming_, final_;
  Descriptor file_;
  bool finished_ = false;
};

class FolderObjects final : public Objects {
 public:
  FolderObjects(fs::path folder, int lock) : folder_(std::move(folder)), lock_(lock) {}

  Result<std::unique_ptr<Upload>> create(const std::string& id) override {
    fs::path incoming = folder_ / "incoming" / id;
    int fd = ::open(incoming.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode);
    if (fd < 0) return tl::unexpected(file_error(incoming, errno));
    return std::make_unique<FolderUpload>(incoming, path_of(id), fd);
  }

  Status read(const std::string& id, const std::function<Status(ByteView)>& on_bytes) const override {
    const fs::path path = path_of(id);
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file && errno == ENOENT) return missing(id);
    if (!file) return tl::unexpected(file_error(path, errno));
    Bytes buffer(1 << 18);
    for (;;) {
      ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return tl::unexpected(file_error(path, errno));
      if (count == 0) return {};
      TRY(on_bytes(ByteView(buffer).first(size_t(count))));
    }
  }

  Result<bool> exists(const std::string& id) const override {
    struct stat info {};
    if (::lstat(path_of(id).c_str(), &info) == 0) return S_ISREG(info.st_mode);
    if (errno == ENOENT) return false;
    return tl::unexpected(file_error(path_of(id), errno));
  }

  Status remove(const std::string& id) override {
    if (::unlink(path_of(id).c_str()) != 0)
      return errno == ENOENT ? missing(id) : tl::unexpected(file_error(path_of(id), errno));
    return sync_folder(path_of(id).parent_path());
  }

  Status list(const std::function<Status(const std::string&)>& on_object) const override {
    for (int shard = 0; shard < 256; ++shard) {
      uint8_t byte = uint8_t(shard);
      fs::path folder = folder_ / hex(ByteView(&byte, 1));
      std::error_code error;
      std::vector<std::string> ids;
      for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
           at.increment(error))
        if (is_id(at->path().filename().string())) ids.push_back(at->path().filename().string());
      if (error && error != std::errc::no_such_file_or_directory)
        return tl::unexpected(file_error(folder, error.value()));
      std::sort(ids.begin(), ids.end());
      for (const std::string& id : ids) TRY(on_object(id));
    }
    return {};
  }

 private:
  fs::path path_of(const std::string& id) const { return folder_ / id.substr(0, 2) / id; }

  const fs::path folder_;
  const Descriptor lock_;
};

// Empties the folder of what a crash left in it.
Status clean(const fs::path& incoming) {
  std::error_code error;
  for (auto at = fs::directory_iterator(incoming, error); !error && at != fs::directory_iterator();
       at.increment(error))
    if (is_id(at->path().filename().string()) && ::unlink(at->path().c_str()) != 0)
      return tl::unexpected(file_error(at->path(), errno));
  return error ? tl::unexpected(file_error(incoming, error.value())) : Status{};
}

}  // namespace

Result<std::unique_ptr<Objects>> open_folder_objects(const fs::path& folder) {
  fs::path incoming = folder / "incoming";
  TRY(make_folder(incoming, kFolderMode));
  fs::path lock_path = folder / "lock";
  int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (lock < 0) return tl::unexpected(file_error(lock_path, errno));
  auto objects = std::make_unique<FolderObjects>(folder, lock);
  // Alone: nobody is writing, so what lies there is left over. Else somebody else cleaned when he came.
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) TRY(clean(incoming));
  if (::flock(lock, LOCK_SH) != 0) return tl::unexpected(file_error(lock_path, errno));
  return objects;
}

}  // namespace chengxin::blob
