#include "access/store.h"

// What a recovery may change.
namespace chengxin::access {
namespace {

tl::unexpected<Error> beyond(std::string_view what) {
  return fail(Code::forbidden, "access.recovery_scope", "{}", what);
}

// What stands in `more` and not in `less`, as often as it does.
std::vector<Json> beside(const Json& more, const Json& less) {
  std::vector<Json> out(more.begin(), more.end());
  for (const Json& each : less)
    if (auto at = std::find(out.begin(), out.end(), each); at != out.end()) out.erase(at);
  return out;
}

struct Moved {
  std::string holder;         // "user:ID"; empty: of several, or of an organisation
  std::multiset<Json> roles;  // each with the chains that it is for
};
Moved moved(const std::vector<Json>& assignments) {
  Moved out;
  for (const Json& one : assignments) {
    const std::string to = one["to"];
    const bool same = to.starts_with("user:") && (out.roles.empty() || out.holder == to);
    out.holder = same ? to : "";
    out.roles.insert(Json::array({one["role"], one.value("chains", Json())}));
  }
  return out;
}

Status check_users(const Json& before, const Json& next, const std::string& successor) {
  for (const auto& [id, user] : before.items())
    if (!next.contains(id) || next[id] != user) return beyond("users other than the new one are changed");
  for (const auto& [id, user] : next.items())
    if (!before.contains(id) && "user:" + id != successor) return beyond("somebody else is added");
  return {};
}

}  // namespace

Status check_replacement(const Policy& before, const Policy& next, std::span<const Action> actions) {
  const Json &old = before.document(), &fresh = next.document();
  for (const char* member : {"organisations", "roles", "outside", "recovery"})
    if (old.value(member, Json()) != fresh.value(member, Json())) return beyond(member);
  const Moved gone = moved(beside(old["assignments"], fresh["assignments"]));
  const Moved come = moved(beside(fresh["assignments"], old["assignments"]));
  if (gone.holder.empty() || come.holder.empty() || gone.holder == come.holder || gone.roles != come.roles)
    return beyond("one person's roles go to one other person");
  const std::string lost = gone.holder.substr(5);
  if (!before.is_administrator(lost, actions, next.made_ms())) return beyond("who goes is no administrator");
  TRY(check_users(old["users"], fresh["users"], come.holder));
  if (!beside(fresh["delegations"], old["delegations"]).empty()) return beyond("a delegation is added");
  for (const Json& one : beside(old["delegations"], fresh["delegations"]))
    if (one["from"] != lost && one["to"] != lost) return beyond("a delegation of somebody else ends");
  return {};
}

}  // namespace chengxin::access
