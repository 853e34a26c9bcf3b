#include <algorithm>

#include "crypto/sm3.h"
#include "identity/impl/session.h"

// What registrars do: enrol, update, suspend, restore, revoke; all by the batch, whole or not at all. And
// what a subject does to end.
namespace chengxin::identity {
namespace {

constexpr std::string_view kEnrolled = "register";

bool in_tree(Kind kind) { return kind == Kind::legal || kind == Kind::public_body || kind == Kind::unit; }

bool services_fit(const std::vector<Service>& services) {
  if (services.size() > kMaxServices) return false;
  for (size_t i = 0; i < services.size(); ++i) {
    const Service& each = services[i];
    if (!is_name(each.name) || !is_name(each.type) || !is_name(each.endpoint, 256)) return false;
    for (size_t k = 0; k < i; ++k)
      if (services[k].name == each.name) return false;
  }
  return true;
}

// That `parent` may be above `id`: there, active, an organisation, and not below it.
Status check_parent(const Session& session, const SubjectId& id, const SubjectId& parent) {
  SubjectId at = parent;
  for (size_t depth = 0; depth < kMaxDepth; ++depth) {
    if (at == id) return refused("identity.parent_cycle");
    ASSIGN(auto above, read_record<Subject>(session.read, subject_key(at)));
    if (!above) return refused("identity.no_parent");
    if (at == parent) {
      if (!in_tree(above->kind)) return refused("identity.parent_kind");
      TRY(check_active(*above));
    }
    if (!above->parent) return {};
    at = *above->parent;
  }
  return refused("identity.parent_depth");
}

Status put_in_tree(Session& session, const SubjectId& id, const Subject& subject) {
  if (!subject.parent) return {};
  TRY(check_parent(session, id, *subject.parent));
  session.put_bytes(child_key(*subject.parent, id), {uint8_t(subject.kind)});
  return {};
}

Status enrol(Session& session, const NewSubject& made, Totals& totals, Bytes& ids) {
  if (made.seed.size() < 16 || made.seed.size() > 32) return refused("identity.seed");
  if (!services_fit(made.services)) return refused("identity.service");
  const SubjectId id = subject_id(session.context.chain, session.context.signer, made.seed);
  ASSIGN(auto there, session.read(subject_key(id)));
  if (there) return refused("identity.exists");
  if (made.unique) {
    ASSIGN(auto taken, session.read(unique_key(*made.unique)));
    if (taken) return refused("identity.not_unique");
    session.put_bytes(unique_key(*made.unique), to_bytes(id));
  }
  Subject subject;
  subject.kind = made.kind;
  subject.parent = made.parent;
  subject.registrar = session.context.signer;
  subject.commitment = made.commitment;
  subject.unique = made.unique;
  subject.services = made.services;
  subject.recovery_key = made.recovery_key;
  subject.recovery_registrars = made.recovery_registrars;
  subject.created_ms = session.now_ms();
  subject.change = session.change(kEnrolled);
  for (const Key& each : made.keys) TRY(session.take_key(id, subject, each, false));
  TRY(put_in_tree(session, id, subject));
  session.put(subject_key(id), subject);
  ++totals.of(made.kind).active;
  append(ids, id);
  return {};
}

Status enrol_all(Session& session) {
  ASSIGN(const auto call, session.arguments<Register>());
  if (call.subjects.empty() || call.subjects.size() > kMaxBatch) return refused("identity.batch");
  ASSIGN(const Registrar registrar, session.registrar(Right::enrol));
  ASSIGN(Totals totals, totals_of(session.read));
  Bytes ids;
  for (const NewSubject& each : call.subjects) {
    if (!registrar.kinds.has(each.kind)) return forbidden("identity.kind");
    TRY(enrol(session, each, totals, ids));
  }
  session.put(kTotalsKey, totals);
  session.tell(kEnrolled, {ids});
  put_be(session.result.output, uint64_t(call.subjects.size()));
  return {};
}

Status update_one(Session& session, const Update& call) {
  if (!is_text(call.why, 200)) return refused("identity.why");
  ASSIGN(const Subject before, session.expect(call.of));
  TRY(session.may_register(Right::enrol, before.kind));
  if (before.status == SubjectStatus::revoked || before.status == SubjectStatus::deactivated)
    return check_active(before);
  Subject subject = before;
  subject.commitment = call.commitment;
  if (call.parent != before.parent) {
    if (before.parent) session.context.state.erase(child_key(*before.parent, call.of.subject));
    subject.parent = call.parent;
    TRY(put_in_tree(session, call.of.subject, subject));
  }
  session.keep(call.of.subject, subject, before, "update", call.why);
  return {};
}

Status update(Session& session) {
  ASSIGN(const auto call, session.arguments<UpdateMany>());
  if (call.updates.empty() || call.updates.size() > kMaxBatch) return refused("identity.batch");
  for (const Update& each : call.updates) TRY(update_one(session, each));
  return {};
}

struct Transition {
  std::string_view name;
  Right right;
  SubjectStatus to;
  std::initializer_list<SubjectStatus> from;
};
const Transition kSuspend{"suspend", Right::suspend, SubjectStatus::suspended, {SubjectStatus::active}};
const Transition kRestore{"restore", Right::restore, SubjectStatus::active, {SubjectStatus::suspended}};
const Transition kRevoke{
    "revoke", Right::revoke, SubjectStatus::revoked, {SubjectStatus::active, SubjectStatus::suspended}};

Status move(Session& session, const SubjectId& id, const Subject& before, SubjectStatus to,
            std::string_view action, std::string_view why) {
  Subject subject = before;
  subject.status = to;
  if (to == SubjectStatus::revoked || to == SubjectStatus::deactivated) TRY(session.close_accounts(subject));
  TRY(session.move_total(before.kind, before.status, to));
  session.keep(id, subject, before, action, why);
  return {};
}

Status move_all(Session& session, const Transition& transition) {
  ASSIGN(const auto call, session.arguments<ChangeStatus>());
  if (call.subjects.empty() || call.subjects.size() > kMaxBatch) return refused("identity.batch");
  if (!is_text(call.why, 200)) return refused("identity.why");
  for (const Expected& each : call.subjects) {
    ASSIGN(const Subject before, session.expect(each));
    TRY(session.may_register(transition.right, before.kind));
    if (std::find(transition.from.begin(), transition.from.end(), before.status) == transition.from.end())
      return refused("identity.status");
    TRY(move(session, each.subject, before, transition.to, transition.name, call.why));
  }
  return {};
}

Status suspend(Session& session) { return move_all(session, kSuspend); }
Status restore(Session& session) { return move_all(session, kRestore); }
Status revoke(Session& session) { return move_all(session, kRevoke); }

Status deactivate(Session& session) {
  ASSIGN(const auto call, session.arguments<ChangeStatus>());
  if (call.subjects.size() != 1) return refused("identity.batch");
  if (!is_text(call.why, 200)) return refused("identity.why");
  const Expected& of = call.subjects.front();
  ASSIGN(const Subject before, session.expect(of));
  TRY(session.acts_for(of.subject, before, "identity.deactivate"));
  return move(session, of.subject, before, SubjectStatus::deactivated, "deactivate", call.why);
}

Status set_services(Session& session) {
  ASSIGN(const auto call, session.arguments<SetServices>());
  if (!services_fit(call.services)) return refused("identity.service");
  ASSIGN(const Subject before, session.expect(call.of));
  TRY(session.acts_for(call.of.subject, before, "identity.services"));
  Subject subject = before;
  subject.services = call.services;
  session.keep(call.of.subject, subject, before, "set_services");
  return {};
}

}  // namespace

std::vector<Row> subject_methods() {
  return {{kEnrolled, enrol_all},        {"update", update}, {"suspend", suspend},
          {"restore", restore},          {"revoke", revoke}, {"deactivate", deactivate},
          {"set_services", set_services}};
}

}  // namespace chengxin::identity
