#pragma once
#include "install/install.h"
#include "record/installation.h"

namespace chengxin::app {

// The applications of a platform: in its database, what is sensitive in them under a key of their own.
Result<std::unique_ptr<record::Installation>> open_packs(const install::Installation& installation,
                                                         sql::Database& database);

// Of a PEM file with an SM2 certificate or public key. crypto.key_format, crypto.public_key, file.….
Result<crypto::Sm2PublicKey> signer_in(const fs::path& file);
// Those of packs.signers. Empty: packs need not be signed.
Result<std::vector<crypto::Sm2PublicKey>> pack_signers(const config::Config& config, const fs::path& data);

}  // namespace chengxin::app
