#pragma once
#include "audit/log.h"
#include "blob/store.h"
#include "contracts.h"
#include "evidence/service.h"
#include "host/host.h"
#include "install/install.h"
#include "jobs/jobs.h"
#include "mirror/mirror.h"
#include "sql/database.h"

namespace chengxin::app {

struct Maintained {
  const install::Installation& installation;
  host::Host& host;
  sql::Database& database;
  blob::Store& blobs;
  evidence::Service& evidence;
  mirror::Mirror* mirror;  // null when it is off
  Contracts contracts;
  audit::Log& audit;
};

// The jobs of a platform, with their arguments:
//   verify {chain}   prune {chain, before}   export {chain, file}   mirror.rebuild {chain}   backup {target}
void define_maintenance(jobs::Runner& runner, Maintained what);

}  // namespace chengxin::app
