#pragma once
#include "cli.h"

// `chengxin user sync`: into step with a chain-management system's export (docs/formats/access-export.md).
namespace chengxin::app {

void add_user_sync(CLI::App& user, Context& context);

}  // namespace chengxin::app
