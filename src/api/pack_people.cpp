#include "api/pack_people.h"

#include <algorithm>

#include "api/app.h"
#include "base/clock.h"

namespace chengxin::api {
namespace {

using access::Policy;

constexpr int64_t kRosterMs = 1000;
constexpr size_t kAccounts = 500;  // read at once

std::string role_of(const pack::Pack& pack, const std::string& role) { return pack.name + "-" + role; }

// `held`: roles of the policy, without those that they inherit.
record::Person person_in(const Policy& policy, const std::string& id, const std::string& organisation,
                         const std::set<std::string>& held, const record::Catalogue& catalogue) {
  record::Person out;
  out.id = out.name = id;
  out.organisation = organisation;
  out.organisations = policy.all_within(organisation);
  out.region = policy.region_of(organisation);
  const auto all = policy.with_inherited(held);
  for (const pack::Pack& pack : catalogue.packs())
    for (const std::string& role : pack.roles)
      if (all.contains(role_of(pack, role))) out.roles.push_back(role);
  return out;
}

std::string prefix_of(const Policy::User* user) { return user && user->service ? "service:" : "user:"; }

}  // namespace

record::Person person_of(const Call& call, const record::Catalogue& catalogue) {
  const Principal& principal = call.principal;
  if (principal.user.empty() || !call.app.services.access) {
    record::Person out;
    out.id = out.name = principal.id;
    out.organisation = principal.organisation;
    return out;
  }
  const auto policy = call.app.services.access->policies().current();
  std::set<std::string> held = policy->roles_everywhere(principal.user, now_ms());
  for (const auto* rule : policy->rules_for(principal.user, principal.session.outside))
    held.insert(rule->role);
  auto out = person_in(*policy, principal.id, principal.organisation, held, catalogue);
  if (const auto* user = policy->user(principal.user)) out.name = user->name;
  return out;
}

Status PackPeople::renew() {
  std::map<std::string, bool> accounts;
  for (std::string after;;) {
    ASSIGN(const auto some, access_.users().list(after, kAccounts));
    for (const access::User& each : some) accounts[each.id] = !each.disabled;
    if (some.size() < kAccounts) break;
    after = some.back().id;
  }
  const std::lock_guard lock(mutex_);
  accounts_ = std::move(accounts);
  return {};
}

std::shared_ptr<const PackPeople::Roster> PackPeople::roster() const {
  const auto policy = access_.policies().current();
  const int64_t now = now_ms();
  const std::lock_guard lock(mutex_);
  if (roster_ && roster_->policy == policy && now < roster_->until_ms) return roster_;
  auto made = std::make_shared<Roster>();
  made->policy = policy;
  made->until_ms = now + kRosterMs;
  for (const auto& [account, user] : policy->users()) {
    made->by_organisation[user.organisation].insert(account);
    for (const std::string& role : policy->with_inherited(policy->roles_everywhere(account, now)))
      made->by_role[role].insert(account);
  }
  roster_ = std::move(made);
  return roster_;
}

// Whom the policy names and whose account was not read yet is new.
bool PackPeople::is_here(const Policy& policy, const std::string& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? policy.user(account) != nullptr : found->second;
}

std::vector<std::string> PackPeople::called(const Policy& policy, const Accounts& accounts) const {
  std::vector<std::string> out;
  for (const std::string& each : accounts)
    if (is_here(policy, each)) out.push_back(prefix_of(policy.user(each)) + each);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> PackPeople::with_role(const std::string& role) const {
  const auto roster = this->roster();
  const auto catalogue = packs_.current();
  Accounts accounts;
  for (const pack::Pack& pack : catalogue->packs())
    if (std::find(pack.roles.begin(), pack.roles.end(), role) != pack.roles.end())
      if (const auto found = roster->by_role.find(role_of(pack, role)); found != roster->by_role.end())
        accounts.insert(found->second.begin(), found->second.end());
  return called(*roster->policy, accounts);
}

std::vector<std::string> PackPeople::of_organisation(const std::string& id) const {
  const auto roster = this->roster();
  const auto catalogue = packs_.current();
  Accounts members;
  for (const std::string& each : roster->policy->all_within(id))
    if (const auto found = roster->by_organisation.find(each); found != roster->by_organisation.end())
      members.insert(found->second.begin(), found->second.end());
  Accounts accounts;
  for (const pack::Pack& pack : catalogue->packs())
    for (const std::string& role : pack.roles)
      if (const auto found = roster->by_role.find(role_of(pack, role)); found != roster->by_role.end())
        std::set_intersection(members.begin(), members.end(), found->second.begin(), found->second.end(),
                              std::inserter(accounts, accounts.end()));
  return called(*roster->policy, accounts);
}

std::vector<std::string> PackPeople::administrators() const {
  const auto roster = this->roster();
  const auto found = roster->by_role.find("system-administrator");
  return found == roster->by_role.end() ? std::vector<std::string>() : called(*roster->policy, found->second);
}

std::optional<record::Person> PackPeople::find(const std::string& id) const {
  const auto policy = access_.policies().current();
  const std::string account = id.substr(id.find(':') + 1);
  const Policy::User* user = policy->user(account);
  if (id != prefix_of(user) + account || !is_here(*policy, account)) return std::nullopt;
  auto out = person_in(*policy, id, user ? user->organisation : "",
                       policy->roles_everywhere(account, now_ms()), *packs_.current());
  if (user) out.name = user->name;
  return out;
}

}  // namespace chengxin::api
