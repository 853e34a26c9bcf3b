#pragma once
#include "audit/anchoring.h"
#include "audit/log.h"
#include "cli.h"
#include "evidence/service.h"
#include "host/host.h"
#include "install/install.h"

// The audit log of an installation: opened as its configuration says, anchored on one of its chains.
namespace chengxin::app {

Result<std::unique_ptr<audit::Log>> open_audit(const install::Installation& installation);

// Puts a digest on the chain of that name, signed with the service's key, and waits for its proof.
audit::Anchoring::Anchor anchor_on(host::Host& host, evidence::Service& evidence, crypto::Sm2PrivateKey key,
                                   std::string chain);

std::vector<install::Finding> audit_findings(const audit::Log& log, const audit::Anchoring* anchoring);

// An entry of a command on an installation: the action gets "cli." before it, the subject is the user.
// Without an installation there is nothing to record in. Reads the installation's key once, which costs
// 0.3 s on a protected platform.
Status note(const Context& context, std::vector<audit::Entry> entries);

// For commands that work on an installation without its API: runs `work` and leaves an entry, also of a
// failure. An operation that could not be recorded fails, having been done. Without an installation there is
// nothing to record in.
Result<int> audited(const Context& context, std::string action, std::string object,
                    const std::function<Result<int>()>& work);

}  // namespace chengxin::app
