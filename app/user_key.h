#pragma once
#include "cli.h"
#include "crypto/sm2.h"

// Private keys of whoever runs a command: PKCS #8 in PEM, encrypted or not.
namespace chengxin::app {

// CHENGXIN_PASSPHRASE; empty when it is not set.
std::string user_passphrase();

// The key in a file, under that passphrase. file.*, crypto.passphrase, crypto.key_format.
Result<crypto::Sm2PrivateKey> key_in(const fs::path& file);

// Of a name of `key create`, or of a file: that has a / in it. key.name, and what key_in() says.
Result<crypto::Sm2PrivateKey> user_key(const Context& context, const std::string& name);

}  // namespace chengxin::app
