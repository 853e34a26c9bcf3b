#pragma once
#include "base/json.h"
#include "format/fields.h"
#include "format/transaction.h"

// What the native contract `identity` takes and keeps (docs/formats/identity.md). Each struct's list of
// fields is its format: its order gives the numbers.
namespace chengxin::identity {

using format::Flags;
using format::KeyId;

inline constexpr uint32_t kIdentityProtocol = 4;  // blocks of earlier versions know none of this

using SubjectId = std::array<uint8_t, 20>;

enum class Kind : uint32_t { natural = 1, legal, public_body, unit, official, application, device };
enum class SubjectStatus : uint32_t { active = 1, suspended, revoked, deactivated };
enum class Purpose : uint32_t { authenticate = 1, assertion, agreement };
// What a registrar may do; with the kinds that it may do it to.
enum class Right : uint32_t {
  admin = 1,
  enrol,
  suspend,
  restore,
  revoke,
  recover,
  pseudonym,
  order,
  approve
};
enum class RelationKind : uint32_t { legal_representative = 1, agent, employee, member, delegate };
enum class RelationStatus : uint32_t { offered = 1, accepted, revoked };
enum class TemplateStatus : uint32_t { draft = 1, active, retired };
enum class OrderStatus : uint32_t { proposed = 1, approved, rejected, executed };

}  // namespace chengxin::identity

namespace chengxin::format {
template <>
struct EnumNames<identity::Kind> {
  static constexpr std::string_view names[] = {"natural",  "legal",       "public_body", "unit",
                                               "official", "application", "device"};
};
template <>
struct EnumNames<identity::SubjectStatus> {
  static constexpr std::string_view names[] = {"active", "suspended", "revoked", "deactivated"};
};
template <>
struct EnumNames<identity::Purpose> {
  static constexpr std::string_view names[] = {"authenticate", "assertion", "agreement"};
};
template <>
struct EnumNames<identity::Right> {
  static constexpr std::string_view names[] = {"admin",   "enrol",     "suspend", "restore", "revoke",
                                               "recover", "pseudonym", "order",   "approve"};
};
template <>
struct EnumNames<identity::RelationKind> {
  static constexpr std::string_view names[] = {"legal_representative", "agent", "employee", "member",
                                               "delegate"};
};
template <>
struct EnumNames<identity::RelationStatus> {
  static constexpr std::string_view names[] = {"offered", "accepted", "revoked"};
};
template <>
struct EnumNames<identity::TemplateStatus> {
  static constexpr std::string_view names[] = {"draft", "active", "retired"};
};
template <>
struct EnumNames<identity::OrderStatus> {
  static constexpr std::string_view names[] = {"proposed", "approved", "rejected", "executed"};
};
}  // namespace chengxin::format

namespace chengxin::identity {

// ── State ──────────────────────────────────────────────────────────────────────────────────────────────────

struct Key {
  crypto::Sm2Point public_key{};
  Flags<Purpose> purposes;
  std::optional<Digest> certificate;  // SM3 of the DER
  KeyId id() const { return format::key_id(public_key); }
  bool operator==(const Key&) const = default;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("public_key", self.public_key);
    f("purposes", self.purposes);
    f("certificate", self.certificate);
  }
};

struct Service {
  std::string name, type, endpoint;
  bool operator==(const Service&) const = default;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("name", self.name);
    f("type", self.type);
    f("endpoint", self.endpoint);
  }
};

// One change of a subject: who made it, where.
struct Change {
  std::string action;  // the method
  Digest transaction{};
  KeyId signer{};
  uint64_t height = 0, time_ms = 0;
  std::string why;
  std::optional<Digest> record;  // SM3 of the record as the change left it; of changes that are not the last
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("action", self.action);
    f("transaction", self.transaction);
    f("signer", self.signer);
    f("height", self.height);
    f("time_ms", self.time_ms);
    f("why", self.why);
    f("record", self.record);
  }
};

