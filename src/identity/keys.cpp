#include <algorithm>

#include "crypto/sm3.h"
#include "identity/impl/session.h"

// Keys of a subject: what it changes itself, and how it comes back when they are lost.
namespace chengxin::identity {
namespace {

constexpr uint64_t kGasPerSignature = 40'000;

bool has_way_in(const Subject& subject) {
  return std::any_of(subject.keys.begin(), subject.keys.end(),
                     [](const Key& each) { return each.purposes.has(Purpose::authenticate); });
}

// Each new key signs that it may be taken.
Status take_proven(Session& session, const Expected& of, Subject& subject,
                   const std::vector<ProvenKey>& keys) {
  for (const ProvenKey& each : keys) {
    session.result.own_gas += kGasPerSignature;
    const auto key = crypto::Sm2PublicKey::from_point(each.key.public_key);
    if (!key) return refused("identity.public_key");
    if (!key->verify(possession_message(session.context.chain, of, each.key.id()), each.possession))
      return refused("identity.possession");
    TRY(session.take_key(of.subject, subject, each.key, true));
  }
  return {};
}

Status set_keys(Session& session) {
  ASSIGN(const auto call, session.arguments<SetKeys>());
  if (call.add.size() > kMaxKeys || (call.add.empty() && call.remove.empty()))
    return refused("identity.too_many_keys");
  ASSIGN(const Subject before, session.expect(call.of));
  // Nobody but the subject: who could take keys for it could take it over.
  TRY(session.is_itself(call.of.subject, before));
  Subject subject = before;
  for (const KeyId& each : call.remove) TRY(session.drop_key(call.of.subject, subject, each));
  TRY(take_proven(session, call.of, subject, call.add));
  if (!has_way_in(subject)) return refused("identity.last_key");
  session.keep(call.of.subject, subject, before, "set_keys");
  return {};
}

Status set_recovery(Session& session) {
  ASSIGN(const auto call, session.arguments<SetRecovery>());
  ASSIGN(const Subject before, session.expect(call.of));
  TRY(session.is_itself(call.of.subject, before));
  Subject subject = before;
  subject.recovery_key = call.key;
  subject.recovery_registrars = call.registrars;
  session.keep(call.of.subject, subject, before, "set_recovery");
  return {};
}

Status check_recovery_key(Session& session, const Recover& call, const Subject& subject) {
  session.result.own_gas += kGasPerSignature;
  if (!subject.recovery_key || format::key_id(*call.recovery_key) != *subject.recovery_key)
    return forbidden("identity.recovery_key");
  const auto key = crypto::Sm2PublicKey::from_point(*call.recovery_key);
  if (!key || !call.signature ||
      !key->verify(recovery_message(session.context.chain, call.of, call.keys), *call.signature))
    return forbidden("identity.recovery_signature");
  return {};
}

// Who agreed and was dismissed since does not count.
Status keep_registrars(const Session& session, std::vector<KeyId>& keys) {
  std::vector<KeyId> left;
  for (const KeyId& each : keys) {
    ASSIGN(const auto found, read_record<Registrar>(session.read, registrar_key(each)));
    if (found && found->rights.has(Right::recover)) left.push_back(each);
  }
  keys = std::move(left);
  return {};
}

// One registrar's yes; whether enough have said it of the same.
Result<bool> registrars_agree(Session& session, const Recover& call, const Subject& subject) {
  TRY(session.may_register(Right::recover, subject.kind));
  if (subject.recovery_registrars == 0) return forbidden("identity.recovery_registrars");
  const std::string at = recovery_approvals_key(call.of.subject);
  const Digest what = crypto::sm3(session.context.arguments);
  ASSIGN(auto found, read_record<Approvals>(session.read, at));
  Approvals given = found && found->what == what ? std::move(*found) : Approvals{what, {}};
  TRY(keep_registrars(session, given.by));
  if (std::find(given.by.begin(), given.by.end(), session.context.signer) != given.by.end())
    return refused("identity.approved_already");
  given.by.push_back(session.context.signer);
  if (given.by.size() >= subject.recovery_registrars) {
    session.context.state.erase(at);
    return true;
  }
  session.put(at, given);
  session.tell("recovery_agreed", {call.of.subject, session.context.signer});
  return false;
}

Status recover(Session& session) {
  ASSIGN(const auto call, session.arguments<Recover>());
  if (call.keys.empty() || call.keys.size() > kMaxKeys) return refused("identity.too_many_keys");
  ASSIGN(const Subject before, session.expect(call.of));
  if (before.status == SubjectStatus::revoked || before.status == SubjectStatus::deactivated)
    return check_active(before);
  if (call.recovery_key) {
    TRY(check_recovery_key(session, call, before));
  } else {
    ASSIGN(const bool agreed, registrars_agree(session, call, before));
    if (!agreed) return {};
  }
  Subject subject = before;
  for (const Key& each : before.keys) TRY(session.drop_key(call.of.subject, subject, each.id()));
  TRY(take_proven(session, call.of, subject, call.keys));
  if (!has_way_in(subject)) return refused("identity.last_key");
  session.keep(call.of.subject, subject, before, "recover");
  return {};
}

}  // namespace

std::vector<Row> key_methods() {
  return {{"set_keys", set_keys}, {"set_recovery", set_recovery}, {"recover", recover}};
}

}  // namespace chengxin::identity
