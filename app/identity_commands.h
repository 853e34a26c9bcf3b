#pragma once
#include "cli.h"

namespace chengxin::app {

void add_identity(CLI::App& app, Context& context);                 // the noun identity
void add_identity_directory(CLI::App& identity, Context& context);  // its verbs beside the chain

}  // namespace chengxin::app