// A person, an organisation or a thing. `version` counts its changes from 1 on.
struct Subject {
  Kind kind = Kind::natural;
  SubjectStatus status = SubjectStatus::active;
  uint64_t version = 1;
  std::optional<SubjectId> parent;   // in the tree of organisations
  KeyId registrar{};                 // who enrolled it
  std::optional<Digest> commitment;  // to personal data that is kept elsewhere
  std::optional<Digest> unique;      // marks the same person for a registrar, without telling who it is
  std::vector<Key> keys;
  std::vector<Service> services;
  std::optional<KeyId> recovery_key;
  uint32_t recovery_registrars = 0;      // that must agree to recover it; 0: they cannot
  uint64_t relations = 0, consents = 0;  // the last numbers given
  uint64_t created_ms = 0;
  Change change;  // the last
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("kind", self.kind);
    f("status", self.status);
    f("version", self.version);
    f("parent", self.parent);
    f("registrar", self.registrar);
    f("commitment", self.commitment);
    f("unique", self.unique);
    f("keys", self.keys);
    f("services", self.services);
    f("recovery_key", self.recovery_key);
    f("recovery_registrars", self.recovery_registrars);
    f("relations", self.relations);
    f("consents", self.consents);
    f("created_ms", self.created_ms);
    f("change", self.change);
  }
};

// Whose a key is. One that was taken away stays noted: it never becomes another's.
struct KeyOwner {
  SubjectId subject{};
  bool removed = false;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subject", self.subject);
    f("removed", self.removed);
  }
};

struct Registrar {
  Flags<Right> rights;
  Flags<Kind> kinds;
  bool operator==(const Registrar&) const = default;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("rights", self.rights);
    f("kinds", self.kinds);
  }
};

// What has been agreed to so far: by governors to the first registrar, by registrars to a recovery.
struct Approvals {
  Digest what{};
  std::vector<KeyId> by;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("what", self.what);
    f("by", self.by);
  }
};

// What a principal lets another do for it.
struct Authority {
  RelationKind kind = RelationKind::agent;
  std::vector<std::string> scopes;  // "tax.file"; "tax.*" holds all below, "*" all
  uint64_t limit = 0;               // most units of one act; 0: acts without an amount only
  bool unlimited = false;
  uint64_t not_before_ms = 0, not_after_ms = 0;  // 0: no bound
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("kind", self.kind);
    f("scopes", self.scopes);
    f("limit", self.limit);
    f("unlimited", self.unlimited);
    f("not_before_ms", self.not_before_ms);
    f("not_after_ms", self.not_after_ms);
  }
};

struct Relation {
  RelationStatus status = RelationStatus::offered;
  SubjectId other{};
  Authority authority;
  Change change;  // the last
  std::optional<SubjectId> revoked_by;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("status", self.status);
    f("other", self.other);
    f("authority", self.authority);
    f("change", self.change);
    f("revoked_by", self.revoked_by);
  }
};

struct Template {
  TemplateStatus status = TemplateStatus::draft;
  Digest schema{};  // SM3 of the schema document
  std::string location;
  std::vector<SubjectId> agents;  // that issue by it besides its owner
  uint64_t changes = 1;
  Change change;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("status", self.status);
    f("schema", self.schema);
    f("location", self.location);
    f("agents", self.agents);
    f("changes", self.changes);
    f("change", self.change);
  }
};

struct StatusAnchor {
  uint64_t sequence = 0;
  Digest digest{};
  std::string location;
  Change change;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("sequence", self.sequence);
    f("digest", self.digest);
    f("location", self.location);
    f("change", self.change);
  }
};

struct ConsentTerms {
  SubjectId verifier{};
  std::vector<std::string> data;
  std::string purpose;
  uint64_t from_ms = 0, until_ms = 0;
  uint64_t most_uses = 0;  // 0: no bound
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("verifier", self.verifier);
    f("data", self.data);
    f("purpose", self.purpose);
    f("from_ms", self.from_ms);
    f("until_ms", self.until_ms);
    f("most_uses", self.most_uses);
  }
};

