#pragma once
#include "access/service.h"
#include "api/call.h"
#include "cases/desk.h"

// The people of the policy as packs see them: the role R of a pack P is the role P-R of the policy, held for
// all chains. They are called as principals are: user:ID, service:ID.
namespace chengxin::api {

// Who calls. The owner and tokens have no role of any pack.
record::Person person_of(const Call& call, const record::Catalogue& catalogue);

// Whom cases ask. They ask within transactions, so nothing here reads SQL but renew(). What somebody may do
// by the claims of an outside provider holds for his own calls alone: it is not known here. Thread-safe.
class PackPeople : public cases::Staff {
 public:
  // Both must outlive this.
  PackPeople(access::Service& access, const record::Installation& packs) : access_(access), packs_(packs) {}

  // Reads who may no longer sign in, which is then so until the next time. Not within a transaction.
  Status renew();

  std::vector<std::string> with_role(const std::string& role) const override;
  std::vector<std::string> of_organisation(const std::string& id) const override;
  std::vector<std::string> administrators() const override;
  std::optional<record::Person> find(const std::string& id) const override;

 private:
  using Accounts = std::set<std::string>;
  // Who has which roles of the policy, for a moment: delegations begin and end.
  struct Roster {
    std::shared_ptr<const access::Policy> policy;
    int64_t until_ms = 0;
    std::map<std::string, Accounts> by_role, by_organisation;
  };
  std::shared_ptr<const Roster> roster() const;
  std::vector<std::string> called(const access::Policy& policy, const Accounts& accounts) const;
  bool is_here(const access::Policy& policy, const std::string& account) const;

  access::Service& access_;
  const record::Installation& packs_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Roster> roster_;
  std::map<std::string, bool> accounts_;  // whether they may sign in
};

}  // namespace chengxin::api
