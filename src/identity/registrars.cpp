#include <algorithm>

#include "crypto/sm3.h"
#include "format/consortium.h"
#include "format/genesis.h"
#include "identity/impl/session.h"

// Who may register. The chain's governors name the first admin (a consortium's by as many as a vote needs),
// and again when none of the admins can sign any more; otherwise admins name registrars, and each other.
namespace chengxin::identity {
namespace {

Result<Admins> admins_of(const Session& session) {
  ASSIGN(auto found, read_record<Admins>(session.read, kAdminsKey));
  return found.value_or(Admins());
}

Result<std::optional<format::Account>> account_of(const Session& session, const KeyId& key) {
  ASSIGN(auto stored, session.read(to_string(format::Account::state_key(key))));
  if (!stored) return std::optional<format::Account>();
  ASSIGN(auto account, format::Account::decode(*stored));
  return std::optional(std::move(account));
}

Result<bool> can_sign(const Session& session, const KeyId& key) {
  ASSIGN(auto account, account_of(session, key));
  if (!account || !account->active) return false;
  const Status active = check_signer(session.read, key);
  if (!active && active.error().code != Code::forbidden) return tl::unexpected(active.error());
  return active.has_value();
}

Result<size_t> governors_needed(const Session& session) {
  ASSIGN(auto document, session.read(format::kConsortiumKey));
  if (!document) return size_t(1);
  ASSIGN(auto consortium, format::Consortium::decode(text(*document)));
  if (!consortium.find_governor(session.context.account.public_key)) return forbidden("identity.no_right");
  return consortium.votes_needed();
}

// Whether enough governors have asked for the very same.
Result<bool> governors_agree(Session& session) {
  if (!session.context.account.has_role("governor")) return forbidden("identity.no_right");
  ASSIGN(const size_t needed, governors_needed(session));
  if (needed == 1) return true;
  const Digest what = crypto::sm3(session.context.arguments);
  ASSIGN(auto found, read_record<Approvals>(session.read, kFirstKey));
  Approvals given = found && found->what == what ? std::move(*found) : Approvals{what, {}};
  if (std::find(given.by.begin(), given.by.end(), session.context.signer) != given.by.end())
    return refused("identity.approved_already");
  given.by.push_back(session.context.signer);
  if (given.by.size() >= needed) {
    session.context.state.erase(kFirstKey);
    return true;
  }
  session.put(kFirstKey, given);
  session.tell("governor_agreed", {what, session.context.signer});
  return false;
}

Status set_registrar(Session& session) {
  ASSIGN(const auto call, session.arguments<SetRegistrar>());
  ASSIGN(Admins admins, admins_of(session));
  bool governed = true;  // no admin can sign
  for (const KeyId& each : admins.keys) {
    ASSIGN(const bool can, can_sign(session, each));
    governed = governed && !can;
  }
  const bool admin = call.registrar.rights.has(Right::admin);
  if (governed && !admin) return refused("identity.no_admin");
  ASSIGN(auto account, account_of(session, call.key));
  if (!call.registrar.rights.empty() && (!account || !account->active)) return refused("identity.no_account");
  if (governed) {
    ASSIGN(const bool agreed, governors_agree(session));
    if (!agreed) return {};
    for (const KeyId& each : admins.keys) session.context.state.erase(registrar_key(each));
    admins.keys.clear();
  } else {
    TRY(session.registrar(Right::admin));
  }
  std::erase(admins.keys, call.key);
  if (admin) admins.keys.push_back(call.key);
  if (admins.keys.empty()) return refused("identity.last_admin");
  if (admins.keys.size() > kMaxAdmins) return refused("identity.too_many_admins");
  session.put(kAdminsKey, admins);
  if (call.registrar.rights.empty())
    session.context.state.erase(registrar_key(call.key));
  else
    session.put(registrar_key(call.key), call.registrar);
  session.tell("registrar_set", {call.key, encode(call.registrar)});
  return {};
}

}  // namespace

std::vector<Row> registrar_methods() { return {{"set_registrar", set_registrar}}; }

}  // namespace chengxin::identity
