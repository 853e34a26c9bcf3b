#pragma once
#include <functional>
#include <memory>

#include "base/file.h"

// Objects kept beside the chain, sealed with SM4 (docs/formats/sealed-blob.md) under the installation's key
// before they leave the process: in a folder (ADR 0010), or in a bucket of a service that speaks S3
// (ADR 0053). Both promise the same: an object is there whole or not at all, whatever stops in the middle.
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

// A bucket and how to reach it. Objects are <prefix><first two digits of the id>/<id>, so that a copy of a
// folder store's files in a bucket is a store, and the other way round.
struct S3 {
  std::string url;     // http(s)://host[:port], and no more
  std::string bucket;  // exists already
  std::string prefix;  // of all names; any text
  std::string region = "us-east-1";
  bool bucket_in_host = false;  // https://bucket.host/name, else https://host/bucket/name
  fs::path credentials;         // file, its owner's only: access key, secret key, a line each
  fs::path roots;               // PEM that https is believed by; empty: the system's
  int connect_timeout_ms = 5000;
  int stall_timeout_s = 30;               // with less than a KiB a second
  int attempts = 5;                       // at each request; of a download, since the last byte came
  int first_wait_ms = 200;                // before the second attempt; doubled before each further one
  int64_t abandoned_after_s = 24 * 3600;  // age at which an upload that was not finished is dropped
};

class Store {
 public:
  // What is being written is in <folder>/incoming, which is emptied here unless another process has the store
  // open. Folders and files are their owner's only. `key`: 16 or more bytes, else crypto.key_length.
  static Result<std::unique_ptr<Store>> open_folder(const fs::path& folder, ByteView key);

  // Asks the bucket once, so that a wrong setting shows here. What a crash left of uploads is dropped when it
  // is old enough. Up to 8 MiB of memory for each writer; blob.too_large above 78 GiB. Errors here and of
  // every call: blob.s3_settings, blob.s3_credentials (the file), blob.s3_denied, blob.s3_bucket,
  // blob.s3_clock, blob.s3_tls, blob.s3_redirect, blob.s3_full, blob.s3_answer; after all attempts
  // blob.s3_unreachable, blob.s3_timeout, blob.s3_failed. Redirects are not followed, proxies not used.
  static Result<std::unique_ptr<Store>> open_s3(const S3& s3, ByteView key);

  virtual ~Store() = default;
  virtual Result<std::unique_ptr<Writer>> create() = 0;
  // Each chunk (at most 1 MiB) was authenticated before it is shown, but only success says that none is
  // missing. Errors: blob.not_found, blob.damaged, and the one of on_chunk.
  virtual Status read(const std::string& id, const std::function<Status(ByteView)>& on_chunk) const = 0;
  virtual Result<bool> exists(const std::string& id) const = 0;
  virtual Status remove(const std::string& id) = 0;  // blob.not_found; durable when it returns
  // In the order of ids; one that is removed meanwhile may be shown or not.
  virtual Status list(const std::function<Status(const std::string& id)>& on_blob) const = 0;
};

// Brings to `to` every object of `from` that it has not, sealed as it is: both are of one key. Tells how
// many.
Result<uint64_t> copy_objects(const Store& from, Store& to);

}  // namespace chengxin::blob
