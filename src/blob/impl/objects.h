#pragma once
#include "blob/store.h"

// Where sealed bytes lie, by id. What an object holds is not looked at here.
namespace chengxin::blob {

class Upload {
 public:
  virtual ~Upload() = default;  // without finish() nothing remains
  virtual Status write(ByteView bytes) = 0;
  virtual Status finish() = 0;  // durable when it returns
};

class Objects {
 public:
  virtual ~Objects() = default;
  virtual Result<std::unique_ptr<Upload>> create(const std::string& id) = 0;
  virtual Status read(const std::string& id, const std::function<Status(ByteView)>& on_bytes) const = 0;
  virtual Result<bool> exists(const std::string& id) const = 0;
  virtual Status remove(const std::string& id) = 0;
  virtual Status list(const std::function<Status(const std::string& id)>& on_object) const = 0;
};

Result<std::unique_ptr<Objects>> open_folder_objects(const fs::path& folder);
Result<std::unique_ptr<Objects>> open_s3_objects(const S3& s3);

inline constexpr size_t kIdBytes = 16;
bool is_id(std::string_view id);
tl::unexpected<Error> missing(const std::string& id);  // blob.not_found

}  // namespace chengxin::blob