struct Consent {
  ConsentTerms terms;
  uint64_t uses = 0;
  uint64_t revoked_ms = 0;  // 0: it was not
  Change change;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("terms", self.terms);
    f("uses", self.uses);
    f("revoked_ms", self.revoked_ms);
    f("change", self.change);
  }
};

// A pseudonym in a scene. Who it is stands nowhere on the chain.
struct Pseudonym {
  Digest nullifier{};
  KeyId manager{};
  uint64_t height = 0;
  bool closed = false;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("nullifier", self.nullifier);
    f("manager", self.manager);
    f("height", self.height);
    f("closed", self.closed);
  }
};

// To tell who a pseudonym is: proposed by one, approved by another.
struct Order {
  OrderStatus status = OrderStatus::proposed;
  std::string scene;
  Digest pseudonym{};
  Digest grounds{};  // SM3 of the document that asks for it
  KeyId proposer{};
  std::optional<KeyId> judge;
  std::optional<KeyId> manager;   // who carried it out
  std::optional<Digest> outcome;  // SM3 of what was handed over
  uint64_t proposed_ms = 0, judged_ms = 0, executed_ms = 0;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("status", self.status);
    f("scene", self.scene);
    f("pseudonym", self.pseudonym);
    f("grounds", self.grounds);
    f("proposer", self.proposer);
    f("judge", self.judge);
    f("manager", self.manager);
    f("outcome", self.outcome);
    f("proposed_ms", self.proposed_ms);
    f("judged_ms", self.judged_ms);
    f("executed_ms", self.executed_ms);
  }
};

// Who may name registrars.
struct Admins {
  std::vector<KeyId> keys;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("keys", self.keys);
  }
};

struct Count {
  uint64_t active = 0, suspended = 0, revoked = 0, deactivated = 0;
  uint64_t& of(SubjectStatus status) {
    uint64_t* const counts[] = {&active, &suspended, &revoked, &deactivated};
    return *counts[size_t(status) - 1];
  }
  uint64_t total() const { return active + suspended + revoked + deactivated; }
  bool operator==(const Count&) const = default;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("active", self.active);
    f("suspended", self.suspended);
    f("revoked", self.revoked);
    f("deactivated", self.deactivated);
  }
};
// How many there are, by kind; and of orders the last number.
struct Totals {
  Count natural, legal, public_body, unit, official, application, device;
  uint64_t orders = 0;
  Count& of(Kind kind) {
    Count* const counts[] = {&natural, &legal, &public_body, &unit, &official, &application, &device};
    return *counts[size_t(kind) - 1];
  }
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("natural", self.natural);
    f("legal", self.legal);
    f("public_body", self.public_body);
    f("unit", self.unit);
    f("official", self.official);
    f("application", self.application);
    f("device", self.device);
    f("orders", self.orders);
  }
};

// ── Arguments ──────────────────────────────────────────────────────────────────────────────────────────────

struct SetRegistrar {
  KeyId key{};
  Registrar registrar;  // no rights: it is none any more
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("key", self.key);
    f("registrar", self.registrar);
  }
};

struct NewSubject {
  Kind kind = Kind::natural;
  Bytes seed;  // 16 to 32 random bytes
  std::optional<SubjectId> parent;
  std::optional<Digest> commitment, unique;
  std::vector<Key> keys;
  std::vector<Service> services;
  std::optional<KeyId> recovery_key;
  uint32_t recovery_registrars = 0;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("kind", self.kind);
    f("seed", self.seed);
    f("parent", self.parent);
    f("commitment", self.commitment);
    f("unique", self.unique);
    f("keys", self.keys);
    f("services", self.services);
    f("recovery_key", self.recovery_key);
    f("recovery_registrars", self.recovery_registrars);
  }
};
struct Register {
  std::vector<NewSubject> subjects;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subjects", self.subjects);
  }
};

