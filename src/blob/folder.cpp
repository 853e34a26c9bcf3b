#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/descriptor.h"
#include "blob/store.h"
#include "crypto/random.h"
#include "crypto/sealed_blob.h"
#include "crypto/sm3.h"

namespace chengxin::blob {
namespace {

constexpr size_t kIdBytes = 16;
constexpr unsigned kFolderMode = 0700, kFileMode = 0600;

// Binds the sealed bytes to their id: a file under another blob's name does not open.
Bytes context_of(const std::string& id) { return to_bytes(view("blob/" + id)); }

bool is_id(std::string_view id) {
  return id.size() == 2 * kIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Status write_all(int fd, ByteView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(file_error(path, errno));
    bytes = bytes.subspan(size_t(count));
  }
  return {};
}

class FolderWriter final : public Writer {
 public:
  FolderWriter(std::string id, fs::path incoming, fs::path final, ByteView key, int fd)
      : id_(std::move(id)),
        incoming_(std::move(incoming)),
        final_(std::move(final)),
        file_(fd),
        sealer_(key, context_of(id_),
                [this](ByteView sealed) { return write_all(file_.get(), sealed, incoming_); }) {}

  ~FolderWriter() override {
    if (!finished_) ::unlink(incoming_.c_str());
  }

  Status write(ByteView bytes) override {
    sm3_.update(bytes);
    size_ += bytes.size();
    return sealer_.update(bytes);
  }

  Result<Written> finish() override {
    TRY(sealer_.finish());
    if (::fsync(file_.get()) != 0) return tl::unexpected(file_error(incoming_, errno));
    file_.reset();
    TRY(make_folder(final_.parent_path(), kFolderMode));
    if (::rename(incoming_.c_str(), final_.c_str()) != 0) return tl::unexpected(file_error(final_, errno));
    finished_ = true;
    TRY(sync_folder(final_.parent_path()));
    return Written{id_, sm3_.finish(), size_};
  }

 private:
  const std::string id_;
  const fs::path incoming_, final_;
  Descriptor file_;
  crypto::BlobSealer sealer_;
  crypto::Sm3 sm3_;
  uint64_t size_ = 0;
  bool finished_ = false;
};

class FolderStore final : public Store {
 public:
  FolderStore(fs::path folder, ByteView key, int lock)
      : folder_(std::move(folder)), key_(crypto::to_secret(key)), lock_(lock) {}

  Result<std::unique_ptr<Writer>> create() override {
    std::string id = hex(crypto::random_bytes(kIdBytes));
    fs::path incoming = folder_ / "incoming" / id;
    int fd = ::open(incoming.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode);
    if (fd < 0) return tl::unexpected(file_error(incoming, errno));
    return std::make_unique<FolderWriter>(id, incoming, path_of(id), key_, fd);
  }

  Status read(const std::string& id, const std::function<Status(ByteView)>& on_chunk) const override {
    if (!is_id(id)) return missing(id);
    Descriptor file(::open(path_of(id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file && errno == ENOENT) return missing(id);
    if (!file) return tl::unexpected(file_error(path_of(id), errno));
    crypto::BlobOpener opener(key_, context_of(id), on_chunk);
    Status opened = feed(file.get(), opener, path_of(id));
    if (opened) opened = opener.finish();
    bool damaged = !opened && (opened.error().reason == "crypto.decrypt" ||
                               opened.error().reason == "crypto.sealed_format");
    if (damaged) return fail(Code::data_loss, "blob.damaged", "{}: {}", id, opened.error().to_string());
    return opened;
  }

  bool exists(const std::string& id) const override {
    struct stat info {};
    return is_id(id) && ::lstat(path_of(id).c_str(), &info) == 0 && S_ISREG(info.st_mode);
  }

  Status remove(const std::string& id) override {
    if (!is_id(id)) return missing(id);
    if (::unlink(path_of(id).c_str()) != 0)
      return errno == ENOENT ? missing(id) : tl::unexpected(file_error(path_of(id), errno));
    return sync_folder(path_of(id).parent_path());
  }

  Status list(const std::function<Status(const std::string&)>& on_blob) const override {
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
      for (const std::string& id : ids) TRY(on_blob(id));
    }
    return {};
  }

 private:
  fs::path path_of(const std::string& id) const { return folder_ / id.substr(0, 2) / id; }

  static Status missing(const std::string& id) { return fail(Code::not_found, "blob.not_found", "{}", id); }

  static Status feed(int fd, crypto::BlobOpener& opener, const fs::path& path) {
    Bytes buffer(1 << 18);
    for (;;) {
      ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return tl::unexpected(file_error(path, errno));
      if (count == 0) return {};
      TRY(opener.update(ByteView(buffer).first(size_t(count))));
    }
  }

  const fs::path folder_;
  const crypto::Secret key_;
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

Result<std::unique_ptr<Store>> Store::open_folder(const fs::path& folder, ByteView key) {
  if (key.size() < 16)
    return fail(Code::invalid_argument, "crypto.key_length", "a key of {} bytes", key.size());
  fs::path incoming = folder / "incoming";
  TRY(make_folder(incoming, kFolderMode));
  fs::path lock_path = folder / "lock";
  int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (lock < 0) return tl::unexpected(file_error(lock_path, errno));
  auto store = std::make_unique<FolderStore>(folder, key, lock);
  // Alone: nobody is writing, so what lies there is left over. Else somebody else cleaned when he came.
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) TRY(clean(incoming));
  if (::flock(lock, LOCK_SH) != 0) return tl::unexpected(file_error(lock_path, errno));
  return store;
}

}  // namespace chengxin::blob
