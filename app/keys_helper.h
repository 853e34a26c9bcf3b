#pragma once
#include "cli.h"
#include "crypto/secret.h"

namespace chengxin::app {

// A PIN or passphrase from the terminal, without showing it. keys.locked when there is no terminal.
Result<crypto::Secret> ask_pin(const std::string& what);

// Of "NAME=FILE" each, by place: the name, and the first line of the file. cli.usage, file.*.
struct NamedSecrets {
  std::vector<std::string> names;
  std::vector<crypto::Secret> secrets;
};
Result<NamedSecrets> named_secrets(const std::vector<std::string>& given);

// For shares, whose names are files: what stands in these. file.*
Result<std::vector<std::string>> share_texts(const NamedSecrets& shares);

void add_keys(CLI::App& app, Context& context);  // of the installation

// `keys helper`: a service on this machine's loopback by which pages sign login challenges with a UKey.
void add_keys_helper(CLI::App& noun, Context& context);

}  // namespace chengxin::app
