#pragma once
#include <functional>

#include "identity/model.h"
#include "ledger/ledger.h"

// What the contract `identity` keeps, read from a block's state or, by other native contracts, from their
// call's.
namespace chengxin::identity {

using Read = std::function<Result<std::optional<Bytes>>(std::string_view key)>;
Read reader(const ledger::Ledger& ledger);  // at the head
Read reader(ledger::StateView& state);      // of a call whose method declares reads of kStatePrefix

// Nothing when there is none. format.identity_record is damage.
template <typename T>
Result<std::optional<T>> read_record(const Read& read, std::string_view key) {
  ASSIGN(auto stored, read(key));
  if (!stored) return std::optional<T>();
  ASSIGN(T out, decode<T>(*stored));
  return std::optional<T>(std::move(out));
}

Result<Subject> subject_of(const Read& read, const SubjectId& id);  // identity.no_subject
// Whose key it is now; nothing: nobody's.
Result<std::optional<SubjectId>> subject_of_key(const Read& read, const KeyId& key);
// identity.subject_suspended, identity.subject_revoked, identity.subject_deactivated.
Status check_active(const Subject& subject);
// The same for the subject whose key it is. A key of nobody's is no matter of identities.
Status check_signer(const Read& read, const KeyId& key);

// May `actor` act for `principal` in `scope` with `amount` units at `time_ms`?
struct Question {
  SubjectId actor{}, principal{};
  std::string scope;
  uint64_t amount = 0, time_ms = 0;
};
struct Answer {
  bool may = false;
  std::string reason;     // when it may not: identity.may_*, identity.subject_*
  uint64_t relation = 0;  // by which, or which came nearest; 0: it is the principal itself, or there is none
};
Result<Answer> may_act(const Read& read, const Question& question);  // identity.no_subject

// What happened to a subject, from its first change on.
Result<std::vector<Change>> history_of(const Read& read, const SubjectId& id);  // identity.no_subject
Result<Totals> totals_of(const Read& read);
Result<std::optional<Template>> template_of(const Read& read, const SubjectId& owner, std::string_view name,
                                            uint64_t version);
Result<uint64_t> last_template(const Read& read, const SubjectId& owner, std::string_view name);  // 0: none
// Whether `issuer` may issue by an active version of a template: its owner, one of its agents, or who may act
// for the owner in "credential.issue." || name. identity.no_template, identity.template_not_active,
// identity.may_*.
Status may_issue(const Read& read, const SubjectId& issuer, const SubjectId& owner, std::string_view name,
                 uint64_t version, uint64_t time_ms);

}  // namespace chengxin::identity
