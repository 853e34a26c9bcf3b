#include "access/policy.h"

#include <algorithm>

#include "access/impl/members.h"
#include "crypto/sm3.h"

namespace chengxin::access {
namespace {

constexpr size_t kMaxNameBytes = 64, kMaxPermissions = Members::kMaxTexts;
constexpr int kMostClearance = 9;

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::invalid_argument, "access.policy_form", "{}", what);
}

// Names of organisations, roles: small letters, digits, '-' and '_'.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// As a dictionary of regions codes them: 310115.
bool is_region(const std::string& text) {
  constexpr size_t kMostRegion = 32;
  return !text.empty() && text.size() <= kMostRegion && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool is_permission(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return false;
  const std::string kind = text.substr(0, colon);
  return kind == "read" || kind == "write" || kind == "call" || text == "integration:*";
}

bool masks(const View& view, const std::string& member) {
  return std::find(view.masks.begin(), view.masks.end(), member) != view.masks.end();
}

// Whether whatever `less` shows is shown by `more` too.
bool covers(const View& more, const View& less) {
  return (more.all_rows || !less.all_rows) && more.clearance >= less.clearance &&
         std::all_of(more.masks.begin(), more.masks.end(),
                     [&](const auto& mask) { return masks(less, mask); });
}

// None stays that another covers.
void add_view(std::vector<View>& views, View fresh) {
  if (std::any_of(views.begin(), views.end(), [&](const View& one) { return covers(one, fresh); })) return;
  std::erase_if(views, [&](const View& one) { return covers(fresh, one); });
  views.push_back(std::move(fresh));
}

}  // namespace

Json Policy::beginning() {
  return {{"format", kPolicyFormat},
          {"version", 0},
          {"previous", ""},
          {"made_ms", 0},
          {"organisations", {{"root", {{"name", "本机构 this organisation"}, {"parent", ""}}}}},
          {"roles", Json::object()},
          {"users", Json::object()},
          {"assignments", Json::array()},
          {"delegations", Json::array()}};
}

Status Policy::read_organisations(const Json& json) {
  for (const auto& [id, value] : json.items()) {
    Members members(value, "organisation " + id);
    members.text("name");
    members.text("source", false);
    parents_[id] = members.text("parent");
    const std::string region = members.text("region", false);
    TRY(members.done());
    if (!is_name(id)) return malformed("organisation " + id + ": not a name");
    if (!value.contains("region")) continue;
    if (!is_region(region)) return malformed("organisation " + id + ": region is 1 to 32 letters and digits");
    regions_[id] = region;
  }
  for (const auto& [id, parent] : parents_) {
    std::string at = parent;
    for (size_t steps = 0; !at.empty(); at = parents_.at(at)) {
      if (!parents_.contains(at))
        return fail(Code::invalid_argument, "access.organisation_unknown", "{} above {}", at, id);
      if (++steps > parents_.size())
        return fail(Code::invalid_argument, "access.organisation_loop", "{}", id);
    }
  }
  return {};
}

Status Policy::read_roles(const Json& json) {
  for (const auto& [id, value] : json.items()) {
    if (built_in_roles().contains(id)) return fail(Code::invalid_argument, "access.role_built_in", "{}", id);
    Members members(value, "role " + id);
    Role role{members.text("title"),
              members.texts("inherits"),
              members.texts("permissions"),
              members.texts("masks"),
              members.flag("all_rows"),
              members.flag("read_only"),
              int(members.number("clearance", false))};
    TRY(members.done());
    if (!is_name(id)) return malformed("role " + id + ": not a name");
    if (role.clearance < 0 || role.clearance > kMostClearance)
      return malformed("role " + id + ": clearance is 0 to 9");
    for (const auto& permission : role.permissions)
      if (!is_permission(permission))
        return fail(Code::invalid_argument, "access.permission_unknown", "{} in role {}", permission, id);
    roles_[id] = std::move(role);
  }
  for (const auto& [id, role] : built_in_roles()) {
    std::vector<std::string> path;
    TRY(flatten(id, path));
  }
  for (const auto& [id, role] : roles_) {
    std::vector<std::string> path;
    TRY(flatten(id, path));
  }
  return {};
}

