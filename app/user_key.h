#pragma once
#include "cli.h"
#include "crypto/sm2.h"

// Private keys of whoever runs a command: PKCS #8 in PEM, encrypted or not.
namespace chengxin::app {

// CHENGXIN_PASSPHRASE; empty when it is not set.
std::string user_passphrase();

// The key in a file, under that passphrase. file.*, crypto.passphrase, crypto.key_format.
Result<crypto::Sm2PrivateKey> key_in(const fs::path& file);

// key.name: it is empty, hidden or a path.
Status check_key_name(const std::string& name);

// What `key create` has written: NAME.pem or NAME.pub. key.name, key.missing (says how it is made), file.*.
Result<Bytes> user_key_file(const Context& context, const std::string& name, const std::string& extension);

// Of a name of `key create`. What user_key_file() and key_in() say.
Result<crypto::Sm2PrivateKey> named_key(const Context& context, const std::string& name);

// The same, or of a file: that has a / in it.
Result<crypto::Sm2PrivateKey> user_key(const Context& context, const std::string& name);

}  // namespace chengxin::app
