#pragma once
#include "base/file.h"
#include "keys/provider.h"

// Providers over what vendors ship as shared libraries. All of them open the device, and need unlock() before
// they sign. Errors: keys.library, keys.no_device, keys.no_application, keys.busy, keys.device. Not
// thread-safe: on_one_thread().
namespace chengxin::keys {

// GM/T 0018-2012 and -2023, a card or a server. Its keys are numbered, and made with the vendor's own tool.
// Decryption (SDF_InternalDecrypt_ECC) is of 2023: without it keys.unsupported. unlock() asks the access
// right of every index.
struct SdfOptions {
  fs::path library;
  std::vector<uint32_t> indices;  // empty: 1 to 16
};
Result<std::unique_ptr<Provider>> open_sdf(const SdfOptions& options);

// GM/T 0016-2012, a UKey. A container is a key; the standard has no decryption of what others encrypted but
// session keys.
struct SkfOptions {
  fs::path library;
  std::string device;       // empty: the first that is present
  std::string application;  // empty: the first of the device
};
Result<std::unique_ptr<Provider>> open_skf(const SkfOptions& options);

// PKCS#11 2.40. Keys are named by CKA_LABEL. It standardises no SM2: a vendor's numbers make it one, 0 leaves
// it out.
struct Pkcs11Options {
  fs::path library;
  std::string token;  // label; empty: the first token that is initialised
  unsigned long sm2_key_type = 0, sm2_generate = 0;
  unsigned long sm2_sign = 0;  // raw: 32 bytes e in, r || s out
};
Result<std::unique_ptr<Provider>> open_pkcs11(const Pkcs11Options& options);

}  // namespace chengxin::keys