// Adds the permissions and masks of those inherited; what a role shows of rows and labels is its own.
Status Policy::flatten(const std::string& id, std::vector<std::string>& path) {
  if (flat_.contains(id)) return {};
  if (std::find(path.begin(), path.end(), id) != path.end())
    return fail(Code::invalid_argument, "access.role_loop", "{}", id);
  const Role* own = role(id);
  if (!own) return fail(Code::invalid_argument, "access.role_unknown", "{}", id);
  path.push_back(id);
  Role flat = *own;
  for (const auto& base : own->inherits) {
    TRY(flatten(base, path));
    const Role& other = flat_.at(base);
    flat.permissions.insert(flat.permissions.end(), other.permissions.begin(), other.permissions.end());
    flat.masks.insert(flat.masks.end(), other.masks.begin(), other.masks.end());
    flat.read_only = flat.read_only || other.read_only;
  }
  path.pop_back();
  flat_[id] = std::move(flat);
  return {};
}

Status Policy::read_users(const Json& json) {
  for (const auto& [id, value] : json.items()) {
    Members members(value, "user " + id);
    User user{members.text("name"), members.text("organisation"), members.flag("service"), std::nullopt};
    const std::string key = members.text("key", false);
    members.text("source", false);
    TRY(members.done());
    if (!parents_.contains(user.organisation))
      return fail(Code::invalid_argument, "access.organisation_unknown", "{} of user {}", user.organisation,
                  id);
    if (!key.empty()) {
      ASSIGN(Bytes point, unhex(key));
      ASSIGN(user.key, crypto::Sm2PublicKey::from_point(point));
      if (!by_key_.emplace(user.key->point(), id).second)
        return fail(Code::invalid_argument, "access.key_shared", "{} ({})", user.name, id);
    }
    users_[id] = std::move(user);
  }
  return {};
}

Status Policy::read_assignments(const Json& json) {
  for (const Json& value : json) {
    Members members(value, "assignment");
    const std::vector<std::string> chains = members.texts("chains");
    Assignment one{members.text("to"), members.text("role"), {chains.begin(), chains.end()}};
    TRY(members.done());
    if (value.contains("chains") && (chains.empty() || one.chains.size() != chains.size()))
      return malformed("assignment: chains names one or more, each once");
    if (!known_role(one.role)) return fail(Code::invalid_argument, "access.role_unknown", "{}", one.role);
    if (one.to.starts_with("user:")) {
      if (!users_.contains(one.to.substr(5)))
        return fail(Code::invalid_argument, "access.user_unknown", "{}", one.to);
    } else if (one.to.starts_with("organisation:")) {
      if (!parents_.contains(one.to.substr(13)))
        return fail(Code::invalid_argument, "access.organisation_unknown", "{}", one.to);
    } else {
      return malformed("assignment: to is user:ID or organisation:ID");
    }
    assignments_[one.to].push_back(one);
  }
  return {};
}

Status Policy::read_delegations(const Json& json) {
  for (const Json& value : json) {
    Members members(value, "delegation");
    Delegation one{members.text("from"), members.text("to"), members.text("role"), members.number("from_ms"),
                   members.number("until_ms")};
    TRY(members.done());
    if (!users_.contains(one.from) || !users_.contains(one.to))
      return fail(Code::invalid_argument, "access.user_unknown", "{} or {}", one.from, one.to);
    if (!assigned(one.from, {}).contains(one.role) || one.from == one.to || one.from_ms >= one.until_ms)
      return fail(Code::invalid_argument, "access.delegation", "{} from {}", one.role, one.from);
    delegations_[one.to].push_back(one);
  }
  return {};
}

