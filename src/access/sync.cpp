#include "access/sync.h"

#include <algorithm>

#include "crypto/sm3.h"

namespace chengxin::access {
namespace {

constexpr std::string_view kUser = "user:", kOrganisation = "organisation:";

// One comparison on its way.
class Work {
 public:
  Work(const Export& exported, const Present& present)
      : export_(exported), present_(present), document_(present.policy.document()) {
    for (const User& account : present.accounts) {
      by_name_[name_key(account.name)] = &account;
      by_id_[account.id] = &account;
    }
    for (const Json& one : document_["assignments"])
      if (is_exports(one))
        assigned_[one["to"]].insert(of(one));
      else if (has_duty(one["role"]) && one["to"].get<std::string>().starts_with(kOrganisation))
        administering_.insert(one["to"].get<std::string>().substr(kOrganisation.size()));
  }

  Result<Comparison> run() {
    TRY(check_chains());
    TRY(organisations());
    for (const auto& person : export_.people) {
      named_.insert(id_of(person));
      if (person.active)
        TRY(stays(person));
      else
        TRY(leaves(id_of(person), person.name));
    }
    TRY(those_no_longer_named());
    write_assignments();
    drop_organisations();
    TRY(drop_delegations());
    TRY(check());
    out_.document = std::move(document_);
    return std::move(out_);
  }

 private:
  using Assigned = std::pair<std::string, std::set<std::string>>;  // role, chains

