#include "user_policy.h"

#include <algorithm>
#include <sstream>

#include "access/store.h"
#include "base/clock.h"

namespace chengxin::app {
namespace {

Result<std::vector<std::string>> parts_of(const std::string& text, size_t count) {
  std::vector<std::string> out;
  for (size_t from = 0; out.size() + 1 < count;) {
    const size_t at = text.find('=', from);
    if (at == text.npos)
      return fail(Code::invalid_argument, "cli.usage", "\"{}\" needs {} parts with = between", text, count);
    out.push_back(text.substr(from, at - from));
    from = at + 1;
    if (out.size() + 1 == count) out.push_back(text.substr(from));
  }
  return out;
}

struct Draft {
  Json document;
  Accounts accounts;

  // Adds somebody whom the policy does not know yet, with the key of his certificate.
  Result<std::string> enrol(const std::string& name) {
    ASSIGN(Json user, accounts.find(name));
    const std::string id = user.at("id");
    if (!document["users"].contains(id))
      document["users"][id] = {
          {"name", user.at("name")}, {"organisation", "root"}, {"service", user.at("service")}};
    if (user.contains("certificate") && !document["users"][id].contains("key"))
      document["users"][id]["key"] = user["certificate"]["key"];
    return id;
  }
  Result<std::string> subject(const std::string& text) {
    if (text.starts_with("organisation:")) return text;
    ASSIGN(std::string id, enrol(text));
    return "user:" + id;
  }
};

// ROLE or ROLE=CHAIN,…
Json role_and_chains(const std::string& text) {
  const size_t at = text.find('=');
  Json out = {{"role", text.substr(0, at)}};
  if (at == text.npos) return out;
  out["chains"] = Json::array();
  std::istringstream names(text.substr(at + 1));
  for (std::string name; std::getline(names, name, ',');) out["chains"].push_back(name);
  return out;
}

Status assign(Draft& draft, const std::string& text, bool add) {
  ASSIGN(auto parts, parts_of(text, 2));
  ASSIGN(std::string to, draft.subject(parts[0]));
  Json entry = role_and_chains(parts[1]);
  entry["to"] = to;
  auto& list = draft.document["assignments"].get_ref<Json::array_t&>();
  const bool there = std::find(list.begin(), list.end(), entry) != list.end();
  if (!add && !there) return fail(Code::not_found, "access.role_unknown", "{} is not assigned", text);
  std::erase(list, entry);
  if (add) list.push_back(entry);
  return {};
}

Status change_rule(Draft& draft, const std::string& text, bool add) {
  ASSIGN(auto parts, parts_of(text, 5));
  const Json entry = {{"provider", parts[0]},
                      {"claim", parts[1]},
                      {"value", parts[2]},
                      {"role", parts[3]},
                      {"organisation", parts[4]}};
  if (!draft.document.contains("outside")) draft.document["outside"] = Json::array();
  auto& list = draft.document["outside"].get_ref<Json::array_t&>();
  if (std::erase(list, entry) == 0 && !add)
    return fail(Code::not_found, "access.outside_rule", "{} is no rule", text);
  if (add) list.push_back(entry);
  return {};
}

Status apply(Draft& draft, const PolicyChange& change) {
  for (const auto& text : change.drop_rules) TRY(change_rule(draft, text, false));
  for (const auto& text : change.rules) TRY(change_rule(draft, text, true));
  for (const auto& text : change.organisations) {
    ASSIGN(auto parts, parts_of(text, 3));
    const size_t at = parts[2].find('=');
    Json& one = draft.document["organisations"][parts[0]];
    Json made = {{"name", parts[1]}, {"parent", parts[2].substr(0, at)}};
    if (at != std::string::npos)
      made["region"] = parts[2].substr(at + 1);
    else if (one.contains("region"))
      made["region"] = one["region"];
    one = std::move(made);
  }
  for (const auto& file : change.roles) {
    ASSIGN(Bytes bytes, read_file(file, 1 << 20));
    ASSIGN(Json roles, parse_json(text(bytes)));
    draft.document["roles"].update(roles);
  }
  if (!change.recovery.is_null()) draft.document["recovery"] = change.recovery;
  for (const auto& text : change.withdraw) TRY(assign(draft, text, false));
  for (const auto& text : change.assign) TRY(assign(draft, text, true));
  for (const auto& text : change.place) {
    ASSIGN(auto parts, parts_of(text, 2));
    ASSIGN(std::string id, draft.enrol(parts[0]));
    draft.document["users"][id]["organisation"] = parts[1];
  }
  for (const auto& text : change.keys) {
    ASSIGN(auto parts, parts_of(text, 2));
    ASSIGN(std::string id, draft.enrol(parts[0]));
    draft.document["users"][id]["key"] = parts[1];
  }
  for (const auto& text : change.delegate) {
    ASSIGN(auto parts, parts_of(text, 4));
    ASSIGN(std::string from, draft.enrol(parts[0]));
    ASSIGN(std::string to, draft.enrol(parts[1]));
    const int64_t now = now_ms();
    draft.document["delegations"].push_back(
        {{"from", from},
         {"to", to},
         {"role", parts[2]},
         {"from_ms", now},
         {"until_ms", now + std::strtoll(parts[3].c_str(), nullptr, 10) * 86'400'000}});
  }
  return {};
}

}  // namespace

std::string chains_text(const Json& assignment) {
  std::string out;
  for (const Json& chain : assignment.value("chains", Json::array()))
    out += (out.empty() ? "=" : ",") + chain.get<std::string>();
  return out;
}

Result<Json> Accounts::find(const std::string& name) const {
  for (const Json& one : all)
    if (one.at("id") == name || one.at("name") == name) return one;
  return fail(Code::not_found, "access.no_user", "{}", name);
}

Result<Accounts> accounts(client::Client& platform) {
  Accounts out;
  std::string cursor;
  do {
    ASSIGN(Json page, platform.get("/api/v1/users?limit=500" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const Json& one : page.at("items")) out.all.push_back(one);
    cursor = page.value("next", "");
  } while (!cursor.empty());
  return out;
}

Result<Json> next_document(client::Client& platform, const PolicyChange& change) {
  ASSIGN(Json policy, platform.get("/api/v1/access/policy"));
  Draft draft;
  ASSIGN(draft.accounts, accounts(platform));
  draft.document = policy.at("document");
  if (!change.document.empty()) {
    ASSIGN(Bytes bytes, read_file(change.document, access::kMaxPolicyBytes));
    ASSIGN(draft.document, parse_json(text(bytes), {.max_bytes = access::kMaxPolicyBytes}));
  }
  TRY(apply(draft, change));
  // Of the document itself: one that the platform changed follows nothing that is in force.
  ASSIGN(const auto in_force, access::Policy::read(policy.at("document")));
  draft.document["version"] = in_force.version() + 1;
  draft.document["previous"] = in_force.version() == 0 ? "" : hex(in_force.digest());
  draft.document["made_ms"] = now_ms();
  return draft.document;
}

Changes changes_of(client::Client& platform, const Json& document) {
  ASSIGN(const Json in_force, platform.get("/api/v1/access/policy"));
  return access::changes_of(document, in_force.at("document"));
}

void print_changes(const Changes& changes) {
  if (!changes)
    return line("    警告:无法说明其变更 warning: what it changes cannot be told: {}",
                visible(changes.error().to_string()));
  for (const auto& each : *changes) line("    {}\n      {}", visible(each.zh), visible(each.en));
}

Result<std::string> sign_policy(const crypto::Sm2PrivateKey& key, std::string_view kind,
                                const Json& document) {
  ASSIGN(auto policy, access::Policy::read(document));
  ASSIGN(auto signature, key.sign(view(access::policy_message(kind, policy.version(), policy.digest()))));
  return hex(signature);
}

}  // namespace chengxin::app
