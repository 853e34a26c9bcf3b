#include "originals.h"

namespace chengxin::app {

Result<std::unique_ptr<blob::Store>> open_originals_folder(const install::Installation& installation) {
  return blob::Store::open_folder(installation.data / "blobs", installation.blob_key);
}

Result<std::unique_ptr<blob::Store>> open_originals(const install::Installation& installation) {
  const auto& config = installation.config;
  if (config.blobs_url.empty()) return open_originals_folder(installation);
  blob::S3 s3;
  s3.url = config.blobs_url;
  s3.bucket = config.blobs_bucket;
  s3.prefix = config.blobs_prefix;
  s3.region = config.blobs_region;
  s3.bucket_in_host = config.blobs_bucket_in_host;
  s3.credentials = installation.data / config.blobs_credentials;  // an absolute path stays what it is
  if (!config.blobs_roots.empty()) s3.roots = installation.data / config.blobs_roots;
  return blob::Store::open_s3(s3, installation.blob_key);
}

}  // namespace chengxin::app
