#pragma once
#include "base/file.h"
#include "crypto/timestamp.h"
#include "keys/own_keys.h"

// The installation's own SM2 authority: a root that certifies the time-stamp authority.
namespace chengxin::install {

struct Authority {
  std::shared_ptr<crypto::TimestampAuthority> timestamps;
  Bytes root;  // DER
};

Status create_authority(const fs::path& folder, keys::OwnKeys& keys);           // leaves one that is there
Result<Authority> open_authority(const fs::path& folder, keys::OwnKeys& keys);  // install.damaged

}  // namespace chengxin::install
