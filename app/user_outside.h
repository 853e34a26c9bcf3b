#pragma once
#include "cli.h"

// Signing in by an outside identity provider at a terminal (RFC 8252): the person's browser goes to the
// provider, and the ticket comes back to a port of this machine.
namespace chengxin::app {

Result<int> list_providers(const Context& context);
Result<int> login_outside(const Context& context, const std::string& provider);
Result<int> link_outside(const Context& context, const std::string& provider);
Result<int> unlink_outside(const Context& context);

}  // namespace chengxin::app
