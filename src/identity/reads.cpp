#include "identity/reads.h"

#include <algorithm>

namespace chengxin::identity {
namespace {

bool covers(const std::vector<std::string>& granted, std::string_view scope) {
  return std::any_of(granted.begin(), granted.end(), [&](const std::string& each) {
    if (each == "*" || each == scope) return true;
    return each.ends_with(".*") && scope.starts_with(std::string_view(each).substr(0, each.size() - 1));
  });
}

// In the order in which a relation is looked at: what fails later came nearer.
constexpr std::string_view kHurdles[] = {"identity.may_no_relation",
                                         "identity.may_not_accepted",
                                         "identity.may_scope",
                                         "identity.may_not_yet",
                                         "identity.may_expired",
                                         "identity.may_limit",
                                         ""};

size_t hurdle(const Relation& relation, const Question& question) {
  const Authority& authority = relation.authority;
  if (relation.status != RelationStatus::accepted) return 1;
  if (!covers(authority.scopes, question.scope)) return 2;
  if (question.time_ms < authority.not_before_ms) return 3;
  if (authority.not_after_ms != 0 && question.time_ms > authority.not_after_ms) return 4;
  if (!authority.unlimited && question.amount > authority.limit) return 5;
  return 6;
}

}  // namespace

Read reader(const ledger::Ledger& ledger) {
  return [&ledger](std::string_view key) { return ledger.state(key); };
}

Read reader(ledger::StateView& state) {
  return [&state](std::string_view key) { return state.get(key); };
}

Result<Subject> subject_of(const Read& read, const SubjectId& id) {
  ASSIGN(auto found, read_record<Subject>(read, subject_key(id)));
  if (!found) return fail(Code::not_found, "identity.no_subject", "{}", hex(id));
  return std::move(*found);
}

Result<std::optional<SubjectId>> subject_of_key(const Read& read, const KeyId& key) {
  ASSIGN(auto owner, read_record<KeyOwner>(read, owner_key(key)));
  if (!owner || owner->removed) return std::optional<SubjectId>();
  return std::optional(owner->subject);
}

Status check_active(const Subject& subject) {
  switch (subject.status) {
    case SubjectStatus::active:
      return {};
    case SubjectStatus::suspended:
      return fail(Code::forbidden, "identity.subject_suspended");
    case SubjectStatus::revoked:
      return fail(Code::forbidden, "identity.subject_revoked");
    case SubjectStatus::deactivated:
      return fail(Code::forbidden, "identity.subject_deactivated");
  }
  return fail(Code::data_loss, "format.identity_record", "a status of {}", uint32_t(subject.status));
}

Status check_signer(const Read& read, const KeyId& key) {
  ASSIGN(auto id, subject_of_key(read, key));
  if (!id) return {};
  ASSIGN(Subject subject, subject_of(read, *id));
  return check_active(subject);
}

Result<Answer> may_act(const Read& read, const Question& question) {
  for (const SubjectId& each : {question.actor, question.principal}) {
    ASSIGN(Subject subject, subject_of(read, each));
    if (auto active = check_active(subject); !active) return Answer{false, active.error().reason, 0};
  }
  if (question.actor == question.principal) return Answer{true, {}, 0};
  ASSIGN(auto between, read(between_key(question.principal, question.actor)));
  size_t best = 0;
  Answer answer;
  const Bytes list = between.value_or(Bytes());
  Reader numbers(list);
  while (numbers.remaining() > 0) {
    const auto number = numbers.be<uint64_t>();
    ASSIGN(auto relation, read_record<Relation>(read, relation_key(question.principal, number)));
    if (!relation) return fail(Code::data_loss, "format.identity_record", "relation {} is not there", number);
    const size_t cleared = hurdle(*relation, question);
    if (cleared <= best) continue;
    best = cleared;
    answer.relation = number;
  }
  answer.reason = kHurdles[best];
  answer.may = answer.reason.empty();
  return answer;
}

Result<std::vector<Change>> history_of(const Read& read, const SubjectId& id) {
  ASSIGN(Subject subject, subject_of(read, id));
  std::vector<Change> out;
  for (uint64_t version = 1; version < subject.version; ++version) {
    ASSIGN(auto change, read_record<Change>(read, history_key(id, version)));
    if (!change) break;  // a block came between
    out.push_back(std::move(*change));
  }
  out.push_back(std::move(subject.change));
  return out;
}

Result<Totals> totals_of(const Read& read) {
  ASSIGN(auto totals, read_record<Totals>(read, kTotalsKey));
  return totals.value_or(Totals());
}

Result<std::optional<Template>> template_of(const Read& read, const SubjectId& owner, std::string_view name,
                                            uint64_t version) {
  return read_record<Template>(read, template_key(owner, name, version));
}

Result<uint64_t> last_template(const Read& read, const SubjectId& owner, std::string_view name) {
  ASSIGN(auto last, read(template_last_key(owner, name)));
  return last && last->size() == 8 ? get_be<uint64_t>(last->data()) : 0;
}

Status may_issue(const Read& read, const SubjectId& issuer, const SubjectId& owner, std::string_view name,
                 uint64_t version, uint64_t time_ms) {
  ASSIGN(auto found, template_of(read, owner, name, version));
  if (!found) return fail(Code::not_found, "identity.no_template", "{} version {}", name, version);
  if (found->status != TemplateStatus::active) return fail(Code::conflict, "identity.template_not_active");
  ASSIGN(Subject subject, subject_of(read, issuer));
  TRY(check_active(subject));
  if (std::find(found->agents.begin(), found->agents.end(), issuer) != found->agents.end()) {
    ASSIGN(Subject of, subject_of(read, owner));
    return check_active(of);
  }
  ASSIGN(Answer answer, may_act(read, {issuer, owner, "credential.issue." + std::string(name), 0, time_ms}));
  if (!answer.may) return fail(Code::forbidden, answer.reason);
  return {};
}

}  // namespace chengxin::identity
