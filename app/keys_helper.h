#pragma once
#include "cli.h"
#include "crypto/secret.h"

namespace chengxin::app {

// A PIN or passphrase from the terminal, without showing it. keys.locked when there is no terminal.
Result<crypto::Secret> ask_pin(const std::string& what);

// "NAME=FILE": the name, and the first line of the file. cli.usage, file.*.
Result<std::pair<std::string, crypto::Secret>> named_secret(const std::string& text);

void add_keys(CLI::App& app, Context& context);  // of the installation

// `keys helper`: a service on this machine's loopback by which pages sign login challenges with a UKey.
void add_keys_helper(CLI::App& noun, Context& context);

}  // namespace chengxin::app