Status Policy::read_recovery(const Json& json) {
  Members members(json, "recovery");
  const std::string key = members.text("key");
  Recovery out{{}, size_t(std::max<int64_t>(0, members.number("need"))), members.texts("holders")};
  TRY(members.done());
  const std::set<std::string> different(out.holders.begin(), out.holders.end());
  if (out.need < 2 || out.need > out.holders.size() || different.size() != out.holders.size() ||
      different.contains(""))
    return fail(Code::invalid_argument, "access.recovery_holders", "{} of {}", out.need, out.holders.size());
  ASSIGN(const Bytes point, unhex(key));
  ASSIGN(out.key, crypto::Sm2PublicKey::from_point(point));
  if (user_with_key(out.key.point()))
    return fail(Code::invalid_argument, "access.key_shared", "of the recovery");
  recovery_ = std::move(out);
  return {};
}

Status Policy::read_rules(const Json& json) {
  for (const Json& value : json) {
    Members members(value, "outside rule");
    Rule one{members.text("provider"), members.text("claim"), members.text("value"), members.text("role"),
             members.text("organisation")};
    TRY(members.done());
    if (one.provider.empty() || one.claim.empty() || one.value.empty() || rules_.size() >= kMaxPermissions)
      return fail(Code::invalid_argument, "access.outside_rule",
                  "a provider, a claim and a value; at most {} rules", kMaxPermissions);
    if (!known_role(one.role)) return fail(Code::invalid_argument, "access.role_unknown", "{}", one.role);
    if (!parents_.contains(one.organisation))
      return fail(Code::invalid_argument, "access.organisation_unknown", "{}", one.organisation);
    rules_.push_back(std::move(one));
  }
  return {};
}

Result<Policy> Policy::read(const Json& document) {
  Policy out;
  Members members(document, "policy");
  const bool format = members.text("format") == kPolicyFormat;
  out.version_ = members.number("version");
  out.previous_ = members.text("previous");
  out.made_ms_ = members.number("made_ms");
  const Json &organisations = members.object("organisations"), &roles = members.object("roles"),
             &users = members.object("users"), &assignments = members.list("assignments"),
             &delegations = members.list("delegations"), &rules = members.list("outside", false),
             &recovery = members.object("recovery", false);
  TRY(members.done());
  if (!format) return malformed("format is not " + std::string(kPolicyFormat));
  TRY(out.read_organisations(organisations));
  TRY(out.read_roles(roles));
  TRY(out.read_users(users));
  TRY(out.read_assignments(assignments));
  TRY(out.read_delegations(delegations));
  if (document.contains("recovery")) TRY(out.read_recovery(recovery));
  TRY(out.read_rules(rules));
  ASSIGN(out.text_, canonical_json(document));
  out.digest_ = crypto::sm3(view(out.text_));
  out.document_ = document;
  return out;
}

const Role* Policy::role(const std::string& id) const {
  if (auto found = built_in_roles().find(id); found != built_in_roles().end()) return &found->second;
  auto found = roles_.find(id);
  return found == roles_.end() ? nullptr : &found->second;
}

const Policy::User* Policy::user(const std::string& id) const {
  auto found = users_.find(id);
  return found == users_.end() ? nullptr : &found->second;
}

