#pragma once
#include "credential/impl/registry.h"
#include "credential/service.h"

namespace chengxin::credential {

// Signs credentials and keeps their states. The place of a credential in its status list is a secret
// permutation of its serial number, so that neighbours in the list tell nothing.
class Issuing {
 public:
  Issuing(sql::Database& database, Registry& registry, const ServiceOptions& options, Resolver& resolver,
          std::vector<Signer> signers)
      : database_(database),
        registry_(registry),
        options_(options),
        resolver_(resolver),
        signers_(std::move(signers)) {}
  Status load();  // the states of what was issued

  Result<Json> issue(const Caller& caller, const Issuance& issuance);
  // The same checks, without issuing: what an offer needs.
  Result<std::shared_ptr<const CredentialTemplate>> check(const Caller& caller, const Issuance& issuance);
  Result<Json> list(const Json& filter, const std::string& cursor, size_t limit);
  Result<Json> find(const std::string& id);
  Result<Json> set_state(const std::string& id, const std::string& state, const std::string& why);
  Result<std::string> status_list(StatusPurpose purpose, int64_t number);
  std::string list_address(StatusPurpose purpose, int64_t number) const;
  // Told the address of each list that changed.
  std::function<void(const std::string&)> on_changed;

 private:
  struct List {
    StatusBits bits;
    std::string token;
    int64_t signed_ms = 0;
    bool changed = true;
  };
  struct Place {
    int64_t list;
    size_t index;
  };
  struct Times {
    int64_t from_ms, until_ms;
  };
  Place place_of(int64_t serial) const;
  void note(int64_t serial, std::string_view state);
  Result<Times> times_of(const CredentialTemplate& kind, const Issuance& issuance) const;
  Result<std::string> make(const CredentialTemplate& kind, const Issuance& issuance, const Times& times,
                           int64_t serial, const std::string& id);
  Result<std::string> make_sd_jwt(const CredentialTemplate& kind, Json claims, const Times& times,
                                  const Json& holder, const Json& status);
  Result<std::string> make_vc(const CredentialTemplate& kind, Json claims, const Times& times,
                              const Json& holder, const Json& status, const std::string& id);
  Result<PublicKey> key_of(const Json& holder);
  std::vector<Signer> signers_of(const CredentialTemplate& kind) const;

  sql::Database& database_;
  Registry& registry_;
  const ServiceOptions& options_;
  Resolver& resolver_;
  const std::vector<Signer> signers_;  // in the order of Algorithm
  Bytes permutation_key_;
  std::mutex mutex_;
  std::map<std::pair<StatusPurpose, int64_t>, List> lists_;
  int64_t last_serial_ = 0;
};

}  // namespace chengxin::credential
