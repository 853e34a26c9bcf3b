#pragma once
#include "access/service.h"
#include "access_watch.h"
#include "api/crypto_service.h"
#include "api/pack_people.h"
#include "api/server.h"
#include "audit/anchoring.h"
#include "authority/service.h"
#include "blob/store.h"
#include "case_runner.h"
#include "cases/desk.h"
#include "contracts.h"
#include "credential/service.h"
#include "evidence/service.h"
#include "gateway/gateway.h"
#include "host/host.h"
#include "install/install.h"
#include "jobs/jobs.h"
#include "keys/service.h"
#include "keys/two_party_server.h"
#include "members.h"
#include "mirror/mirror.h"
#include "oidc/relying_party.h"
#include "record/anchoring.h"
#include "record/installation.h"
#include "sql/database.h"

namespace chengxin::app {

// The whole platform in one process, wired bottom-up. The only place that knows all modules.
class Platform {
 public:
  // `listen` overrides the configuration when not empty. Errors: those of the parts, crypto.self_test.
  static Result<std::unique_ptr<Platform>> start(install::Lock lock, const fs::path& data,
                                                 const std::string& listen);
  ~Platform();

  const std::string& url() const { return address_; }
  const install::Installation& installation() const { return installation_; }

 private:
  Platform(install::Lock lock, install::Installation installation)
      : lock_(std::move(lock)), installation_(std::move(installation)) {}
  Status open_storage();
  Status open_chains();
  Status open_services();
  Status open_access();
  Status open_cases();
  Status open_keys();
  Status open_interface(const std::string& listen);
  void note(std::string action, const std::optional<Error>& error = {});
  std::vector<Error> policy_faults() const;  // of the policy in force, by what this release says of actions
  Status open_credentials(const std::string& address);
  void follow(const host::ChainPtr& chain);

  install::Lock lock_;
  install::Installation installation_;
  std::unique_ptr<audit::Log> audit_;
  std::unique_ptr<AccessWatch> access_watch_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<sql::Database> mirror_database_;  // relaxed: what it holds can be made again
  std::unique_ptr<blob::Store> blobs_;
  Contracts contracts_;
  std::unique_ptr<Members> members_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<mirror::Mirror> mirror_;
  std::unique_ptr<evidence::Service> evidence_;
  std::unique_ptr<authority::Service> authority_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<record::Installation> packs_;
  std::unique_ptr<record::Anchoring> record_anchoring_;
  std::unique_ptr<jobs::Runner> jobs_;
  std::unique_ptr<audit::Anchoring> anchoring_;
  std::unique_ptr<access::Service> access_;
  std::unique_ptr<api::PackPeople> people_;
  std::unique_ptr<cases::Desk> cases_;
  std::unique_ptr<CaseRunner> case_runner_;
  std::unique_ptr<oidc::RelyingParty> oidc_;
  std::unique_ptr<credential::Service> credentials_;
  std::atomic<credential::Service*> credentials_ready_ = nullptr;
  std::unique_ptr<keys::Service> keys_;
  std::unique_ptr<keys::TwoPartyServer> two_party_;
  std::unique_ptr<api::CryptoService> crypto_service_;
  std::unique_ptr<api::Server> server_;
  std::string address_;
};

}  // namespace chengxin::app
