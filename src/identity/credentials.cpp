#include <algorithm>

#include "identity/impl/session.h"

// What credentials rest on: templates, anchors of status lists; and consents to the use of data.
namespace chengxin::identity {
namespace {

bool may_follow(TemplateStatus from, TemplateStatus to) {
  return from == to || (from == TemplateStatus::draft) ||
         (from == TemplateStatus::active && to == TemplateStatus::retired);
}

// The version that stands, changed as the call says; nothing when it is a new one.
Result<Template> changed(const Session& session, const SetTemplate& call) {
  ASSIGN(const uint64_t last, last_template(session.read, call.owner, call.name));
  if (call.version == last + 1 && call.changes == 0) return Template{};
  ASSIGN(auto found, template_of(session.read, call.owner, call.name, call.version));
  if (!found) return refused("identity.template_version");
  if (found->changes != call.changes) return refused("identity.version");
  if (found->schema != call.schema) return refused("identity.template_schema");
  if (!may_follow(found->status, call.status)) return refused("identity.status");
  return std::move(*found);
}

Status set_template(Session& session) {
  ASSIGN(const auto call, session.arguments<SetTemplate>());
  if (!is_name(call.name) || !is_text(call.location, 256)) return refused("identity.name");
  if (call.agents.size() > kMaxAgents) return refused("identity.too_many_agents");
  ASSIGN(const Subject owner, session.find(call.owner));
  TRY(session.acts_for(call.owner, owner, "credential.template"));
  for (const SubjectId& each : call.agents) {
    ASSIGN(const Subject agent, session.find(each));
    TRY(check_active(agent));
  }
  ASSIGN(Template kept, changed(session, call));
  kept.status = call.status;
  kept.schema = call.schema;
  kept.location = call.location;
  kept.agents = call.agents;
  kept.changes = call.changes + 1;
  kept.change = session.change("set_template");
  session.put(template_key(call.owner, call.name, call.version), kept);
  if (call.changes == 0)
    session.put_bytes(template_last_key(call.owner, call.name), big_endian(call.version));
  session.tell("set_template", {call.owner, big_endian(call.version), view(call.name)});
  return {};
}

Status anchor_status(Session& session) {
  ASSIGN(const auto call, session.arguments<AnchorStatus>());
  if (!is_name(call.list) || !is_text(call.location, 256)) return refused("identity.name");
  ASSIGN(const Subject issuer, session.find(call.issuer));
  TRY(session.acts_for(call.issuer, issuer, "credential.status"));
  ASSIGN(auto found, read_record<StatusAnchor>(session.read, anchor_key(call.issuer, call.list)));
  if (call.sequence != (found ? found->sequence : 0) + 1) return refused("identity.sequence");
  session.put(anchor_key(call.issuer, call.list),
              StatusAnchor{call.sequence, call.digest, call.location, session.change("anchor_status")});
  session.tell("anchor_status", {call.issuer, big_endian(call.sequence), view(call.list)});
  return {};
}

bool terms_fit(const ConsentTerms& terms) {
  return !terms.data.empty() && terms.data.size() <= kMaxData && is_name(terms.purpose, 128) &&
         std::all_of(terms.data.begin(), terms.data.end(),
                     [](const std::string& each) { return is_name(each); });
}

Status consent(Session& session) {
  ASSIGN(const auto call, session.arguments<GiveConsent>());
  if (!terms_fit(call.terms)) return refused("identity.consent_terms");
  if (call.terms.until_ms <= session.now_ms() || call.terms.until_ms <= call.terms.from_ms)
    return refused("identity.dates");
  ASSIGN(const Subject before, session.expect(call.of));
  TRY(session.acts_for(call.of.subject, before, "identity.consent"));
  ASSIGN(const Subject verifier, session.find(call.terms.verifier));
  TRY(check_active(verifier));
  Subject subject = before;
  const uint64_t number = ++subject.consents;
  session.put(consent_key(call.of.subject, number), Consent{call.terms, 0, 0, session.change("consent")});
  session.keep(call.of.subject, subject, before, "consent");
  put_be(session.result.output, number);
  return {};
}

Result<Consent> consent_of(const Session& session, const SubjectId& subject, uint64_t number) {
  ASSIGN(auto found, read_record<Consent>(session.read, consent_key(subject, number)));
  if (!found) return refused("identity.no_consent");
  return std::move(*found);
}

Status revoke_consent(Session& session) {
  ASSIGN(const auto call, session.arguments<Numbered>());
  ASSIGN(Consent given, consent_of(session, call.subject, call.number));
  ASSIGN(const Subject subject, session.find(call.subject));
  TRY(session.acts_for(call.subject, subject, "identity.consent"));
  if (given.revoked_ms != 0) return refused("identity.consent_revoked");
  given.revoked_ms = std::max<uint64_t>(session.now_ms(), 1);
  given.change = session.change("revoke_consent");
  session.put(consent_key(call.subject, call.number), given);
  session.tell("revoke_consent", {call.subject, big_endian(call.number)});
  return {};
}

// Why the consent does not hold for this use; empty: it does.
std::string_view unfit(const Consent& given, const UseConsent& call, uint64_t now_ms) {
  const ConsentTerms& terms = given.terms;
  if (given.revoked_ms != 0) return "identity.consent_revoked";
  if (now_ms < terms.from_ms) return "identity.consent_not_yet";
  if (now_ms > terms.until_ms) return "identity.consent_expired";
  if (call.purpose != terms.purpose) return "identity.consent_purpose";
  if (call.data.empty()) return "identity.consent_data";
  for (const std::string& each : call.data)
    if (std::find(terms.data.begin(), terms.data.end(), each) == terms.data.end())
      return "identity.consent_data";
  if (terms.most_uses != 0 && given.uses >= terms.most_uses) return "identity.consent_used_up";
  return {};
}

Status use_consent(Session& session) {
  ASSIGN(const auto call, session.arguments<UseConsent>());
  ASSIGN(Consent given, consent_of(session, call.subject, call.number));
  ASSIGN(const Subject verifier, session.find(given.terms.verifier));
  TRY(session.acts_for(given.terms.verifier, verifier, "identity.consent_use"));
  ASSIGN(const Subject subject, session.find(call.subject));
  TRY(check_active(subject));
  if (const auto reason = unfit(given, call, session.now_ms()); !reason.empty()) return refused(reason);
  ++given.uses;
  given.change = session.change("use_consent");
  session.put(consent_key(call.subject, call.number), given);
  session.tell("use_consent",
               {call.subject, big_endian(call.number), big_endian(given.uses), call.reference});
  put_be(session.result.output, given.uses);
  return {};
}

}  // namespace

std::vector<Row> credential_methods() {
  return {{"set_template", set_template},
          {"anchor_status", anchor_status},
          {"consent", consent},
          {"revoke_consent", revoke_consent},
          {"use_consent", use_consent}};
}

}  // namespace chengxin::identity
