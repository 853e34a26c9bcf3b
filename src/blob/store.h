#pragma once
#include <functional>
#include <memory>

#include "base/file.h"

// Objects kept beside the chain, sealed with SM4 (docs/formats/sealed-blob.md) under the installation's key.
// The folder form; an S3 service comes behind the same interface.
namespace chengxin::blob {

struct Written {
  std::string id;
  Digest digest{};  // SM3 of the plain bytes
  uint64_t size = 0;
};

class Writer {
 public:
  virtual ~Writer() = default;  // without finish() nothing remains
  virtual Status write(ByteView bytes) = 0;
  virtual Result<Written> finish() = 0;  // durable when it returns
};

class Store {
 public:
  // A blob is <folder>/<first two digits of its id>/<id>; what is being written is in <folder>/incoming,
  // which is emptied here unless another process has the store open. Folders and files are their owner's
  // only. `key`: 16 or more bytes, else crypto.key_length.
  static Result<std::unique_ptr<Store>> open_folder(const fs::path& folder, ByteView key);
  virtual ~Store() = default;
  virtual Result<std::unique_ptr<Writer>> create() = 0;
  // Each chunk (at most 1 MiB) was authenticated before it is shown, but only success says that none is
  // missing. Errors: blob.not_found, blob.damaged, and the one of on_chunk.
  virtual Status read(const std::string& id, const std::function<Status(ByteView)>& on_chunk) const = 0;
  virtual bool exists(const std::string& id) const = 0;
  virtual Status remove(const std::string& id) = 0;  // blob.not_found; durable when it returns
  // In the order of ids; one that is removed meanwhile may be shown or not.
  virtual Status list(const std::function<Status(const std::string& id)>& on_blob) const = 0;
};

}  // namespace chengxin::blob
