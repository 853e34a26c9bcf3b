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
//   identity.plan {chain, reader, source, file}   identity.apply {chain, reader, source, file, plan}: a
//   directory's file, absolute; directory.place: not the owner's, and not in the data folder's `directory`
//   identity.personal {chain, identity, reader, purpose, public_key?, fields?}: masked; with a key
//   all, encrypted for it identity.looks {chain, identity}   identity.erase {chain, identity}
// Whoever starts them answers for who may (api/resource_jobs.cpp): chain and reader are not the caller's
// word.
Status define_identities(jobs::Runner& runner, const Identities& what);

}  // namespace chengxin::app
