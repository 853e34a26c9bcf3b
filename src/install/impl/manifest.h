#pragma once
#include "base/file.h"
#include "crypto/sm2.h"

// manifest.json lists the digests of this executable and of the configuration; manifest.sig is the
// installation key's signature over tag `chengxin/manifest/v1` || the manifest's bytes.
namespace chengxin::install {

Status write_manifest(const fs::path& data, const crypto::Sm2PrivateKey& key);
Status check_manifest(const fs::path& data, const crypto::Sm2PublicKey& key);  // install.manifest

}  // namespace chengxin::install
