#include <algorithm>

#include "crypto/sm3.h"
#include "format/genesis.h"
#include "identity/impl/session.h"

namespace chengxin::identity {
namespace {

using format::Account;

constexpr uint64_t kGasPerEntry = 20'000;  // written: hashed into the state, kept by version

std::string account_key(const KeyId& id) { return to_string(Account::state_key(id)); }

// Made here, and nothing else was added to it.
bool is_ours(const Account& account) {
  return account.roles == std::vector<std::string>{std::string(kSubjectRole)};
}

Result<std::optional<Account>> account_of(const Read& read, const KeyId& id) {
  ASSIGN(auto stored, read(account_key(id)));
  if (!stored) return std::optional<Account>();
  ASSIGN(Account account, Account::decode(*stored));
  return std::optional(std::move(account));
}

}  // namespace

tl::unexpected<Error> refused(std::string_view reason) { return fail(Code::conflict, reason); }
tl::unexpected<Error> forbidden(std::string_view reason) { return fail(Code::forbidden, reason); }

Bytes big_endian(uint64_t number) {
  Bytes out;
  put_be(out, number);
  return out;
}

bool is_text(std::string_view text, size_t most) {
  return text.size() <= most &&
         std::none_of(text.begin(), text.end(), [](char c) { return uint8_t(c) < 32 || c == 127; });
}

bool is_name(std::string_view text, size_t most) { return !text.empty() && is_text(text, most); }

void Session::put_bytes(std::string_view key, Bytes value) {
  result.own_gas += kGasPerEntry;
  context.state.put(key, std::move(value));
}

Change Session::change(std::string_view action, std::string_view why) const {
  return {std::string(action),
          context.transaction,
          context.signer,
          context.height,
          now_ms(),
          std::string(why),
          {}};
}

void Session::tell(std::string_view type, std::initializer_list<ByteView> parts) {
  Bytes data;
  for (ByteView part : parts) append(data, part);
  result.events.push_back({"identity", std::string(type), std::move(data)});
}

Result<Subject> Session::find(const SubjectId& id) const { return subject_of(read, id); }

Result<Subject> Session::expect(const Expected& of) const {
  ASSIGN(Subject subject, find(of.subject));
  if (subject.version != of.version) return refused("identity.version");
  return subject;
}

void Session::keep(const SubjectId& id, Subject& subject, const Subject& before, std::string_view action,
                   std::string_view why) {
  Change past = before.change;
  past.record = crypto::sm3(encode(before));
  put(history_key(id, before.version), past);
  subject.version = before.version + 1;
  subject.change = change(action, why);
  put(subject_key(id), subject);
  tell(action, {id, big_endian(subject.version)});
}

Status Session::move_total(Kind kind, std::optional<SubjectStatus> from, SubjectStatus to) {
  ASSIGN(Totals totals, totals_of(read));
  if (from) --totals.of(kind).of(*from);
  ++totals.of(kind).of(to);
  put(kTotalsKey, totals);
  return {};
}

Result<Registrar> Session::registrar(Right right) const {
  ASSIGN(auto found, read_record<Registrar>(read, registrar_key(context.signer)));
  if (!found || !found->rights.has(right)) return forbidden("identity.no_right");
  return std::move(*found);
}

Status Session::may_register(Right right, Kind kind) const {
  ASSIGN(Registrar found, registrar(right));
  if (!found.kinds.has(kind)) return forbidden("identity.kind");
  return {};
}

Result<SubjectId> Session::signer_subject() const {
  ASSIGN(auto id, subject_of_key(read, context.signer));
  if (!id) return forbidden("identity.not_a_subject");
  return *id;
}

Status Session::acts_for(const SubjectId& id, const Subject& subject, std::string_view scope) const {
  ASSIGN(const SubjectId signer, signer_subject());
  TRY(check_active(subject));
  ASSIGN(Subject own, find(signer));
  const auto key = std::find_if(own.keys.begin(), own.keys.end(),
                                [&](const Key& each) { return each.id() == context.signer; });
  if (key == own.keys.end() || !key->purposes.has(Purpose::authenticate))
    return forbidden("identity.key_purpose");
  if (signer == id) return {};
  ASSIGN(Answer answer, identity::may_act(read, {signer, id, std::string(scope), 0, now_ms()}));
  if (!answer.may)
    return forbidden(answer.relation == 0 ? "identity.not_controller" : std::string_view(answer.reason));
  return {};
}

Status Session::is_itself(const SubjectId& id, const Subject& subject) const {
  ASSIGN(const SubjectId signer, signer_subject());
  if (signer != id) return forbidden("identity.not_controller");
  return acts_for(id, subject, {});
}

Status Session::take_key(const SubjectId& id, Subject& subject, const Key& key, bool proven) {
  if (key.purposes.empty()) return refused("identity.key_purpose");
  if (subject.keys.size() >= kMaxKeys) return refused("identity.too_many_keys");
  if (!crypto::Sm2PublicKey::from_point(key.public_key)) return refused("identity.public_key");
  const KeyId key_id = key.id();
  ASSIGN(auto owner, read(owner_key(key_id)));
  if (owner) return refused("identity.key_used");
  ASSIGN(auto account, account_of(read, key_id));
  // Whose account it is must say so itself: who could take it away might suspend it.
  if (account && !proven) return refused("identity.key_has_account");
  if (account && !account->active) return refused("identity.key_revoked");
  if (!account && key.purposes.has(Purpose::authenticate))
    put_bytes(account_key(key_id), Account{key.public_key, true, {std::string(kSubjectRole)}}.encode());
  put(owner_key(key_id), KeyOwner{id, false});
  subject.keys.push_back(key);
  return {};
}

Status Session::drop_key(const SubjectId& id, Subject& subject, const KeyId& key) {
  const size_t before = subject.keys.size();
  std::erase_if(subject.keys, [&](const Key& each) { return each.id() == key; });
  if (subject.keys.size() == before) return refused("identity.no_key");
  put(owner_key(key), KeyOwner{id, true});
  ASSIGN(auto account, account_of(read, key));
  if (!account || !is_ours(*account)) return {};
  account->active = false;
  put_bytes(account_key(key), account->encode());
  return {};
}

Status Session::close_accounts(const Subject& subject) {
  for (const Key& each : subject.keys) {
    ASSIGN(auto account, account_of(read, each.id()));
    if (!account || !is_ours(*account)) continue;
    account->active = false;
    put_bytes(account_key(each.id()), account->encode());
  }
  return {};
}

}  // namespace chengxin::identity