// A subject as whoever changes it knows it.
struct Expected {
  SubjectId subject{};
  uint64_t version = 0;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subject", self.subject);
    f("version", self.version);
  }
};
// suspend, restore, revoke; deactivate (of one).
struct ChangeStatus {
  std::vector<Expected> subjects;
  std::string why;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subjects", self.subjects);
    f("why", self.why);
  }
};

// By a registrar. What is absent is taken away.
struct Update {
  Expected of;
  std::optional<SubjectId> parent;
  std::optional<Digest> commitment;
  std::string why;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("parent", self.parent);
    f("commitment", self.commitment);
    f("why", self.why);
  }
};
struct UpdateMany {
  std::vector<Update> updates;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("updates", self.updates);
  }
};

// A key that a subject takes, with the key's own signature: possession_message().
struct ProvenKey {
  Key key;
  crypto::Sm2Signature possession{};
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("key", self.key);
    f("possession", self.possession);
  }
};
struct SetKeys {
  Expected of;
  std::vector<ProvenKey> add;
  std::vector<KeyId> remove;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("add", self.add);
    f("remove", self.remove);
  }
};
struct SetServices {
  Expected of;
  std::vector<Service> services;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("services", self.services);
  }
};
struct SetRecovery {
  Expected of;
  std::optional<KeyId> key;
  uint32_t registrars = 0;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("key", self.key);
    f("registrars", self.registrars);
  }
};
// The keys take the place of all that it has. With the recovery key's signature of recovery_message(),
// whoever hands it in; else it is one registrar's yes.
struct Recover {
  Expected of;
  std::vector<ProvenKey> keys;
  std::optional<crypto::Sm2Point> recovery_key;
  std::optional<crypto::Sm2Signature> signature;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("keys", self.keys);
    f("recovery_key", self.recovery_key);
    f("signature", self.signature);
  }
};

struct Grant {
  Expected principal;
  SubjectId other{};
  Authority authority;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("principal", self.principal);
    f("other", self.other);
    f("authority", self.authority);
  }
};
// Something that a subject has by number: a relation (accept, end), a consent (revoke_consent).
struct Numbered {
  SubjectId subject{};
  uint64_t number = 0;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subject", self.subject);
    f("number", self.number);
  }
};

// A version of a template: a new one when it is one above the last (changes 0), else a change of its status,
// its agents and its location.
struct SetTemplate {
  SubjectId owner{};
  std::string name;
  uint64_t version = 0;
  uint64_t changes = 0;  // of it that whoever asks knows
  TemplateStatus status = TemplateStatus::draft;
  Digest schema{};
  std::string location;
  std::vector<SubjectId> agents;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("owner", self.owner);
    f("name", self.name);
    f("version", self.version);
    f("changes", self.changes);
    f("status", self.status);
    f("schema", self.schema);
    f("location", self.location);
    f("agents", self.agents);
  }
};
struct AnchorStatus {
  SubjectId issuer{};
  std::string list;
  uint64_t sequence = 0;  // one above the last
  Digest digest{};
  std::string location;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("issuer", self.issuer);
    f("list", self.list);
    f("sequence", self.sequence);
    f("digest", self.digest);
    f("location", self.location);
  }
};

struct GiveConsent {
  Expected of;
  ConsentTerms terms;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("of", self.of);
    f("terms", self.terms);
  }
};
struct UseConsent {
  SubjectId subject{};
  uint64_t number = 0;
  std::vector<std::string> data;
  std::string purpose;
  Digest reference{};  // of what was asked for, so that the parties can tell uses apart
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("subject", self.subject);
    f("number", self.number);
    f("data", self.data);
    f("purpose", self.purpose);
    f("reference", self.reference);
  }
};