std::optional<std::string> Policy::user_with_key(const crypto::Sm2Point& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

bool Policy::within(const std::string& organisation, const std::string& above) const {
  for (std::string at = organisation; !at.empty();) {
    if (at == above) return true;
    auto parent = parents_.find(at);
    if (parent == parents_.end()) return false;
    at = parent->second;
  }
  return false;
}

std::set<std::string> Policy::all_within(const std::string& above) const {
  std::set<std::string> out;
  for (const auto& [id, parent] : parents_)
    if (within(id, above)) out.insert(id);
  return out;
}

std::string Policy::region_of(const std::string& organisation) const {
  for (std::string at = organisation; !at.empty();) {
    if (const auto found = regions_.find(at); found != regions_.end()) return found->second;
    const auto parent = parents_.find(at);
    at = parent == parents_.end() ? std::string() : parent->second;
  }
  return {};
}

std::set<std::string> Policy::roles_everywhere(const std::string& user, int64_t now_ms) const {
  return roles_within(user, now_ms, {false});
}

std::set<std::string> Policy::with_inherited(const std::set<std::string>& roles) const {
  std::set<std::string> out;
  std::vector<std::string> open(roles.begin(), roles.end());
  while (!open.empty()) {
    const std::string id = std::move(open.back());
    open.pop_back();
    const Role* one = role(id);
    if (one && out.insert(id).second) open.insert(open.end(), one->inherits.begin(), one->inherits.end());
  }
  return out;
}

void Policy::each_assigned(const std::string& id, const std::function<void(const Assignment&)>& work) const {
  const User* one = user(id);
  if (!one) return;
  const auto to = [&](const std::string& whom) {
    if (const auto found = assignments_.find(whom); found != assignments_.end())
      for (const Assignment& assignment : found->second) work(assignment);
  };
  to("user:" + id);
  for (std::string at = one->organisation; !at.empty();) {
    to("organisation:" + at);
    const auto above = parents_.find(at);
    at = above == parents_.end() ? std::string() : above->second;
  }
}

std::set<std::string> Policy::assigned(const std::string& id, Reach reach) const {
  std::set<std::string> out;
  each_assigned(id, [&](const Assignment& assignment) {
    const auto& chains = assignment.chains;
    if (chains.empty() ||
        (reach.limited && (reach.chain.empty() || chains.contains(std::string(reach.chain)))))
      out.insert(assignment.role);
  });
  return out;
}

// What is delegated reaches no further than with who delegates it.
std::set<std::string> Policy::roles_within(const std::string& user, int64_t now_ms, Reach reach) const {
  std::set<std::string> out = assigned(user, reach);
  if (const auto found = delegations_.find(user); found != delegations_.end())
    for (const auto& one : found->second)
      if (now_ms >= one.from_ms && now_ms < one.until_ms && assigned(one.from, reach).contains(one.role))
        out.insert(one.role);
  return out;
}

Grant Grant::everything() { return {{{true, {}, kMostClearance}}}; }

bool Grant::sees_every_row() const {
  return std::any_of(views.begin(), views.end(), [](const View& one) { return one.all_rows; });
}

bool Grant::sees_everything() const {
  return !by_chain && std::any_of(views.begin(), views.end(), [](const View& one) {
    return one.all_rows && one.clearance >= kMostClearance;
  });
}

std::set<std::string> Grant::any_masks() const {
  std::set<std::string> out;
  for (const View& one : views) out.insert(one.masks.begin(), one.masks.end());
  return out;
}

std::set<std::string> common_masks(std::span<const View> views) {
  if (views.empty()) return {};
  std::set<std::string> out(views[0].masks.begin(), views[0].masks.end());
  for (const View& one : views) std::erase_if(out, [&](const auto& mask) { return !masks(one, mask); });
  return out;
}

std::optional<Grant> Policy::grant(const std::set<std::string>& roles, const Action& action) const {
  std::optional<Grant> out;
  bool read_only = false;
  for (const auto& id : roles) {
    const Role& role = flat_.at(id);
    read_only = read_only || role.read_only;
    if (!permits(role, action)) continue;
    if (!out) out.emplace();
    add_view(out->views, {role.all_rows, role.masks, role.clearance});
  }
  if (read_only && action.writes) return std::nullopt;
  return out;
}

std::map<std::string, std::set<std::string>> Policy::chains_of(const std::string& user,
                                                               int64_t now_ms) const {
  std::set<std::string> named;
  const auto note = [&](const Assignment& one) { named.insert(one.chains.begin(), one.chains.end()); };
  each_assigned(user, note);
  if (const auto found = delegations_.find(user); found != delegations_.end())
    for (const auto& one : found->second) each_assigned(one.from, note);
  std::map<std::string, std::set<std::string>> out;
  const auto everywhere = roles_within(user, now_ms, {false});
  for (const auto& chain : named)
    for (const auto& role : roles_within(user, now_ms, {true, chain}))
      if (!everywhere.contains(role)) out[role].insert(chain);
  return out;
}

// Where no chain is named yet, whatever may be called for some chain may be called; what it shows is decided
// by the chain of each record.
std::optional<Grant> Policy::decide(const std::string& user, const Action& action, int64_t now_ms,
                                    std::string_view chain) const {
  const auto roles = roles_within(user, now_ms, {action.by_chain, chain});
  auto out = grant(roles, action);
  if (!out || !action.by_chain || !chain.empty()) return out;
  out->by_chain = roles != roles_within(user, now_ms, {false});
  if (!out->by_chain) return out;
  out->views.clear();  // of each role: one that another covers may be the only one for its chain
  for (const auto& role : roles)
    if (const auto one = grant({role}, action))
      out->views.insert(out->views.end(), one->views.begin(), one->views.end());
  return out;
}

std::optional<Grant> Policy::decide_role(const std::string& role, const Action& action) const {
  if (!flat_.contains(role)) return std::nullopt;
  return grant({role}, action);
}

std::vector<const Policy::Rule*> Policy::rules_for(const std::string& id, const Outside& outside) const {
  std::vector<const Rule*> out;
  if (outside.provider.empty() || user(id)) return out;
  for (const Rule& rule : rules_)
    if (rule.provider == outside.provider &&
        std::find(outside.facts.begin(), outside.facts.end(), std::pair(rule.claim, rule.value)) !=
            outside.facts.end())
      out.push_back(&rule);
  return out;
}

std::optional<Grant> Policy::decide_outside(const std::string& user, const Outside& outside,
                                            const Action& action) const {
  std::set<std::string> roles;
  for (const Rule* rule : rules_for(user, outside)) roles.insert(rule->role);
  return grant(roles, action);
}

bool Policy::has_duty(const std::string& role, std::span<const Action> actions) const {
  return std::any_of(actions.begin(), actions.end(),
                     [&](const Action& action) { return duty_in(flat_.at(role), action) != Duty::none; });
}

bool Policy::is_administrator(const std::string& user, std::span<const Action> actions,
                              int64_t now_ms) const {
  const auto roles = roles_of(user, now_ms);
  return std::any_of(roles.begin(), roles.end(),
                     [&](const std::string& id) { return has_duty(id, actions); });
}

Policy::ByRole Policy::reaches_of_roles(std::span<const Action> actions) const {
  ByRole out;
  for (const auto& [id, role] : flat_) {
    Reaches& one = out[id];
    one.read_only = role.read_only;
    for (const Action& action : actions) {
      one.writes = one.writes || (action.writes && permits(role, action));
      if (const Duty duty = duty_in(role, action); duty != Duty::none) one.duties.insert(duty);
    }
  }
  return out;
}

Status Policy::check_roles_of(const std::string& id, const User& user, const ByRole& reaches) const {
  std::set<std::string> all = assigned(id, {});
  if (const auto found = delegations_.find(id); found != delegations_.end())
    for (const auto& one : found->second) all.insert(one.role);  // whenever they begin
  std::set<Duty> duties;
  bool writes = false, read_only = false;
  for (const auto& role : all) {
    const Reaches& reach = reaches.at(role);
    read_only = read_only || reach.read_only;
    writes = writes || reach.writes;
    duties.insert(reach.duties.begin(), reach.duties.end());
  }
  std::vector<std::string_view> held;  // all of them: a third makes it another fault
  for (const Duty duty : duties) held.push_back(duty_name(duty));
  if (held.size() > 1)
    return fail(Code::conflict, "access.duties_overlap", "{} ({}) would hold the duties {}", user.name, id,
                fmt::join(held, " and "));
  if (read_only && writes)
    return fail(Code::conflict, "access.read_only_writes", "{} ({}) has a role that writes", user.name, id);
  if (!duties.empty() && !user.key)
    return fail(Code::conflict, "access.key_missing", "{} ({}): register a certificate first", user.name, id);
  return {};
}

// A claim of a provider never makes an administrator, and what one provider may give all at once must be fit
// for one person.
Status Policy::check_rules(const ByRole& reaches) const {
  std::map<std::string, std::pair<bool, bool>>
      kinds;  // of a provider: a role that only reads, one that writes
  for (const Rule& rule : rules_) {
    const Reaches& reach = reaches.at(rule.role);
    if (!reach.duties.empty())
      return fail(Code::conflict, "access.outside_duty", "{} has the duty {}", rule.role,
                  duty_name(*reach.duties.begin()));
    auto& [read_only, writes] = kinds[rule.provider];
    read_only = read_only || reach.read_only;
    writes = writes || reach.writes;
    if (read_only && writes)
      return fail(Code::conflict, "access.read_only_writes", "by the rules for {}", rule.provider);
  }
  return {};
}

// Who administers the installation administers all of it. The fault names every such role, so that it is the
// same whoever holds them.
Status Policy::check_chains(const ByRole& reaches) const {
  std::set<std::string> found;
  for (const auto& [to, all] : assignments_)
    for (const Assignment& one : all)
      if (const auto& duties = reaches.at(one.role).duties; !one.chains.empty() && !duties.empty())
        found.insert(fmt::format("{} has the duty {}", one.role, duty_name(*duties.begin())));
  if (found.empty()) return {};
  return fail(Code::conflict, "access.chains_duty", "{}", fmt::join(found, ", "));
}

Status Policy::check_calls(std::span<const Action> actions) const {
  for (const auto& [id, role] : roles_)
    for (const auto& permission : role.permissions)
      if (permission.starts_with("call:") &&
          std::none_of(actions.begin(), actions.end(),
                       [&](const Action& action) { return permission.substr(5) == action.id; }))
        return fail(Code::invalid_argument, "access.permission_unknown", "{} in role {}", permission, id);
  return {};
}

std::vector<Error> Policy::faults(std::span<const Action> actions) const {
  std::vector<Error> out;
  const auto note = [&](Status status) {
    if (!status) out.push_back(std::move(status.error()));
  };
  note(check_calls(actions));
  const ByRole reaches = reaches_of_roles(actions);
  note(check_rules(reaches));
  note(check_chains(reaches));
  for (const auto& [id, user] : users_) note(check_roles_of(id, user, reaches));
  return out;
}

Status Policy::check(std::span<const Action> actions) const {
  auto all = faults(actions);
  if (!all.empty()) return tl::unexpected(std::move(all.front()));
  return {};
}

Status Policy::check_not_locked_out(const std::function<bool(const std::string&)>& usable) const {
  std::vector<std::string> proposers, approvers, managers;
  for (const auto& [id, user] : users_) {
    if (user.service || !user.key || !usable(id)) continue;
    const auto roles = assigned(id, {false});
    if (grant(roles, propose_action())) proposers.push_back(id);
    if (grant(roles, approve_action())) approvers.push_back(id);
    if (grant(roles, add_user_action())) managers.push_back(id);
  }
  const bool two =
      !proposers.empty() && std::any_of(approvers.begin(), approvers.end(), [&](const auto& one) {
        return proposers.size() > 1 || one != proposers.front();
      });
  if (!two)
    return fail(Code::conflict, "access.everyone_out",
                "nobody could propose a change and somebody else approve it any more");
  if (managers.empty()) return fail(Code::conflict, "access.everyone_out", "nobody could add users any more");
  return {};
}

}  // namespace chengxin::access
