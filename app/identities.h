#pragma once
#include "host/host.h"
#include "install/install.h"
#include "jobs/jobs.h"
#include "sql/database.h"

namespace chengxin::app {

struct Identities {
  const install::Installation& installation;
  host::Host& host;
  sql::Database& database;
};

// Jobs, with their arguments:
//   identity.plan {chain, source, file}   identity.apply {chain, source, file, plan}: a directory's file,
//   absolute identity.personal {chain, identity, purpose, public_key?, fields?}: masked; with a key all,
//   encrypted for it identity.looks {chain, identity}   identity.erase {chain, identity}
Status define_identities(jobs::Runner& runner, const Identities& what);

}  // namespace chengxin::app