struct NewPseudonym {
  Digest pseudonym{}, nullifier{};
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("pseudonym", self.pseudonym);
    f("nullifier", self.nullifier);
  }
};
struct RegisterPseudonyms {
  std::string scene;
  std::vector<NewPseudonym> pseudonyms;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("scene", self.scene);
    f("pseudonyms", self.pseudonyms);
  }
};
struct ClosePseudonym {
  std::string scene;
  Digest pseudonym{};
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("scene", self.scene);
    f("pseudonym", self.pseudonym);
  }
};
struct ProposeOrder {
  std::string scene;
  Digest pseudonym{}, grounds{};
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("scene", self.scene);
    f("pseudonym", self.pseudonym);
    f("grounds", self.grounds);
  }
};
struct JudgeOrder {
  uint64_t number = 0;
  bool yes = false;
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("number", self.number);
    f("yes", self.yes);
  }
};
struct ExecuteOrder {
  uint64_t number = 0;
  Digest outcome{};
  template <class Self, class F>
  static void fields(Self& self, F& f) {
    f("number", self.number);
    f("outcome", self.outcome);
  }
};

// ── Bytes and JSON of each ─────────────────────────────────────────────────────────────────────────────────

template <typename T>
Bytes encode(const T& value) {
  return format::fields::Encoder::message(value);
}
template <typename T>
Result<T> decode(ByteView bytes) {
  T out;
  if (!format::fields::Decoder::message(bytes, out))
    return fail(Code::data_loss, "format.identity_record", "not a canonical record of the identity contract");
  return out;
}
template <typename T>
Json to_json(const T& value) {
  return format::fields::JsonWriter::json(value);
}
// format.identity: names the member that does not fit.
template <typename T>
Result<T> from_json(const Json& json) {
  T out;
  std::string wrong;
  if (!format::fields::JsonReader::object(json, out, &wrong))
    return fail(Code::invalid_argument, "format.identity", "{}", wrong);
  return out;
}

// SM3("chengxin/identity/subject/v1" 00 || chain || registrar || seed), its first 20 bytes.
SubjectId subject_id(const Digest& chain, const KeyId& registrar, ByteView seed);
// What a new key signs: "chengxin/identity/key/v1" 00 || chain || subject || version (u64) that it is added
// to || its key id.
Bytes possession_message(const Digest& chain, const Expected& of, const KeyId& key);
// What a recovery key signs: "chengxin/identity/recovery/v1" 00 || chain || subject || version (u64) || the
// key ids of the new keys with their purposes (u32 each).
Bytes recovery_message(const Digest& chain, const Expected& of, const std::vector<ProvenKey>& keys);

// Keys of the state.
std::string subject_key(const SubjectId& id);
std::string history_key(const SubjectId& id, uint64_t version);
std::string owner_key(const KeyId& key);
std::string registrar_key(const KeyId& key);
std::string unique_key(const Digest& unique);
std::string child_key(const SubjectId& parent, const SubjectId& child);  // → the kind (u8)
std::string relation_key(const SubjectId& principal, uint64_t number);
// Under the other's id, so that a range tells whom it acts for: the numbers (u64 each) of the principal's
// relations with it that were not revoked.
std::string between_key(const SubjectId& principal, const SubjectId& other);
std::string template_key(const SubjectId& owner, std::string_view name, uint64_t version);
std::string template_last_key(const SubjectId& owner, std::string_view name);  // → u64
std::string anchor_key(const SubjectId& issuer, std::string_view list);
std::string consent_key(const SubjectId& subject, uint64_t number);
std::string pseudonym_key(std::string_view scene, const Digest& pseudonym);
std::string nullifier_key(std::string_view scene, const Digest& nullifier);
std::string order_key(uint64_t number);
std::string recovery_approvals_key(const SubjectId& id);
inline constexpr std::string_view kTotalsKey = "identity/totals", kFirstKey = "identity/first",
                                  kAdminsKey = "identity/admins";
inline constexpr std::string_view kStatePrefix = "identity/";

}  // namespace chengxin::identity