  static Assigned of(const Json& assignment) {
    return {assignment["role"], assignment.value("chains", std::set<std::string>())};
  }
  // Assigned to one by name, and no duty: what exports are about.
  bool is_exports(const Json& assignment) const {
    return assignment["to"].get<std::string>().starts_with(kUser) && !has_duty(assignment["role"]);
  }
  std::string id_of(const Export::Person& person) const {
    const auto found = by_name_.find(name_key(person.name));
    return found == by_name_.end() ? "new:" + person.name : found->second->id;
  }
  const User* account(const std::string& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  void differs(std::string change, std::string what, std::string detail = {}) {
    out_.policy.push_back({std::move(change), std::move(what), std::move(detail)});
  }
  bool is_ours(const Json& entry) const { return entry.value("source", "") == export_.source; }
  Status check_source(const Json& entry, const std::string& what) const {
    const std::string source = entry.value("source", "");
    if (source.empty() || source == export_.source) return {};
    return fail(Code::conflict, "access.sync_source", "{} is of {}", what, source);
  }
  // Each role once: there may be an assignment for everybody.
  bool has_duty(const std::string& role) const {
    const auto found = duties_.find(role);
    if (found != duties_.end()) return found->second;
    return duties_[role] = present_.policy.has_duty(role, present_.actions);
  }

  Status check_chains() {
    for (const auto& [chain, accounts] : export_.chains)
      if (!present_.chains.contains(chain)) out_.accounts.push_back({"chain-add", chain, accounts});
    for (const auto& person : export_.people)
      for (const std::string& chain : person.chains)
        if (!export_.chains.contains(chain) && !present_.chains.contains(chain))
          return fail(Code::invalid_argument, "access.sync_chain_unknown", "{} of user {}", chain,
                      person.name);
    return {};
  }

  Status organisations() {
    Json& all = document_["organisations"];
    for (const auto& one : export_.organisations) {
      Json wanted = {{"name", one.title}, {"parent", one.parent}, {"source", export_.source}};
      const auto found = all.find(one.id);
      if (found != all.end() && found->contains("region")) wanted["region"] = (*found)["region"];  // of ours
      if (found == all.end()) {
        differs("organisation-add", one.id, fmt::format("{} < {}", one.title, one.parent));
      } else if (*found != wanted) {
        TRY(check_source(*found, "organisation " + one.id));
        differs(is_ours(*found) ? "organisation-change" : "organisation-take", one.id,
                fmt::format("{} < {} → {} < {}", found->value("name", ""), found->value("parent", ""),
                            one.title, one.parent));
      }
      all[one.id] = wanted;
    }
    return {};
  }

  // Makes what is assigned to him by name `wanted`.
  void assign(const std::string& id, const std::string& name, const std::set<Assigned>& wanted) {
    std::set<Assigned>& now = assigned_[std::string(kUser) + id];
    const auto tell = [&](const std::string& change, const std::set<Assigned>& all,
                          const std::set<Assigned>& but) {
      for (const auto& one : all)
        if (const auto& [role, chains] = one; !but.contains(one))
          differs(change, name,
                  chains.empty() ? role : fmt::format("{} @ {}", role, fmt::join(chains, ", ")));
    };
    tell("role-take", now, wanted);
    tell("role-give", wanted, now);
    now = wanted;
  }
  // Those that stay in their order, then the new ones.
  void write_assignments() {
    Json out = Json::array();
    auto rest = assigned_;
    for (const Json& one : document_["assignments"])
      if (!is_exports(one) || rest[one["to"]].erase(of(one))) out.push_back(one);
    for (const auto& [to, all] : rest)
      for (const auto& [role, chains] : all) {
        Json entry = {{"to", to}, {"role", role}};
        if (!chains.empty()) entry["chains"] = chains;
        out.push_back(std::move(entry));
      }
    document_["assignments"] = std::move(out);
  }

  Status stays(const Export::Person& person) {
    const std::string id = id_of(person);
    const User* there = account(id);
    if (!there) out_.accounts.push_back({"account-add", person.name, person.service ? "service" : ""});
    if (there && there->service != person.service)
      return fail(Code::conflict, "access.sync_service", "{}", person.name);
    if (there && there->disabled)
      out_.notes.push_back(
          fmt::format("{}: 账户已停用,不因导出而解锁 locked here, and stays so", person.name));
    TRY(place(person, id));
    for (const auto& role : person.roles) {
      if (!present_.policy.role(role))
        return fail(Code::invalid_argument, "access.role_unknown", "{} of user {}", role, person.name);
      if (has_duty(role))
        return fail(Code::forbidden, "access.sync_duty", "{} of user {}", role, person.name);
    }
    std::set<Assigned> wanted;
    for (const auto& role : person.roles) wanted.emplace(role, person.chains);
    assign(id, person.name, wanted);
    return {};
  }

  // His entry among the users.
  Status place(const Export::Person& person, const std::string& id) {
    Json& all = document_["users"];
    const std::string name = account(id) ? account(id)->name : person.name;
    Json wanted = {{"name", name},
                   {"organisation", person.organisation},
                   {"service", person.service},
                   {"source", export_.source}};
    const auto found = all.find(id);
    if (found == all.end()) {
      differs("user-add", person.name, person.organisation);
      if (!person.key.empty()) {
        differs("key-set", person.name, person.key);
        wanted["key"] = person.key;
      }
      all[id] = std::move(wanted);
      return {};
    }
    TRY(check_source(*found, "user " + person.name));
    if (!is_ours(*found)) differs("user-take", person.name);
    if ((*found)["organisation"] != person.organisation)
      differs("user-move", person.name,
              fmt::format("{} → {}", (*found)["organisation"].get<std::string>(), person.organisation));
    wanted["key"] = found->value("key", "");
    if (!person.key.empty() && person.key != wanted["key"]) {
      if (holds_duty(id)) return fail(Code::forbidden, "access.sync_duty", "the key of {}", person.name);
      differs("key-set", person.name, person.key);
      wanted["key"] = person.key;
    }
    if (wanted["key"] == "") wanted.erase("key");
    *found = std::move(wanted);
    return {};
  }

  bool holds_duty(const std::string& id) const {
    const auto roles = present_.policy.roles_of(id, 0);  // delegations end with him
    return std::any_of(roles.begin(), roles.end(), [&](const auto& role) { return has_duty(role); });
  }

  // His account is locked, and of the policy he is gone, unless he has a duty: that another one takes over.
  Status leaves(const std::string& id, const std::string& name) {
    const User* there = account(id);
    if (there && !there->disabled) {
      out_.accounts.push_back({"account-lock", name, "", id});
      locked_.insert(id);
    }
    Json& all = document_["users"];
    if (!all.contains(id)) return {};
    TRY(check_source(all[id], "user " + name));
    assign(id, name, {});
    if (holds_duty(id)) {
      out_.notes.push_back(
          fmt::format("{}: 仍有管理员职责,请另行提案移交 still has a duty: propose who takes it over", name));
      return {};
    }
    differs("user-leave", name);
    all.erase(id);
    return {};
  }

  Status those_no_longer_named() {
    std::map<std::string, std::string> gone;
    for (const auto& [id, user] : document_["users"].items())
      if (is_ours(user) && !named_.contains(id)) gone[id] = user["name"];
    for (const auto& [id, name] : gone) TRY(leaves(id, name));
    return {};
  }

  // Somebody is in them, or something is assigned to them.
  std::set<std::string> organisations_in_use() const {
    std::set<std::string> out;
    for (const auto& [id, user] : document_["users"].items()) out.insert(user["organisation"]);
    for (const Json& one : document_["assignments"])
      if (const std::string to = one["to"]; to.starts_with(kOrganisation))
        out.insert(to.substr(kOrganisation.size()));
    for (const Json& rule : document_.value("outside", Json::array())) out.insert(rule["organisation"]);
    return out;
  }

  // Those that an earlier export brought and this one does not name: from the lowest.
  void drop_organisations() {
    Json& all = document_["organisations"];
    std::set<std::string> gone;
    for (const auto& [id, one] : all.items())
      if (is_ours(one)) gone.insert(id);
    for (const auto& one : export_.organisations) gone.erase(one.id);
    const auto in_use = organisations_in_use();
    for (bool more = true; more;) {
      std::set<std::string> above = in_use;
      for (const auto& [id, one] : all.items()) above.insert(one["parent"].get<std::string>());
      more = std::erase_if(gone, [&](const std::string& id) {
               if (above.contains(id)) return false;
               differs("organisation-remove", id);
               all.erase(id);
               return true;
             }) > 0;
    }
    for (const auto& id : gone)
      out_.notes.push_back(fmt::format("{}: 机构仍在使用,予以保留 the organisation is in use and stays", id));
  }

  // Those of or to somebody who left, and of roles that were taken.
  Status drop_delegations() {
    if (document_["delegations"].empty()) return {};
    Json kept = Json::array();
    Json bare = document_;
    bare["delegations"] = Json::array();
    ASSIGN(const Policy next, Policy::read(bare));
    for (const Json& one : document_["delegations"]) {
      const std::string from = one["from"], to = one["to"], role = one["role"];
      if (next.user(to) && next.roles_of(from, 0).contains(role)) {
        kept.push_back(one);
        continue;
      }
      const auto* giver = present_.policy.user(from);
      differs("delegation-end", giver ? giver->name : from, role);
    }
    document_["delegations"] = std::move(kept);
    return {};
  }

  // Organisations above him whose people administer: duties that are his by where he is placed.
  std::set<std::string> administers_by(const Policy& policy, const std::string& id) const {
    std::set<std::string> out;
    if (const auto* user = policy.user(id))
      std::copy_if(administering_.begin(), administering_.end(), std::inserter(out, out.end()),
                   [&](const auto& above) { return policy.within(user->organisation, above); });
    return out;
  }

  Status check() {
    ASSIGN(const Policy next, Policy::read(document_));
    std::set<std::string> everybody;
    for (const Policy* policy : {&present_.policy, &next})
      for (const auto& [id, user] : policy->users()) everybody.insert(id);
    for (const auto& id : everybody)
      if (administers_by(present_.policy, id) != administers_by(next, id)) {
        const auto* user = present_.policy.user(id) ? present_.policy.user(id) : next.user(id);
        return fail(Code::forbidden, "access.sync_duty", "of {}, by the organisation", user->name);
      }
    TRY(next.check(present_.actions));
    return next.check_not_locked_out([&](const std::string& id) {
      const User* there = account(id);
      return there && !there->disabled && !locked_.contains(id);
    });
  }

  const Export& export_;
  const Present& present_;
  Json document_;
  std::map<std::string, const User*> by_name_, by_id_;
  std::map<std::string, std::set<Assigned>> assigned_;  // by "user:ID"
  std::set<std::string> administering_;                 // organisations with a duty
  std::set<std::string> named_, locked_;                // ids
  mutable std::map<std::string, bool> duties_;
  Comparison out_;
};

}  // namespace

Result<Comparison> compare(const Export& exported, const Present& present) {
  return Work(exported, present).run();
}

Json to_json(const std::vector<Difference>& differences) {
  Json out = Json::array();
  for (const Difference& one : differences) {
    Json entry = {{"change", one.change}, {"what", one.what}};
    if (!one.detail.empty()) entry["detail"] = one.detail;
    if (!one.account.empty()) entry["account"] = one.account;
    out.push_back(std::move(entry));
  }
  return out;
}

Digest digest_of(const std::vector<Difference>& differences) {
  auto text = canonical_json(to_json(differences));
  CHECK(text);  // nothing but texts
  return crypto::sm3(view(*text));
}

}  // namespace chengxin::access
